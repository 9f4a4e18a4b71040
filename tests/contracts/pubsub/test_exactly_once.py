"""Exactly-once subscriptions: acknowledgements are answered for."""

from __future__ import annotations

import grpc
import pytest
from google.api_core import exceptions as gcp
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.cloud.pubsub_v1.subscriber.message import Message
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse

from .clouds import Cloud, bodies, within


def test_acknowledgement_in_time_is_confirmed(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(enable_exactly_once_delivery=True)
    results: list[AcknowledgeStatus] = []

    def take(message: Message) -> None:
        results.append(message.ack_with_response().result(10))

    future = cloud.subscriber.subscribe(subscription, take, await_callbacks_on_shutdown=True)
    cloud.publish(topic, b"x")
    within(10, lambda: results)
    future.cancel()
    future.result(10)
    assert results == [AcknowledgeStatus.SUCCESS]


def test_acknowledgement_too_late_is_refused_and_the_message_comes_again(local: Cloud) -> None:
    topic, subscription = local.pair(enable_exactly_once_delivery=True)
    local.publish(topic, b"x")
    received = local.pull(subscription)
    local.nack(subscription, received)
    with pytest.raises(gcp.FailedPrecondition) as refusal:
        local.ack(subscription, received)
    [info] = refusal.value.details
    assert info.metadata == {received[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    assert bodies(local.pull(subscription)) == [b"x"]


def test_client_learns_that_its_acknowledgement_was_too_late(local: Cloud) -> None:
    topic, subscription = local.pair(enable_exactly_once_delivery=True)
    seen: list[str] = []
    statuses: list[AcknowledgeStatus] = []

    def take(message: Message) -> None:
        seen.append(message.ack_id)
        if len(seen) > 1:
            message.ack()
            return
        local.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[message.ack_id], ack_deadline_seconds=0
        )
        with pytest.raises(AcknowledgeError) as refusal:
            message.ack_with_response().result(10)
        statuses.append(refusal.value.error_code)

    future = local.subscriber.subscribe(subscription, take, await_callbacks_on_shutdown=True)
    local.publish(topic, b"x")
    within(10, lambda: statuses)
    future.cancel()
    future.result(10)
    assert statuses == [AcknowledgeStatus.INVALID_ACK_ID]


def test_stream_confirms_what_is_acknowledged_on_it(local: Cloud) -> None:
    topic, subscription = local.pair(enable_exactly_once_delivery=True)
    local.publish(topic, b"1", b"2")
    good, late = (each.ack_id for each in local.pull(subscription, 2))
    local.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[late], ack_deadline_seconds=0)
    first = StreamingPullRequest(
        subscription=subscription,
        stream_ack_deadline_seconds=10,
        ack_ids=[good, late],
        modify_deadline_ack_ids=[late],
        modify_deadline_seconds=[30],
    )
    with grpc.insecure_channel(local.host) as channel:
        call = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=StreamingPullRequest.serialize,
            response_deserializer=StreamingPullResponse.deserialize,
        )
        answers = call(iter([first]), timeout=10)
        confirmation = next(each for each in answers if each.acknowledge_confirmation.ack_ids)
    assert list(confirmation.acknowledge_confirmation.ack_ids) == [good]
    assert list(confirmation.acknowledge_confirmation.invalid_ack_ids) == [late]
    assert list(confirmation.modify_ack_deadline_confirmation.invalid_ack_ids) == [late]
