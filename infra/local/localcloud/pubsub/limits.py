"""What the service refuses: sizes, ranges and combinations.

Source: field comments of google.pubsub.v1; https://cloud.google.com/pubsub/quotas#resource_limits
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from .errors import InvalidArgument
from .filters import parse_filter
from .names import DELETED_TOPIC, check_name
from .resources import DAY_S, MINUTE_S, DeadLetterPolicy, PushTarget, RetryPolicy, Subscription, Topic

MAX_REQUEST_BYTES = 10_000_000
MAX_MESSAGES_PER_PUBLISH = 1_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024
MAX_FILTER_BYTES = 256
MAX_ACK_DEADLINE_S = 600
MAX_LABELS = 64


def check_range(what: str, value: float, low: float, high: float) -> None:
    """Nothing, where low <= value <= high.

    Raises:
        InvalidArgument: it is outside.
    """
    if not low <= value <= high:
        raise InvalidArgument(f"{what} must be between {low:g} and {high:g}, got {value:g}")


def check_message(data: bytes, attributes: Mapping[str, str], ordering_key: str) -> int:
    """The message's size in bytes, as the service counts it against its limit.

    Raises:
        InvalidArgument: the message is empty or too large, or an attribute or the ordering key is.
    """
    if not data and not attributes:
        raise InvalidArgument("A message needs data or at least one attribute")
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgument(f"A message has at most {MAX_ATTRIBUTES} attributes, got {len(attributes)}")
    if len(ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise InvalidArgument(f"An ordering key has at most {MAX_ORDERING_KEY_BYTES} bytes")
    size_bytes = len(data)
    for key, value in attributes.items():
        key_bytes, value_bytes = len(key.encode()), len(value.encode())
        if not 0 < key_bytes <= MAX_KEY_BYTES or key.startswith("goog"):
            raise InvalidArgument(f"Attribute keys have 1-{MAX_KEY_BYTES} bytes, not beginning with goog: {key[:80]!r}")
        if value_bytes > MAX_VALUE_BYTES:
            raise InvalidArgument(
                f"The value of attribute {key!r} has {value_bytes} bytes, more than {MAX_VALUE_BYTES}"
            )
        size_bytes += key_bytes + value_bytes
    if size_bytes > MAX_REQUEST_BYTES:
        raise InvalidArgument(f"A message has at most {MAX_REQUEST_BYTES} bytes, got {size_bytes}")
    return size_bytes


def check_publish(sizes_bytes: Sequence[int]) -> None:
    """Nothing, where one publish request may carry messages of these sizes.

    Raises:
        InvalidArgument: it carries none, too many or too much.
    """
    if not 0 < len(sizes_bytes) <= MAX_MESSAGES_PER_PUBLISH:
        raise InvalidArgument(f"A publish request has 1-{MAX_MESSAGES_PER_PUBLISH} messages, got {len(sizes_bytes)}")
    if sum(sizes_bytes) > MAX_REQUEST_BYTES:
        raise InvalidArgument(f"A publish request has at most {MAX_REQUEST_BYTES} bytes, got {sum(sizes_bytes)}")


def check_topic(topic: Topic) -> Topic:
    """`topic`, all of which the service would take.

    Raises:
        InvalidArgument: something it would not.
    """
    check_name("topic", topic.name)
    check_labels(topic.labels)
    if topic.retention_s is not None:
        check_range("message_retention_duration", topic.retention_s, 10 * MINUTE_S, 31 * DAY_S)
    return topic


def check_subscription(subscription: Subscription) -> Subscription:
    """`subscription`, all of which the service would take.

    Raises:
        InvalidArgument: something it would not.
    """
    check_name("subscription", subscription.name)
    if subscription.topic != DELETED_TOPIC:
        check_name("topic", subscription.topic)
    check_labels(subscription.labels)
    check_range("ack_deadline_seconds", subscription.ack_deadline_s, 10, MAX_ACK_DEADLINE_S)
    check_range("message_retention_duration", subscription.retention_s, 10 * MINUTE_S, 31 * DAY_S)
    if subscription.ttl_s is not None and (subscription.ttl_s < DAY_S or subscription.ttl_s < subscription.retention_s):
        raise InvalidArgument("expiration_policy.ttl must be at least a day and at least the message retention")
    if len(subscription.filter.encode()) > MAX_FILTER_BYTES:
        raise InvalidArgument(f"A filter has at most {MAX_FILTER_BYTES} bytes")
    parse_filter(subscription.filter)
    _check_delivery(subscription.push, subscription.retry, subscription.dead_letter)
    if subscription.push and subscription.is_exactly_once:
        raise InvalidArgument("Exactly-once delivery is for pull subscriptions only")
    return subscription


def _check_delivery(push: PushTarget | None, retry: RetryPolicy | None, dead_letter: DeadLetterPolicy | None) -> None:
    if push:
        _check_endpoint(push.endpoint)
    if retry:
        check_range("retry_policy.minimum_backoff", retry.min_s, 0, 600)
        check_range("retry_policy.maximum_backoff", retry.max_s, retry.min_s, 600)
    if dead_letter:
        check_name("topic", dead_letter.topic)
        check_range("dead_letter_policy.max_delivery_attempts", dead_letter.max_attempts, 5, 100)


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidArgument(f"push_config.push_endpoint is no URL: {endpoint[:200]!r}")


def check_labels(labels: Mapping[str, str]) -> None:
    """Nothing, where the service would take these labels.

    Raises:
        InvalidArgument: too many, or one too long.
    """
    if len(labels) > MAX_LABELS:
        raise InvalidArgument(f"A resource has at most {MAX_LABELS} labels, got {len(labels)}")
    for key, value in labels.items():
        if not 0 < len(key) <= 63 or len(value) > 63:
            raise InvalidArgument(f"Labels have keys of 1-63 and values of 0-63 characters: {key[:80]!r}")
