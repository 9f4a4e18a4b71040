"""Protocol buffers <-> values.

Messages are handled as plain protobuf objects, several times faster than their proto-plus wrappers; annotations name
the wrappers all the same, since those carry the field types.
"""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1 import types

from .errors import InvalidArgument, Unimplemented
from .limits import check_subscription, check_topic
from .resources import (
    DAY_S,
    DeadLetterPolicy,
    Delivery,
    PushTarget,
    RetryPolicy,
    Snapshot,
    Subscription,
    Topic,
)

PbT = TypeVar("PbT")


def plain(wrapper: type[PbT]) -> type[PbT]:
    """The protobuf class behind a proto-plus one."""
    behind: type[PbT] = wrapper.pb()  # type: ignore[attr-defined]
    return behind


def parse(wrapper: type[PbT], encoded: bytes) -> PbT:
    """The request.

    Raises:
        InvalidArgument: the bytes are no such request.
    """
    behind: Any = plain(wrapper)
    try:
        request: PbT = behind.FromString(encoded)
    except DecodeError as error:
        raise InvalidArgument(f"The request is no {wrapper.__name__}") from error
    return request


PbTopic = plain(types.Topic)
PbSubscription = plain(types.Subscription)
PbSnapshot = plain(types.Snapshot)
PbReceived = plain(types.ReceivedMessage)

_UNKNOWN_TO_US = {
    "schema_settings": "schemas",
    "ingestion_data_source_settings": "ingestion",
    "message_transforms": "message transforms",
    "bigquery_config": "BigQuery subscriptions",
    "bigtable_config": "Bigtable subscriptions",
    "cloud_storage_config": "Cloud Storage subscriptions",
}
_IMMUTABLE = {"name", "topic", "filter", "enable_message_ordering"}


def seconds_of(duration: Duration) -> float:
    """A duration in seconds."""
    return float(duration.seconds) + duration.nanos / 1e9


def duration(seconds: float) -> Duration:
    """A duration of so many seconds."""
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


def micros_of(timestamp: Timestamp) -> int:
    """Microseconds since 1970.

    Raises:
        InvalidArgument: it lies outside the years 1-9999, as protobuf allows them.
    """
    if not -62_135_596_800 <= timestamp.seconds <= 253_402_300_799 or not 0 <= timestamp.nanos <= 999_999_999:
        raise InvalidArgument("A timestamp lies between the years 1 and 9999")
    return int(timestamp.seconds) * 1_000_000 + timestamp.nanos // 1_000


def timestamp(micros: int) -> Timestamp:
    """The moment so many microseconds after 1970."""
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1_000)


def _refuse_unknown(pb: Any) -> None:
    for found, _ in pb.ListFields():
        if found.name in _UNKNOWN_TO_US:
            raise Unimplemented(f"The local Pub/Sub has no {_UNKNOWN_TO_US[found.name]} ({found.name})")


def topic_from(pb: types.Topic) -> Topic:
    """The topic a request describes.

    Raises:
        Refused: the service would not take it, or the local one has no such feature.
    """
    _refuse_unknown(pb)
    return check_topic(
        Topic(
            name=pb.name,
            labels=dict(pb.labels),
            retention_s=seconds_of(pb.message_retention_duration) if _has(pb, "message_retention_duration") else None,
            kms_key_name=pb.kms_key_name,
            regions=list(pb.message_storage_policy.allowed_persistence_regions),
        )
    )


def topic_to(topic: Topic) -> types.Topic:
    """The topic as an answer."""
    pb = PbTopic(name=topic.name, labels=topic.labels, kms_key_name=topic.kms_key_name, state=1)
    if topic.retention_s is not None:
        pb.message_retention_duration.CopyFrom(duration(topic.retention_s))
    if topic.regions:
        pb.message_storage_policy.allowed_persistence_regions.extend(topic.regions)
    return pb


def subscription_from(pb: types.Subscription) -> Subscription:
    """The subscription a request describes.

    Raises:
        Refused: the service would not take it, or the local one has no such feature.
    """
    _refuse_unknown(pb)
    retention_s = seconds_of(pb.message_retention_duration) if _has(pb, "message_retention_duration") else 7 * DAY_S
    return check_subscription(
        Subscription(
            name=pb.name,
            topic=pb.topic,
            push=push_from(pb.push_config) if pb.push_config.push_endpoint else None,
            ack_deadline_s=pb.ack_deadline_seconds or 10,
            retains_acked=pb.retain_acked_messages,
            retention_s=retention_s,
            labels=dict(pb.labels),
            is_ordered=pb.enable_message_ordering,
            ttl_s=_ttl_from(pb, retention_s),
            filter=pb.filter,
            dead_letter=_dead_letter_from(pb.dead_letter_policy) if _has(pb, "dead_letter_policy") else None,
            retry=_retry_from(pb.retry_policy) if _has(pb, "retry_policy") else None,
            is_detached=pb.detached,
            is_exactly_once=pb.enable_exactly_once_delivery,
        )
    )


def _has(pb: Any, field: str) -> bool:
    return bool(pb.HasField(field))


