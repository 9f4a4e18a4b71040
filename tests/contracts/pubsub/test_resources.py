"""Topics, subscriptions and snapshots as resources."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions as gcp
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import Subscription, Topic

from .clouds import PROJECT, Cloud


def update(cloud: Cloud, subscription: str, *paths: str, **fields: Any) -> Subscription:
    return cloud.subscriber.update_subscription(
        subscription=Subscription(name=subscription, **fields), update_mask=FieldMask(paths=paths)
    )


def test_topic_is_got_listed_and_deleted(cloud: Cloud) -> None:
    topic = cloud.topic(labels={"team": "data"})
    assert cloud.publisher.get_topic(topic=topic).labels == {"team": "data"}
    assert topic in [each.name for each in cloud.publisher.list_topics(project=f"projects/{PROJECT}")]
    cloud.publisher.delete_topic(topic=topic)
    with pytest.raises(gcp.NotFound):
        cloud.publisher.get_topic(topic=topic)


def test_taken_names_are_refused(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    with pytest.raises(gcp.AlreadyExists):
        cloud.publisher.create_topic(name=topic)
    with pytest.raises(gcp.AlreadyExists):
        cloud.subscriber.create_subscription(name=subscription, topic=topic)


def test_subscription_has_the_service_defaults(cloud: Cloud) -> None:
    topic, name = cloud.pair()
    subscription = cloud.subscriber.get_subscription(subscription=name)
    assert subscription.topic == topic
    assert subscription.ack_deadline_seconds == 10
    assert subscription.message_retention_duration == timedelta(days=7)
    assert not subscription.push_config.push_endpoint


def test_subscription_expires_after_31_idle_days_unless_told_otherwise(cloud: Cloud) -> None:
    topic, usual = cloud.pair()
    eternal = cloud.subscription(topic, "eternal", expiration_policy={})
    assert cloud.subscriber.get_subscription(subscription=usual).expiration_policy.ttl == timedelta(days=31)
    assert "ttl" not in cloud.subscriber.get_subscription(subscription=eternal).expiration_policy


def test_subscription_keeps_all_that_it_was_given(cloud: Cloud) -> None:
    grave = cloud.topic("grave")
    given: dict[str, Any] = {
        "ack_deadline_seconds": 33,
        "retain_acked_messages": True,
        "message_retention_duration": timedelta(hours=5),
        "labels": {"a": "b"},
        "enable_message_ordering": True,
        "filter": "attributes:a",
        "dead_letter_policy": {"dead_letter_topic": grave, "max_delivery_attempts": 7},
        "retry_policy": {"minimum_backoff": timedelta(seconds=1.5), "maximum_backoff": timedelta(seconds=60)},
        "push_config": {"push_endpoint": "http://127.0.0.1:9/x", "attributes": {"x-goog-version": "v1"}},
    }
    _, name = cloud.pair(**given)
    kept = cloud.subscriber.get_subscription(subscription=name)
    for field, value in given.items():
        expected = getattr(Subscription(**{field: value}), field)
        assert getattr(kept, field) == expected, field


def test_subscription_to_a_missing_topic_is_refused(cloud: Cloud) -> None:
    with pytest.raises(gcp.NotFound):
        cloud.subscription(cloud.name("topic", "gone"))


def test_topic_lists_its_subscriptions(cloud: Cloud) -> None:
    topic, first = cloud.pair()
    second = cloud.subscription(topic, "second")
    assert sorted(cloud.publisher.list_topic_subscriptions(topic=topic)) == sorted([first, second])
    listed = cloud.subscriber.list_subscriptions(project=f"projects/{PROJECT}")
    assert {first, second} <= {each.name for each in listed}


def test_lists_come_in_pages(cloud: Cloud) -> None:
    topic = cloud.topic()
    made = {cloud.subscription(topic, f"s{number}") for number in range(5)}
    pages = list(cloud.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2}).pages)
    assert [len(page.subscriptions) for page in pages] == [2, 2, 1]
    assert {name for page in pages for name in page.subscriptions} == made


def test_subscriptions_of_a_deleted_topic_say_so(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"left behind")
    cloud.publisher.delete_topic(topic=topic)
    assert cloud.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    assert cloud.pull(subscription)[0].message.data == b"left behind"


def test_update_changes_what_the_mask_names_and_nothing_else(cloud: Cloud) -> None:
    _, name = cloud.pair(labels={"a": "1"}, ack_deadline_seconds=20)
    update(cloud, name, "ack_deadline_seconds", ack_deadline_seconds=60, labels={"b": "2"})
    kept = cloud.subscriber.get_subscription(subscription=name)
    assert (kept.ack_deadline_seconds, kept.labels) == (60, {"a": "1"})


@pytest.mark.parametrize("path", ["filter", "topic", "enable_message_ordering", "name"])
def test_what_cannot_change_is_refused(cloud: Cloud, path: str) -> None:
    _, name = cloud.pair(filter="attributes:a")
    with pytest.raises(gcp.InvalidArgument):
        update(cloud, name, path, filter="attributes:b", topic="projects/p-local/topics/abc")
    assert cloud.subscriber.get_subscription(subscription=name).filter == "attributes:a"


@pytest.mark.parametrize("paths", [(), ("nonsense",), ("push_config.nonsense",)])
def test_update_without_known_fields_is_refused(cloud: Cloud, paths: tuple[str, ...]) -> None:
    _, name = cloud.pair()
    with pytest.raises(gcp.InvalidArgument):
        update(cloud, name, *paths)


def test_topic_labels_and_retention_can_change(cloud: Cloud) -> None:
    topic = cloud.topic()
    changed = cloud.publisher.update_topic(
        topic=Topic(name=topic, labels={"x": "y"}, message_retention_duration=timedelta(hours=1)),
        update_mask=FieldMask(paths=["labels", "message_retention_duration"]),
    )
    assert changed.labels == {"x": "y"}
    assert cloud.publisher.get_topic(topic=topic).message_retention_duration == timedelta(hours=1)


def test_detached_subscription_neither_holds_nor_gets_messages(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"before")
    cloud.publisher.detach_subscription(request={"subscription": subscription})
    assert cloud.subscriber.get_subscription(subscription=subscription).detached
    with pytest.raises(gcp.FailedPrecondition):
        cloud.peek(subscription)
    assert cloud.publish(topic, b"after")


def test_snapshot_is_made_listed_changed_and_deleted(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    name = cloud.name("snapshot", "snap")
    made = cloud.subscriber.create_snapshot(request={"name": name, "subscription": subscription, "labels": {"a": "b"}})
    assert (made.topic, made.labels) == (topic, {"a": "b"})
    assert cloud.subscriber.get_snapshot(snapshot=name) == made
    assert name in [each.name for each in cloud.subscriber.list_snapshots(project=f"projects/{PROJECT}")]
    assert list(cloud.publisher.list_topic_snapshots(request={"topic": topic})) == [name]
    changed = cloud.subscriber.update_snapshot(
        snapshot={"name": name, "labels": {"c": "d"}}, update_mask=FieldMask(paths=["labels"])
    )
    assert changed.labels == {"c": "d"}
    cloud.subscriber.delete_snapshot(snapshot=name)
    with pytest.raises(gcp.NotFound):
        cloud.subscriber.delete_snapshot(snapshot=name)
