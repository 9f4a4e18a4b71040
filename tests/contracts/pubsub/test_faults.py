"""Planned faults: every kind, on calls and on deliveries, and what the counters say."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as gcp
from google.api_core.gapic_v1.client_info import ClientInfo
from google.pubsub_v1.types import StreamingPullRequest

from localcloud.calls import CallKey, Fault
from localcloud.pubsub import caller_of

from .clouds import Cloud, LocalServer, bodies, within
from .endpoint import Endpoint
from .test_streaming import Taker, streaming

Plan = Callable[..., None]

STATUSES = [
    (403, gcp.Forbidden),
    (404, gcp.NotFound),
    (412, gcp.FailedPrecondition),
    (429, gcp.ResourceExhausted),
    (500, gcp.InternalServerError),
    (503, gcp.ServiceUnavailable),
    (504, gcp.DeadlineExceeded),
]


@pytest.fixture
def plan(local_server: LocalServer, local: Cloud) -> Iterator[Plan]:
    """Plans faults of Pub/Sub; none is left after the test."""

    def plan(action: str, method: str, **more: Any) -> None:
        fault = Fault(service="pubsub", action=action, method=method, **more)  # type: ignore[arg-type]
        local_server.on_loop(lambda: local_server.calls.plan(fault))

    yield plan
    local_server.on_loop(local_server.calls.forget_faults)


@pytest.fixture
def victim(local_server: LocalServer) -> Iterator[subprocess.Popen[bytes]]:
    """A process registered as `victim`."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    local_server.on_loop(lambda: local_server.calls.register_process("victim", process.pid))
    yield process
    process.kill()
    process.communicate()


def open_stream(cloud: Cloud, subscription: str) -> Any:
    """One stream as the generated client opens it: `subscribe`, written by hand, loses streams refused at once."""
    first = StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=10)
    return cloud.subscriber.streaming_pull(requests=iter([first]), timeout=20)


def first_of_stream(cloud: Cloud, subscription: str) -> list[bytes]:
    return bodies(next(open_stream(cloud, subscription)).received_messages)


def get_topic(cloud: Cloud, topic: str) -> object:
    return cloud.publisher.get_topic(topic=topic, retry=None)


@pytest.mark.parametrize(("status", "error"), STATUSES)
def test_failed_call_answers_the_status_and_does_nothing(
    local: Cloud, plan: Plan, status: int, error: type[Exception]
) -> None:
    topic = local.topic()
    plan("fail", "DeleteTopic", status=status)
    with pytest.raises(error):
        local.publisher.delete_topic(topic=topic, retry=None)
    assert get_topic(local, topic)


@pytest.mark.parametrize("action", ["fail_after", "drop_after", "crash_after"])
def test_work_is_done_although_the_answer_is_lost(local: Cloud, plan: Plan, action: str) -> None:
    topic = local.topic()
    plan(action, "DeleteTopic")
    with pytest.raises(gcp.ServiceUnavailable):
        local.publisher.delete_topic(topic=topic, retry=None)
    with pytest.raises(gcp.NotFound):
        get_topic(local, topic)


def test_dropped_call_does_nothing(local: Cloud, plan: Plan) -> None:
    topic = local.topic()
    plan("drop", "DeleteTopic")
    with pytest.raises(gcp.ServiceUnavailable):
        local.publisher.delete_topic(topic=topic, retry=None)
    assert get_topic(local, topic)


def test_delayed_call_answers_late(local: Cloud, plan: Plan) -> None:
    topic = local.topic()
    plan("delay", "GetTopic", delay_s=0.3)
    started = time.monotonic()
    get_topic(local, topic)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("action", "is_done"), [("crash", False), ("crash_after", True)])
