"""Changes of Cloud Storage objects, told by Eventarc or by a Pub/Sub notification, made frozen values."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from typing import Annotated

import msgspec

from dagwarden.events.messages import MESSAGE_PUBLISHED, PubsubEvent, read_pubsub_event, read_time
from dagwarden.events.reading import Time, invalid, read_attribute, read_base64, read_shape, to_utc


class ObjectEventKind(enum.StrEnum):
    """What happened to an object."""

    FINALIZED = "finalized"
    """There is a new object, or a new generation of one."""
    DELETED = "deleted"
    """A generation is gone for good."""
    ARCHIVED = "archived"
    """A generation is no longer the live one: deleted or overwritten in a bucket with versions."""
    METADATA_UPDATED = "metadataUpdated"
    """An object's metadata changed, its content did not."""


CLOUD_EVENT_TYPES = {f"google.cloud.storage.object.v1.{kind}": kind for kind in ObjectEventKind}
NOTIFICATION_TYPES = {
    "OBJECT_FINALIZE": ObjectEventKind.FINALIZED,
    "OBJECT_DELETE": ObjectEventKind.DELETED,
    "OBJECT_ARCHIVE": ObjectEventKind.ARCHIVED,
    "OBJECT_METADATA_UPDATE": ObjectEventKind.METADATA_UPDATED,
}
"""Source: cloud.google.com/storage/docs/pubsub-notifications, attribute eventType."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class ObjectEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to one generation of one object. (bucket, name, generation) is what makes it known again:
    a client that retries an upload makes a second generation and a second event with another id."""

    bucket: str
    name: str
    generation: int
    kind: ObjectEventKind
    size_bytes: int
    md5: str
    """In hex; empty for composed objects, which have none."""
    metadata: dict[str, str]
    """The object's custom metadata."""
    time: dt.datetime
    """When it happened, by Cloud Storage's clock; the same at every delivery. Aware, UTC."""
    event_id: str
    created_at: dt.datetime | None = None
    """When the generation came to be; the same in every event of it. Aware, UTC; None when the event does not tell."""

    @property
    def resource(self) -> str:
        """`gs://BUCKET/NAME#GENERATION`."""
        return f"gs://{self.bucket}/{self.name}#{self.generation}"


class StorageObjectData(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of Cloud Storage's object resource that are of use here."""

    bucket: _Name
    name: _Name
    generation: _Count
    size: _Count = 0
    md5_hash: str = ""
    metadata: dict[str, str] | None = None
    time_created: Time | None = None
    time_deleted: Time | None = None
    updated: Time | None = None


def read_object_event(attributes: Mapping[str, str], data: object) -> ObjectEvent:
    """The change a CloudEvent tells of, be it a direct event of Cloud Storage or a published notification.

    The object's name is taken from the data: in the `subject` header, names beyond ASCII arrive garbled.

    Args:
        attributes: the CloudEvent's context attributes.
        data: the CloudEvent's data as functions-framework hands it over.

    Raises:
        InvalidInput: it is no such event.
    """
    event_type = read_attribute(attributes, "type")
    if event_type == MESSAGE_PUBLISHED:
        return read_notification(read_pubsub_event(attributes, data))
    kind = CLOUD_EVENT_TYPES.get(event_type)
    if kind is None:
        raise invalid(f"{event_type!r} is no event of a Cloud Storage object", attributes)
    return _make_event(kind, read_shape(StorageObjectData, data, attributes), attributes)


def read_notification(message: PubsubEvent) -> ObjectEvent:
    """The change a Cloud Storage notification (payload format JSON_API_V1) tells of.

    Raises:
        InvalidInput: the message is no such notification.
    """
    context = {"id": message.message_id, "time": message.attributes.get("eventTime", message.published_at.isoformat())}
    kind = NOTIFICATION_TYPES.get(message.attributes.get("eventType", ""))
    if kind is None:
        raise invalid(f"eventType {message.attributes.get('eventType')!r} is none of Cloud Storage's", context)
    return _make_event(kind, read_shape(StorageObjectData, message.data, context), context)


def _make_event(kind: ObjectEventKind, shape: StorageObjectData, attributes: Mapping[str, str]) -> ObjectEvent:
    md5 = read_base64(shape.md5_hash, attributes)
    if len(md5) not in (0, 16):
        raise invalid(f"md5Hash {shape.md5_hash!r} has {len(md5)} bytes, not 16", attributes)
    time = _pick_time(kind, shape) or read_time(attributes)
    return ObjectEvent(
        bucket=shape.bucket,
        name=shape.name,
        generation=shape.generation,
        kind=kind,
        size_bytes=shape.size,
        md5=md5.hex(),
        metadata=shape.metadata or {},
        time=to_utc(time, attributes),
        event_id=read_attribute(attributes, "id"),
        created_at=None if shape.time_created is None else to_utc(shape.time_created, attributes),
    )


def _pick_time(kind: ObjectEventKind, shape: StorageObjectData) -> dt.datetime | None:
    if kind is ObjectEventKind.FINALIZED:
        return shape.time_created or shape.updated
    if kind is ObjectEventKind.METADATA_UPDATED:
        return shape.updated
    return shape.time_deleted
