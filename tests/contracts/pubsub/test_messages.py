"""Publishing, pulling, acknowledging, deadlines, retries, dead letters."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions as gcp

from .clouds import Cloud, bodies


def test_message_arrives_as_it_was_published(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    before = datetime.now(UTC)
    [message_id] = cloud.publish(topic, b"\x00\xff body", key="value", ключ="значение")
    [received] = cloud.pull(subscription)
    message = received.message
    assert (message.data, dict(message.attributes)) == (b"\x00\xff body", {"key": "value", "ключ": "значение"})
    assert message.message_id == message_id
    assert message.message_id.isdecimal()
    assert abs(message.publish_time - before) < timedelta(seconds=20)


def test_every_subscription_gets_every_message(cloud: Cloud) -> None:
    topic, first = cloud.pair()
    second = cloud.subscription(topic, "second")
    cloud.publish(topic, b"1", b"2")
    assert sorted(bodies(cloud.pull(first, 2))) == sorted(bodies(cloud.pull(second, 2))) == [b"1", b"2"]


def test_subscription_gets_nothing_published_before_it_was(cloud: Cloud) -> None:
    topic = cloud.topic()
    cloud.publish(topic, b"early")
    subscription = cloud.subscription(topic)
    cloud.publish(topic, b"late")
    assert bodies(cloud.pull(subscription)) == [b"late"]


def test_message_ids_differ(cloud: Cloud) -> None:
    topic = cloud.topic()
    ids = cloud.publish(topic, *[b"x"] * 50) + cloud.publish(topic, b"x")
    assert len(set(ids)) == 51


def test_message_with_attributes_alone_is_taken(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"", only="this")
    assert cloud.pull(subscription)[0].message.attributes == {"only": "this"}


def test_empty_message_is_refused(cloud: Cloud) -> None:
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        cloud.publish(cloud.topic(), b"")


def test_publish_to_a_missing_topic_is_refused(cloud: Cloud) -> None:
    with pytest.raises(gcp.NotFound):
        cloud.publisher.publish(cloud.name("topic", "gone"), b"x", timeout=5).result(10)


def test_batching_publisher_gets_the_id_of_each_message(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    ids = [cloud.publisher.publish(topic, b"%d" % number).result(10) for number in range(20)]
    received = cloud.pull(subscription, 20)
    assert {each.message.message_id: each.message.data for each in received} == {
        message_id: b"%d" % number for number, message_id in enumerate(ids)
    }


def test_pull_waits_for_a_message(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cloud.pull, subscription)
        assert not waiting.done()
        cloud.publish(topic, b"at last")
        assert bodies(waiting.result(10)) == [b"at last"]


def test_pull_gives_no_more_than_asked_for(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, *[b"x"] * 5)
    assert len(cloud.subscriber.pull(subscription=subscription, max_messages=2).received_messages) <= 2


def test_pull_that_returns_at_once_may_be_empty(cloud: Cloud) -> None:
    _, subscription = cloud.pair()
    assert cloud.peek(subscription) == []


def test_acknowledged_message_does_not_come_again(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"1", b"2")
    received = cloud.pull(subscription, 2)
    cloud.ack(subscription, received[:1])
    cloud.nack(subscription, received[1:])
    [again] = cloud.pull(subscription)
    assert again.message == received[1].message


def test_message_in_hand_is_given_to_nobody_else(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    cloud.pull(subscription)
    assert cloud.peek(subscription) == []


def test_nack_brings_the_message_back_at_once(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    started = time.monotonic()
    for _ in range(3):
        cloud.nack(subscription, cloud.pull(subscription))
    assert bodies(cloud.pull(subscription)) == [b"x"]
    assert time.monotonic() - started < 5


def test_message_comes_again_when_its_deadline_has_passed(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    cloud.give(subscription, cloud.pull(subscription), 1)
    assert cloud.peek(subscription) == []
    assert bodies(cloud.pull(subscription)) == [b"x"]


def test_extended_deadline_keeps_the_message_away(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x", b"y")
    held, returned = cloud.pull(subscription, 2)
    cloud.give(subscription, [held], 1)
    cloud.give(subscription, [held], 60)
    cloud.give(subscription, [returned], 1)
    assert bodies(cloud.pull(subscription)) == [returned.message.data]  # at 1 s, when `held` would have come as well
    assert cloud.peek(subscription) == []


def test_late_acknowledgement_still_counts(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    received = cloud.pull(subscription)
    cloud.nack(subscription, received)
    cloud.ack(subscription, received)
    assert cloud.peek(subscription) == []


def test_acknowledging_twice_is_harmless(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    received = cloud.pull(subscription)
    cloud.ack(subscription, received)
    cloud.ack(subscription, received)


def test_retry_policy_spaces_deliveries_further_and_further(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(
        retry_policy={"minimum_backoff": timedelta(seconds=0.3), "maximum_backoff": timedelta(seconds=10)}
    )
    cloud.publish(topic, b"x")
    received = cloud.pull(subscription)
    gaps_s = []
    for _ in range(3):
        nacked_at = time.monotonic()
        cloud.nack(subscription, received)
        received = cloud.pull(subscription)
        gaps_s.append(time.monotonic() - nacked_at)
    assert all(least <= gap < least + 0.3 for least, gap in zip([0.3, 0.6, 1.2], gaps_s, strict=True)), gaps_s


def dead_letter_pair(cloud: Cloud, **fields: Any) -> tuple[str, str, str]:
    """(topic, its subscription that buries after 5 attempts, the grave's subscription)."""
    grave = cloud.topic("grave")
    topic, subscription = cloud.pair(
        dead_letter_policy={"dead_letter_topic": grave, "max_delivery_attempts": 5}, **fields
    )
    return topic, subscription, cloud.subscription(grave, "graveyard")


def test_message_that_fails_too_often_goes_to_the_dead_letter_topic(cloud: Cloud) -> None:
    topic, subscription, graveyard = dead_letter_pair(cloud)
    cloud.publish(topic, b"poison", kind="test")
    attempts = []
    for _ in range(5):
        [received] = cloud.pull(subscription)
        attempts.append(received.delivery_attempt)
        cloud.nack(subscription, [received])
    assert attempts == [1, 2, 3, 4, 5]
    [dead] = cloud.pull(graveyard)
    assert dead.message.data == b"poison"
    attributes = dict(dead.message.attributes)
    assert attributes["kind"] == "test"
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rsplit("/", 1)[1]
    assert attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == subscription.split("/")[1]
    assert datetime.fromisoformat(attributes["CloudPubSubDeadLetterSourceTopicPublishTime"])
    assert cloud.peek(subscription) == []


def test_attempts_are_not_counted_without_a_dead_letter_policy(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    received = cloud.pull(subscription)
    cloud.nack(subscription, received)
    assert [received[0].delivery_attempt, cloud.pull(subscription)[0].delivery_attempt] == [0, 0]


def test_message_stays_while_the_dead_letter_topic_is_missing(local: Cloud) -> None:
    topic, subscription, graveyard = dead_letter_pair(local)
    local.publisher.delete_topic(topic=local.name("topic", "grave"))
    local.publish(topic, b"x")
    for attempt in range(1, 8):
        [received] = local.pull(subscription)
        assert received.delivery_attempt == attempt
        local.nack(subscription, [received])
    assert local.peek(graveyard) == []


def test_ordered_key_goes_on_after_a_dead_letter(local: Cloud) -> None:
    topic, subscription, graveyard = dead_letter_pair(local, enable_message_ordering=True)
    local.publish(topic, b"poison", b"next", ordering_key="k")
    for _ in range(5):
        received = local.pull(subscription)
        assert received[0].message.data == b"poison"
        local.nack(subscription, received[:1])
    assert bodies(local.pull(graveyard)) == [b"poison"]
    assert bodies(local.pull(subscription)) == [b"next"]
