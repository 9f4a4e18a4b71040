"""Pub/Sub messages as Eventarc delivers them, made frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated

import msgspec

from dagwarden.events.reading import Time, invalid, read_attribute, read_base64, read_shape, to_utc

MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"


class PubsubEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One message, delivered once more or for the first time."""

    topic: str
    """The topic's id, without its project; empty when the event does not tell."""
    subscription: str
    """The subscription's id, without its project; empty when the event does not tell."""
    message_id: str
    data: bytes
    attributes: dict[str, str]
    published_at: dt.datetime
    """Aware, UTC."""
    delivery_attempt: int | None
    """Counts from 1; None when the subscription has no dead-letter policy."""


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    data: str = ""
    attributes: dict[str, str] | None = None
    message_id: str = ""
    publish_time: Time | None = None
    snake_message_id: str = msgspec.field(default="", name="message_id")
    snake_publish_time: Time | None = msgspec.field(default=None, name="publish_time")


class MessagePublishedData(msgspec.Struct, frozen=True, rename="camel"):
    """The published shape of the event's data; duplicates in snake case may stand beside the camel case."""

    message: _Message
    subscription: str = ""
    delivery_attempt: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None


def read_pubsub_event(attributes: Mapping[str, str], data: object) -> PubsubEvent:
    """The message a CloudEvent carries.

    Args:
        attributes: the CloudEvent's context attributes.
        data: the CloudEvent's data as functions-framework hands it over.

    Raises:
        InvalidInput: it is no event of a published message.
    """
    kind = read_attribute(attributes, "type")
    if kind != MESSAGE_PUBLISHED:
        raise invalid(f"{kind!r} is no event of a published message", attributes)
    shape = read_shape(MessagePublishedData, data, attributes)
    message = shape.message
    published_at = message.publish_time or message.snake_publish_time or read_time(attributes)
    return PubsubEvent(
        topic=_last_part(str(attributes.get("source", "")), "/topics/"),
        subscription=_last_part(shape.subscription, "/subscriptions/"),
        message_id=message.message_id or message.snake_message_id or read_attribute(attributes, "id"),
        data=read_base64(message.data, attributes),
        attributes=message.attributes or {},
        published_at=to_utc(published_at, attributes),
        delivery_attempt=shape.delivery_attempt or None,
    )


def read_time(attributes: Mapping[str, str]) -> dt.datetime:
    """The CloudEvent's own time. Weak: functions-framework fills in the present where the sender left it out.

    Raises:
        InvalidInput: it is none.
    """
    return read_shape(_TimeOnly, {"time": read_attribute(attributes, "time")}, attributes).time


class _TimeOnly(msgspec.Struct, frozen=True):
    time: Time


def _last_part(name: str, before: str) -> str:
    return name.partition(before)[2]
