"""Handlers of a bucket's notification configs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from localcloud.storage.clock import etag_of
from localcloud.storage.errors import invalid, not_found
from localcloud.storage.herald import EVENT_TYPES
from localcloud.storage.request import Request, quote_segment
from localcloud.storage.service import Service, json_response, no_content

# Source: https://cloud.google.com/storage/quotas#notifications
MAX_CONFIGS = 100
MAX_ATTRIBUTES = 10

_TOPIC = re.compile(r"//pubsub\.googleapis\.com/projects/[^/]+/topics/[^/]+")


def create_config(service: Service, request: Request) -> Response:
    """`notifications.insert`: the topic hears of the bucket's events afterwards."""
    bucket = service.bucket_for(request, "storage.buckets.update")
    config = _checked(request.resource())
    with service.state.transaction() as db:
        count, last = db.execute(
            "SELECT count(*), max(id) FROM storage_notifications WHERE bucket = ?", (bucket.name,)
        ).fetchone()
        if count >= MAX_CONFIGS:
            raise invalid("Too many notification configs on this bucket.")
        number = (last or 0) + 1
        config |= {"kind": "storage#notification", "id": str(number), "etag": etag_of(number)}
        db.execute(
            "INSERT INTO storage_notifications VALUES (?, ?, ?)", (bucket.name, number, msgspec.json.encode(config))
        )
    return json_response(_linked(request, config))


def list_configs(service: Service, request: Request) -> Response:
    """`notifications.list`."""
    bucket = service.bucket_for(request, "storage.buckets.get")
    rows = service.state.db.execute(
        "SELECT resource FROM storage_notifications WHERE bucket = ? ORDER BY id", (bucket.name,)
    ).fetchall()
    answer: dict[str, Any] = {"kind": "storage#notifications"}
    if rows:
        answer["items"] = [_linked(request, msgspec.json.decode(row["resource"])) for row in rows]
    return json_response(answer)


def read_config(service: Service, request: Request) -> Response:
    """`notifications.get`."""
    bucket = service.bucket_for(request, "storage.buckets.get")
    row = service.state.db.execute(
        "SELECT resource FROM storage_notifications WHERE bucket = ? AND id = ?", (bucket.name, _number(request))
    ).fetchone()
    if row is None:
        raise _no_config(request)
    return json_response(_linked(request, msgspec.json.decode(row["resource"])))


def delete_config(service: Service, request: Request) -> Response:
    """`notifications.delete`."""
    bucket = service.bucket_for(request, "storage.buckets.update")
    gone = service.state.db.execute(
        "DELETE FROM storage_notifications WHERE bucket = ? AND id = ?", (bucket.name, _number(request))
    )
    if not gone.rowcount:
        raise _no_config(request)
    return no_content()


def _checked(draft: Mapping[str, Any]) -> dict[str, Any]:
    topic, payload = draft.get("topic"), draft.get("payload_format", "JSON_API_V1")
    types, attributes = draft.get("event_types") or [], draft.get("custom_attributes") or {}
    prefix = draft.get("object_name_prefix") or ""
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
        raise invalid(f"Invalid Google Cloud Pub/Sub topic: {topic}")
    if payload not in {"JSON_API_V1", "NONE"}:
        raise invalid(f"Invalid payload format: {payload}")
    if not isinstance(types, list) or not set(map(str, types)) <= set(EVENT_TYPES.values()):
        raise invalid(f"Invalid event types: {types}")
    if not isinstance(prefix, str) or not _are_attributes(attributes):
        raise invalid("Invalid object name prefix or custom attributes.")
    config: dict[str, Any] = {"topic": topic, "payload_format": payload}
    optional = {"event_types": types, "object_name_prefix": prefix, "custom_attributes": attributes}
    return config | {key: value for key, value in optional.items() if value}


def _are_attributes(attributes: object) -> bool:
    return (
        isinstance(attributes, Mapping)
        and len(attributes) <= MAX_ATTRIBUTES
        and all(isinstance(value, str) for value in attributes.values())
    )


def _number(request: Request) -> int:
    text = request.params["notification"]
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise _no_config(request)
    return int(text)


def _no_config(request: Request) -> Exception:
    return not_found(f"Notification configuration {request.params['notification']} not found.")


def _linked(request: Request, config: Mapping[str, Any]) -> dict[str, Any]:
    path = f"storage/v1/b/{quote_segment(request.bucket)}/notificationConfigs/{config['id']}"
    return {**config, "selfLink": f"{request.base_url}/{path}"}
