"""Streaming pull through the real subscriber: flow control, sharing, order, what ends a stream."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from google.api_core import exceptions as gcp
from google.cloud.pubsub_v1.subscriber.futures import StreamingPullFuture
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl

from .clouds import Cloud, within

Callback = Callable[[Message], None]


@contextmanager
def streaming(
    cloud: Cloud, subscription: str, callback: Callback, max_messages: int = 1000
) -> Iterator[StreamingPullFuture]:
    future = cloud.subscriber.subscribe(
        subscription, callback, flow_control=FlowControl(max_messages=max_messages), await_callbacks_on_shutdown=True
    )
    try:
        yield future
    finally:
        future.cancel()
        with suppress(gcp.GoogleAPICallError):
            future.result(10)


class Taker:
    """A callback that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def __call__(self, message: Message) -> None:
        self.taken.append(message.data)
        message.ack()


def test_stream_brings_all_messages_once(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    take = Taker()
    sent = [b"%d" % number for number in range(300)]
    with streaming(cloud, subscription, take):
        cloud.publish(topic, *sent)
        within(15, lambda: len(take.taken) >= 300)
    assert sorted(take.taken) == sorted(sent)
    assert cloud.peek(subscription) == []


def test_stream_brings_what_waited_before_it_opened(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"waited")
    take = Taker()
    with streaming(cloud, subscription, take):
        within(8, lambda: take.taken == [b"waited"])


def test_nacked_message_comes_again_on_the_stream(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    seen: list[str] = []

    def refuse_twice(message: Message) -> None:
        seen.append(message.message_id)
        message.ack() if len(seen) == 3 else message.nack()

    with streaming(cloud, subscription, refuse_twice):
        [message_id] = cloud.publish(topic, b"x")
        within(10, lambda: len(seen) == 3)
    assert seen == [message_id] * 3


def test_stream_holds_back_what_flow_control_forbids(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    entered: queue.Queue[Message] = queue.Queue()
    with streaming(cloud, subscription, entered.put, max_messages=2):
        cloud.publish(topic, b"1", b"2", b"3", b"4")
        held = [entered.get(timeout=8), entered.get(timeout=8)]
        others = cloud.pull(subscription, 2)
        assert len(others) == 2  # they were with the server, not with the stream
        cloud.ack(subscription, others)
        for message in held:
            message.ack()
    assert entered.empty()


def test_two_streams_share_the_messages(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    barrier = threading.Barrier(2)
    both_busy: list[int] = []

    def meet(message: Message) -> None:
        both_busy.append(barrier.wait(10))
        message.ack()

    with streaming(cloud, subscription, meet, 1), streaming(cloud, subscription, meet, 1):
        cloud.publish(topic, b"1", b"2")
        within(10, lambda: len(both_busy) == 2)
    assert sorted(both_busy) == [0, 1]


def test_stream_of_a_missing_subscription_is_refused(cloud: Cloud) -> None:
    future = cloud.subscriber.subscribe(cloud.name("subscription", "gone"), lambda _: None)
    with pytest.raises(gcp.NotFound):
        future.result(10)


def test_stream_ends_when_its_subscription_is_deleted(cloud: Cloud) -> None:
    topic, subscription = cloud.pair()
    take = Taker()
    future = cloud.subscriber.subscribe(subscription, take)
    cloud.publish(topic, b"x")
    within(8, lambda: take.taken)
    cloud.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(gcp.NotFound):
        future.result(10)


def test_each_key_comes_in_order(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(enable_message_ordering=True)
    taken: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    def take(message: Message) -> None:
        taken[message.ordering_key].append(int(message.data))
        message.ack()

    with streaming(cloud, subscription, take):
        for number in range(60):
            for key in taken:
                cloud.publisher.publish(topic, b"%d" % number, ordering_key=key)
        within(20, lambda: sum(map(len, taken.values())) >= 180)
    assert taken == {key: list(range(60)) for key in taken}


def test_refused_message_of_a_key_comes_again_with_all_later_ones(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(enable_message_ordering=True)
    cloud.publish(topic, *[b"%d" % number for number in range(4)], ordering_key="k")
    received = cloud.pull(subscription, 4)
    cloud.ack(subscription, received[:1])
    cloud.ack(subscription, received[2:3])
    cloud.nack(subscription, received[1:2])
    assert [int(each.message.data) for each in cloud.pull(subscription, 3)] == [1, 2, 3]


def test_key_in_hand_waits_for_its_holder(cloud: Cloud) -> None:
    topic, subscription = cloud.pair(enable_message_ordering=True)
    cloud.publish(topic, b"1", ordering_key="k")
    first = cloud.pull(subscription)
    cloud.publish(topic, b"2", ordering_key="k")
    cloud.publish(topic, b"other", ordering_key="j")
    assert [each.message.data for each in cloud.pull(subscription)] == [b"other"]
    cloud.ack(subscription, first)
    assert [each.message.data for each in cloud.pull(subscription)] == [b"2"]


def test_refusing_in_a_stream_never_skips_a_message_of_the_key(local: Cloud) -> None:
    topic, subscription = local.pair(enable_message_ordering=True)
    seen: list[int] = []

    def refuse_five_once(message: Message) -> None:
        number = int(message.data)
        seen.append(number)
        message.nack() if number == 5 and seen.count(5) == 1 else message.ack()

    with streaming(local, subscription, refuse_five_once):
        local.publish(topic, *[b"%d" % number for number in range(10)], ordering_key="k")
        within(10, lambda: seen and seen[-1] == 9 and seen.count(5) == 2)
    after_refusal = seen[len(seen) - 1 - seen[::-1].index(5) :]
    assert after_refusal == [5, 6, 7, 8, 9]
