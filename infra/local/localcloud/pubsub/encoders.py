"""How a message becomes the HTTP request of a push subscription."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from .resources import Message, Subscription


class PushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Headers and body of one POST; the bearer token is added by the pusher."""

    headers: dict[str, str]
    body: bytes


Encoder = Callable[[Subscription, Message, int], PushRequest]
"""(subscription, message, attempt from 1) -> request."""


def rfc3339(published_us: int) -> str:
    """The moment in RFC 3339, in UTC, as the service writes it.

    >>> rfc3339(1_600_000_000_120_000)
    '2020-09-13T12:26:40.12Z'
    """
    text = datetime.fromtimestamp(published_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{published_us % 1_000_000:06d}".rstrip("0").rstrip(".")
    return f"{text}{fraction}Z"


def encode_wrapped(subscription: Subscription, message: Message, attempt: int) -> PushRequest:
    """Pub/Sub's own JSON envelope. Source: https://cloud.google.com/pubsub/docs/push#receive_push"""
    moment = rfc3339(message.published_us)
    inner: dict[str, Any] = {
        "messageId": str(message.id),
        "message_id": str(message.id),
        "publishTime": moment,
        "publish_time": moment,
    }
    if message.data:
        inner["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        inner["attributes"] = message.attributes
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    envelope: dict[str, Any] = {"message": inner, "subscription": subscription.name}
    if subscription.dead_letter:
        envelope["deliveryAttempt"] = attempt
    return PushRequest(headers={"content-type": "application/json"}, body=msgspec.json.encode(envelope))


def encode_unwrapped(subscription: Subscription, message: Message, attempt: int) -> PushRequest:
    """The bare data. Source: https://cloud.google.com/pubsub/docs/payload-unwrapping"""
    headers = {"content-type": "application/octet-stream"}
    if subscription.push and subscription.push.writes_metadata:
        headers |= {
            "x-goog-pubsub-subscription-name": subscription.name,
            "x-goog-pubsub-message-id": str(message.id),
            "x-goog-pubsub-publish-time": rfc3339(message.published_us),
        }
        if message.ordering_key:
            headers["x-goog-pubsub-ordering-key"] = message.ordering_key
        if subscription.dead_letter:
            headers["x-goog-pubsub-delivery-attempt"] = str(attempt)
        headers |= message.attributes
    return PushRequest(headers=headers, body=message.data)