def _ttl_from(pb: types.Subscription, retention_s: float) -> float | None:
    if not _has(pb, "expiration_policy"):
        return max(31 * DAY_S, retention_s)
    return seconds_of(pb.expiration_policy.ttl) if _has(pb.expiration_policy, "ttl") else None


def _dead_letter_from(pb: types.DeadLetterPolicy) -> DeadLetterPolicy:
    return DeadLetterPolicy(topic=pb.dead_letter_topic, max_attempts=pb.max_delivery_attempts or 5)


def _retry_from(pb: types.RetryPolicy) -> RetryPolicy:
    least_s = seconds_of(pb.minimum_backoff) if _has(pb, "minimum_backoff") else 10.0
    most_s = seconds_of(pb.maximum_backoff) if _has(pb, "maximum_backoff") else 600.0
    return RetryPolicy(min_s=least_s, max_s=most_s)


def push_from(pb: types.PushConfig) -> PushTarget:
    """The push target a request describes; its endpoint is not checked yet."""
    return PushTarget(
        endpoint=pb.push_endpoint,
        attributes=dict(pb.attributes),
        oidc_email=pb.oidc_token.service_account_email,
        oidc_audience=pb.oidc_token.audience,
        is_unwrapped=_has(pb, "no_wrapper"),
        writes_metadata=pb.no_wrapper.write_metadata,
    )


def _push_to(push: PushTarget) -> types.PushConfig:
    pb = plain(types.PushConfig)(push_endpoint=push.endpoint, attributes=push.attributes)
    if push.oidc_email:
        pb.oidc_token.service_account_email = push.oidc_email
        pb.oidc_token.audience = push.oidc_audience
    if push.is_unwrapped:
        pb.no_wrapper.write_metadata = push.writes_metadata
        pb.no_wrapper.SetInParent()
    return pb


def subscription_to(subscription: Subscription, topic_retention_s: float | None = None) -> types.Subscription:
    """The subscription as an answer."""
    pb = PbSubscription(
        name=subscription.name,
        topic=subscription.topic,
        ack_deadline_seconds=subscription.ack_deadline_s,
        retain_acked_messages=subscription.retains_acked,
        message_retention_duration=duration(subscription.retention_s),
        labels=subscription.labels,
        enable_message_ordering=subscription.is_ordered,
        filter=subscription.filter,
        detached=subscription.is_detached,
        enable_exactly_once_delivery=subscription.is_exactly_once,
        state=1,
    )
    pb.push_config.SetInParent()
    if subscription.push:
        pb.push_config.CopyFrom(_push_to(subscription.push))
    pb.expiration_policy.SetInParent()
    if subscription.ttl_s is not None:
        pb.expiration_policy.ttl.CopyFrom(duration(subscription.ttl_s))
    if subscription.dead_letter:
        pb.dead_letter_policy.dead_letter_topic = subscription.dead_letter.topic
        pb.dead_letter_policy.max_delivery_attempts = subscription.dead_letter.max_attempts
    if subscription.retry:
        pb.retry_policy.minimum_backoff.CopyFrom(duration(subscription.retry.min_s))
        pb.retry_policy.maximum_backoff.CopyFrom(duration(subscription.retry.max_s))
    if topic_retention_s is not None:
        pb.topic_message_retention_duration.CopyFrom(duration(topic_retention_s))
    return pb


def snapshot_to(snapshot: Snapshot) -> types.Snapshot:
    """The snapshot as an answer."""
    return PbSnapshot(
        name=snapshot.name,
        topic=snapshot.topic,
        expire_time=timestamp(int(snapshot.expires_at_s * 1e6)),
        labels=snapshot.labels,
    )


def received_to(delivery: Delivery, *, counts_attempts: bool) -> types.ReceivedMessage:
    """The delivery as a subscriber receives it; attempts are told only where a dead-letter policy counts them."""
    message = delivery.message
    pb = PbReceived(ack_id=delivery.ack_id, delivery_attempt=delivery.attempt if counts_attempts else 0)
    body = pb.message
    body.data = message.data
    body.message_id = str(message.id)
    body.ordering_key = message.ordering_key
    body.publish_time.CopyFrom(timestamp(message.published_us))
    for key, value in message.attributes.items():
        body.attributes[key] = value
    return pb


def merge(change: PbT, into: PbT, mask: FieldMask) -> PbT:
    """`into`, with what `mask` names taken from `change`.

    Raises:
        InvalidArgument: the mask is empty, or names what does not exist or cannot change.
    """
    pb: Any = into
    if not mask.paths:
        raise InvalidArgument("update_mask must name at least one field")
    for path in mask.paths:
        if path.split(".")[0] in _IMMUTABLE:
            raise InvalidArgument(f"{path} cannot change after creation")
    if not mask.IsValidForDescriptor(pb.DESCRIPTOR):
        raise InvalidArgument(f"update_mask names unknown fields: {', '.join(mask.paths)[:300]}")
    source: Any = change
    mask.MergeMessage(source, pb, replace_message_field=True, replace_repeated_field=True)
    return into
