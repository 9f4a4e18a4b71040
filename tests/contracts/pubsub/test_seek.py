"""Seeking to a time or to a snapshot."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions as gcp

from .clouds import Cloud, bodies


def now_between() -> datetime:
    """A moment after all that was done before and before all that is done next."""
    time.sleep(0.002)  # publish times have microseconds; a clock must tick between two messages
    moment = datetime.now(UTC)
    time.sleep(0.002)
    return moment


def test_seek_to_the_future_acknowledges_all(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"1", b"2")
    cloud.subscriber.seek(request={"subscription": subscription, "time": datetime.now(UTC) + timedelta(minutes=1)})
    assert cloud.peek(subscription) == []


def test_seek_to_the_past_brings_retained_messages_again(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(retain_acked_messages=True)
    cloud.publish(topic, b"old")
    moment = now_between()
    cloud.publish(topic, b"new")
    cloud.ack(subscription, cloud.pull(subscription, 2))
    cloud.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(cloud.pull(subscription)) == [b"new"]
    assert cloud.peek(subscription) == []


def test_seek_to_the_past_brings_nothing_that_was_not_retained(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    moment = now_between()
    cloud.publish(topic, b"gone")
    cloud.ack(subscription, cloud.pull(subscription))
    cloud.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert cloud.peek(subscription) == []


def test_topic_retention_replays_even_to_a_younger_subscription(cloud: Cloud) -> None:
    topic = cloud.topic(message_retention_duration=timedelta(hours=1))
    moment = now_between()
    cloud.publish(topic, b"before it was")
    subscription = cloud.subscription(topic)
    cloud.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(cloud.pull(subscription)) == [b"before it was"]


def test_replay_obeys_the_filter(local: Cloud) -> None:
    topic = local.topic(message_retention_duration=timedelta(hours=1))
    moment = now_between()
    local.publish(topic, b"no")
    local.publish(topic, b"yes", wanted="1")
    subscription = local.subscription(topic, filter="attributes:wanted")
    local.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(local.pull(subscription)) == [b"yes"]
    assert local.peek(subscription) == []


def test_seek_to_a_snapshot_brings_its_backlog_and_all_later_messages(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"done before")
    cloud.ack(subscription, cloud.pull(subscription))
    cloud.publish(topic, b"waiting")
    snapshot = cloud.name("snapshot", "snap")
    cloud.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    cloud.publish(topic, b"later")
    cloud.ack(subscription, cloud.pull(subscription, 2))
    cloud.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert sorted(bodies(cloud.pull(subscription, 2))) == [b"later", b"waiting"]
    assert cloud.peek(subscription) == []


def test_snapshot_serves_another_subscription_of_the_topic(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    snapshot = cloud.name("snapshot", "snap")
    cloud.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    other = cloud.subscription(topic, "other")
    cloud.subscriber.seek(request={"subscription": other, "snapshot": snapshot})
    assert bodies(cloud.pull(other)) == [b"x"]


def test_snapshot_of_another_topic_is_refused(local: Cloud) -> None:
    _, subscription = local.pair()
    snapshot = local.name("snapshot", "snap")
    local.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    other = local.subscription(local.topic("other"), "other")
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.seek(request={"subscription": other, "snapshot": snapshot})


def test_leases_are_void_after_a_seek(local: Cloud) -> None:
    topic, subscription = local.pair()
    moment = now_between()
    local.publish(topic, b"x")
    local.pull(subscription)
    local.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(local.pull(subscription)) == [b"x"]