def test_crash_kills_the_process_of_the_caller(
    local: Cloud, plan: Plan, victim: subprocess.Popen[bytes], action: str, is_done: bool
) -> None:
    topic = local.topic()
    caller = local.as_caller("victim")
    plan(action, "DeleteTopic", caller="victim")
    with pytest.raises(gcp.ServiceUnavailable):
        caller.publisher.delete_topic(topic=topic, retry=None)
    caller.close()
    assert victim.wait(5) == -9
    assert (topic not in [each.name for each in local.publisher.list_topics(project="projects/proj-local")]) is is_done


def test_fault_strikes_the_nth_call_on_its_subject_alone(local: Cloud, plan: Plan) -> None:
    topic, other = local.topic(), local.topic("other")
    plan("fail", "Publish", subject=topic, nth=2, times=1)
    local.publish(topic, b"1")
    local.publish(other, b"1")
    local.publish(other, b"2")
    with pytest.raises(grpc.RpcError):
        local.publish(topic, b"2")
    local.publish(topic, b"3")


def test_publisher_comes_through_passing_failures(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("fail", "Publish", subject=topic, times=2)
    local.publisher.publish(topic, b"x").result(10)
    assert bodies(local.pull(subscription)) == [b"x"]


def test_publish_whose_answer_is_lost_is_published_twice(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("drop_after", "Publish", subject=topic)
    local.publisher.publish(topic, b"x").result(10)
    assert bodies(local.pull(subscription, 2)) == [b"x", b"x"]


@pytest.mark.parametrize("action", ["fail", "drop"])
def test_refused_stream_brings_nothing_and_keeps_nothing(local: Cloud, plan: Plan, action: str) -> None:
    topic, subscription = local.pair()
    plan(action, "StreamingPull", subject=subscription)
    local.publish(topic, b"x")
    with pytest.raises(gcp.ServiceUnavailable):
        first_of_stream(local, subscription)
    assert first_of_stream(local, subscription) == [b"x"]


@pytest.mark.parametrize("action", ["fail_after", "drop_after"])
def test_stream_is_cut_after_its_first_response(local: Cloud, plan: Plan, action: str) -> None:
    topic, subscription = local.pair()
    plan(action, "StreamingPull", subject=subscription)
    local.publish(topic, b"x")
    stream = open_stream(local, subscription)
    assert bodies(next(stream).received_messages) == [b"x"]
    with pytest.raises(gcp.ServiceUnavailable):
        next(stream)


@pytest.mark.parametrize("action", ["fail", "drop"])
def test_refused_delivery_breaks_the_stream_and_comes_again(local: Cloud, plan: Plan, action: str) -> None:
    topic, subscription = local.pair()
    plan(action, "deliver", subject=subscription, nth=2)
    take = Taker()
    with streaming(local, subscription, take):
        local.publish(topic, b"1", b"2", b"3")
        within(10, lambda: sorted(take.taken) == [b"1", b"2", b"3"])


def test_refused_delivery_fails_the_pull(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    local.publish(topic, b"x")
    plan("fail", "deliver", subject=subscription, status=429)
    with pytest.raises(gcp.ResourceExhausted):
        local.subscriber.pull(subscription=subscription, max_messages=1, retry=None)
    assert bodies(local.pull(subscription)) == [b"x"]


@pytest.mark.parametrize("action", ["fail_after", "drop_after"])
def test_stream_breaks_after_the_delivery_that_is_struck(local: Cloud, plan: Plan, action: str) -> None:
    topic, subscription = local.pair()
    plan(action, "deliver", subject=subscription)
    take = Taker()
    with streaming(local, subscription, take):
        local.publish(topic, b"1", b"2")
        within(10, lambda: sorted(take.taken) == [b"1", b"2"])


def test_delivery_that_crashes_kills_the_receiver(local: Cloud, plan: Plan, victim: subprocess.Popen[bytes]) -> None:
    topic, subscription = local.pair()
    caller = local.as_caller("victim")
    plan("crash_after", "deliver", subject=subscription)
    take = Taker()
    with streaming(caller, subscription, take):
        local.publish(topic, b"x")
        assert victim.wait(8) == -9
    caller.close()


def test_duplicated_delivery_comes_twice(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("duplicate", "deliver", subject=subscription)
    local.publish(topic, b"x")
    received = local.pull(subscription, 2)
    assert bodies(received) == [b"x", b"x"]
    assert len({each.ack_id for each in received}) == 2
    local.ack(subscription, received)
    assert local.peek(subscription) == []


def test_reordered_delivery_comes_after_the_next(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("reorder", "deliver", subject=subscription, delay_s=30)
    local.publish(topic, b"1", b"2")
    assert bodies(local.pull(subscription, 2)) == [b"2", b"1"]


def test_reordered_delivery_comes_in_time_where_no_other_does(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("reorder", "deliver", subject=subscription, delay_s=0.2)
    local.publish(topic, b"1")
    started = time.monotonic()
    assert bodies(local.pull(subscription)) == [b"1"]
    assert time.monotonic() - started >= 0.15


def test_delayed_delivery_lets_others_pass(local: Cloud, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("delay", "deliver", subject=subscription, delay_s=0.2)
    local.publish(topic, b"late", b"early")
    assert bodies(local.pull(subscription, 2)) == [b"early", b"late"]


def test_lost_delivery_never_comes(local: Cloud, local_server: LocalServer, plan: Plan) -> None:
    topic, subscription = local.pair()
    plan("lose", "deliver", subject=subscription)
    local.publish(topic, b"lost", b"kept")
    assert bodies(local.pull(subscription)) == [b"kept"]
    assert local_server.on_loop(lambda: len(local_server.pubsub.catalog.outlet(subscription).backlog)) == 1


PUSHES = [("fail", 1), ("drop", 1), ("fail_after", 2), ("drop_after", 2), ("duplicate", 2), ("delay", 1), ("lose", 0)]


@pytest.mark.parametrize(("action", "count"), PUSHES)
def test_push_is_struck_as_other_deliveries_are(
    local: Cloud, local_server: LocalServer, plan: Plan, action: str, count: int
) -> None:
    endpoint = Endpoint()
    topic, subscription = local.pair(push_config={"push_endpoint": endpoint.url})
    plan(action, "deliver", subject=subscription, delay_s=0.05)
    local.publish(topic, b"x")
    within(8, lambda: local_server.on_loop(lambda: len(local_server.pubsub.catalog.outlet(subscription).backlog)) == 0)
    within(8, lambda: len(endpoint.pushes) >= count)
    endpoint.close()
    assert len(endpoint.pushes) == count


def test_calls_are_counted_by_method_and_caller(local: Cloud, local_server: LocalServer) -> None:
    counts = local_server.calls.counts
    gate = local.as_caller("gate")
    topic, subscription = gate.pair()
    before = local_server.on_loop(counts)
    gate.publisher.publish(topic, b"x").result(10)
    gate.pull(subscription)
    after = local_server.on_loop(counts)
    gate.close()
    new = {key: number - before.get(key, 0) for key, number in after.items() if number != before.get(key, 0)}
    assert new == {
        CallKey("pubsub", "Publish", "gate"): 1,
        CallKey("pubsub", "Pull", "gate"): 1,
        CallKey("pubsub", "deliver", "pubsub"): 1,
    }


@pytest.mark.parametrize(
    ("text", "caller"),
    [
        (ClientInfo(user_agent="dagwarden/1.2 (agent-worker)").to_user_agent(), "agent-worker"),
        ("dagwarden/1.2 (gate)", "gate"),
        ("dagwarden/1.2", "anonymous"),
        ("grpc-python/1.85.1", "anonymous"),
    ],
)
def test_caller_is_in_the_user_agent(text: str, caller: str) -> None:
    assert caller_of([("x-goog-api-client", text)]) == caller
    assert caller_of([("other", text)]) == "anonymous"
