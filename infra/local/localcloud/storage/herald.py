"""Tells Eventarc and the bucket's notification configs what happened to an object, inside the transaction of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from localcloud.ports import Broker, ObjectEvents
from localcloud.state import State
from localcloud.storage.clock import Now, stamp_exact

Happening = Literal["finalized", "deleted", "archived", "metadataUpdated"]

# Source: https://cloud.google.com/storage/docs/pubsub-notifications#events
EVENT_TYPES: dict[Happening, str] = {
    "finalized": "OBJECT_FINALIZE",
    "deleted": "OBJECT_DELETE",
    "archived": "OBJECT_ARCHIVE",
    "metadataUpdated": "OBJECT_METADATA_UPDATE",
}

_TOPIC_PREFIX = "//pubsub.googleapis.com/"


class Herald:
    """Publishes object events."""

    def __init__(self, state: State, broker: Broker, events: ObjectEvents, now: Now) -> None:
        self._db = state.db
        self._broker = broker
        self._events = events
        self._now = now

    def announce(self, happening: Happening, resource: Mapping[str, Any], **extra: str) -> None:
        """Everybody who asked is told; call it inside the transaction that made it happen.

        Args:
            happening: what happened to the object.
            resource: the object's resource with links.
            extra: further attributes (`overwroteGeneration`, `overwrittenByGeneration`).
        """
        self._events.emit(happening, resource)
        for config in self._configs(resource["bucket"]):
            if _wants(config, EVENT_TYPES[happening], resource["name"]):
                self._notify(config, EVENT_TYPES[happening], resource, extra)

    def _configs(self, bucket: str) -> Iterator[dict[str, Any]]:
        rows = self._db.execute("SELECT resource FROM storage_notifications WHERE bucket = ? ORDER BY id", (bucket,))
        for row in rows.fetchall():
            yield msgspec.json.decode(row["resource"])

    def _notify(
        self, config: Mapping[str, Any], event_type: str, resource: Mapping[str, Any], extra: Mapping[str, str]
    ) -> None:
        bucket = resource["bucket"]
        attributes = {
            **config.get("custom_attributes", {}),
            "eventType": event_type,
            "bucketId": bucket,
            "objectId": resource["name"],
            "objectGeneration": resource["generation"],
            "eventTime": stamp_exact(self._now()),
            "payloadFormat": config["payload_format"],
            "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/{config['id']}",
            **extra,
        }
        data = msgspec.json.encode(resource) if config["payload_format"] == "JSON_API_V1" else b""
        try:
            self._broker.publish(config["topic"].removeprefix(_TOPIC_PREFIX), data, attributes)
        except KeyError:
            return  # the topic was deleted after the config was made: the real service drops the notification, too


def _wants(config: Mapping[str, Any], event_type: str, name: str) -> bool:
    types = config.get("event_types") or EVENT_TYPES.values()
    return event_type in types and name.startswith(config.get("object_name_prefix", ""))
