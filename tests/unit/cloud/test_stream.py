"""The stream of notices: what it makes of refusals, breaks, nacks and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.topics import Incoming, Outgoing, Stream, Subscription
from dagwarden.errors import Unavailable
from localcloud.testing import RunningCloud


@pytest.fixture
def subscription(cloud: Cloud) -> Subscription:
    subscription = cloud.subscription("notices-of-one")
    subscription.ensure(cloud.settings.notices_topic, "", expires_after_s=86_400)
    return subscription


class Taker:
    """A handler that keeps what it takes, and may refuse or linger."""

    def __init__(self, work: Callable[[bytes], None] = lambda _: None) -> None:
        self.taken: list[bytes] = []
        self._work = work
        self._news = threading.Condition()

    def __call__(self, incoming: Incoming) -> None:
        with self._news:
            self.taken.append(incoming.data)
            self._news.notify_all()
        self._work(incoming.data)

    def await_count(self, count: int) -> list[bytes]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.taken) >= count, 15), self.taken
        return self.taken


@pytest.fixture
def take() -> Taker:
    return Taker()


@pytest.fixture
def stream(subscription: Subscription, take: Taker) -> Iterator[Stream]:
    stream = subscription.stream(take)
    yield stream
    stream.close()


def publish(cloud: Cloud, *bodies: bytes) -> None:
    cloud.topics.publish(cloud.settings.notices_topic, *[Outgoing(body) for body in bodies])


@pytest.mark.parametrize("action", ["fail", "drop", "fail_after", "drop_after"])
def test_stream_that_is_refused_or_cut_is_opened_again(
    cloud: Cloud, cloud_server: RunningCloud, subscription: Subscription, take: Taker, action: str
) -> None:
    cloud_server.admin.plan("pubsub", action, method="StreamingPull", subject=subscription.path, times=3)
    publish(cloud, b"1")
    stream = subscription.stream(take)
    take.await_count(1)
    publish(cloud, b"2")
    assert sorted(take.await_count(2)) == [b"1", b"2"]
    assert stream.is_running()
    stream.close()


def test_messages_come_one_at_a_time_and_are_acknowledged(cloud: Cloud, subscription: Subscription) -> None:
    busy = threading.Lock()

    def work(_: bytes) -> None:
        assert busy.acquire(blocking=False)
        busy.release()

    take = Taker(work)
    publish(cloud, *[b"%d" % number for number in range(20)])
    stream = subscription.stream(take)
    assert sorted(take.await_count(20)) == sorted(b"%d" % number for number in range(20))
    stream.close()
    assert subscription.pull(10) == []


def test_message_that_cannot_be_handled_now_comes_again(cloud: Cloud, subscription: Subscription) -> None:
    def refuse_once(_: bytes) -> None:
        if len(take.taken) == 1:
            raise Unavailable("not now")

    take = Taker(refuse_once)
    stream = subscription.stream(take)
    publish(cloud, b"x")
    assert take.await_count(2) == [b"x", b"x"]
    stream.close()


def test_close_finishes_what_is_under_way_and_gives_the_rest_back(cloud: Cloud, subscription: Subscription) -> None:
    may_go_on = threading.Event()
    take = Taker(lambda _: assert_true(may_go_on.wait(10)))
    publish(cloud, b"1", b"2", b"3")
    stream = subscription.stream(take)
    take.await_count(1)
    closing = threading.Thread(target=stream.close)
    closing.start()
    assert stream.is_running()
    may_go_on.set()
    closing.join(10)
    assert not stream.is_running()
    left = [incoming.data for _, incoming in subscription.pull(10)]
    assert sorted([*take.taken, *left]) == [b"1", b"2", b"3"]


def test_stream_ends_with_its_subscription(subscription: Subscription, stream: Stream) -> None:
    assert stream.is_running()
    subscription.delete()
    deadline = time.monotonic() + 10
    while stream.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stream.is_running()


def test_defect_of_the_handler_ends_the_stream_and_is_raised_at_its_close(
    cloud: Cloud, subscription: Subscription
) -> None:
    def break_down(_: bytes) -> None:
        raise ValueError("a defect")

    take = Taker(break_down)
    stream = subscription.stream(take)
    publish(cloud, b"x")
    take.await_count(1)
    with pytest.raises(ValueError, match="a defect"):
        stream.close()
    assert not stream.is_running()


def assert_true(value: bool) -> None:
    assert value
