"""What survives: a clean stop, a kill -9, and time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.calls import Calls
from localcloud.pubsub import DeadLetterPolicy, InvalidArgument, NotFound, PubSub, Subscription, Topic
from localcloud.state import State

from .clouds import Cloud, LocalServer, bodies

TOPIC = "projects/proj-local/topics/top"
SUBSCRIPTION = "projects/proj-local/subscriptions/sub"
DAY_S = 86_400.0

_SERVE = """
import asyncio, sys
from pathlib import Path
from localcloud.calls import Calls
from localcloud.pubsub import PubSub
from localcloud.state import State

async def main():
    pubsub = PubSub(State(Path(sys.argv[1])), Calls())
    print(await pubsub.start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def serve(folder: Path) -> tuple[subprocess.Popen[str], Cloud]:
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Cloud(f"127.0.0.1:{process.stdout.readline().strip()}", is_local=True)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_kill_loses_neither_messages_nor_acknowledgements(tmp_path: Path) -> None:
    process, cloud = serve(tmp_path)
    cloud.publisher.create_topic(name=TOPIC)
    cloud.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    cloud.publish(TOPIC, b"acked", b"in hand", b"waiting", key="value")
    received = cloud.pull(SUBSCRIPTION, 3)
    cloud.ack(SUBSCRIPTION, [each for each in received if each.message.data == b"acked"])
    kill(process)
    cloud.close()
    process, cloud = serve(tmp_path)
    again = cloud.pull(SUBSCRIPTION, 2)
    kill(process)
    cloud.close()
    assert sorted(bodies(again)) == [b"in hand", b"waiting"]
    before = {each.message.message_id: each.message for each in received}
    assert all(each.message == before[each.message.message_id] for each in again)


def test_restart_keeps_resources_attempts_order_and_snapshots(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    cloud = Cloud(server.host, is_local=True)
    grave = cloud.topic("grave")
    topic, subscription = cloud.pair(
        enable_message_ordering=True,
        dead_letter_policy={"dead_letter_topic": grave, "max_delivery_attempts": 9},
        filter="attributes:key",
        labels={"a": "b"},
    )
    resource = cloud.subscriber.get_subscription(subscription=subscription)
    cloud.publish(topic, b"1", b"2", b"3", ordering_key="k", key="value")
    snapshot = cloud.name("snapshot", "snap")
    cloud.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    cloud.nack(subscription, cloud.pull(subscription, 3)[:1])
    first, *_ = cloud.pull(subscription, 3)
    cloud.ack(subscription, [first])
    server.stop()
    server = LocalServer(tmp_path, port=server.port)
    assert cloud.subscriber.get_subscription(subscription=subscription) == resource
    received = cloud.pull(subscription, 2)
    assert [(each.message.data, each.delivery_attempt) for each in received] == [(b"2", 1), (b"3", 1)]
    cloud.ack(subscription, received)
    cloud.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert bodies(cloud.pull(subscription, 3)) == [b"1", b"2", b"3"]
    cloud.close()
    server.stop()


def test_attempts_are_counted_on_after_a_restart(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    cloud = Cloud(server.host, is_local=True)
    grave = cloud.topic("grave")
    topic, subscription = cloud.pair(dead_letter_policy={"dead_letter_topic": grave, "max_delivery_attempts": 9})
    cloud.publish(topic, b"x")
    for _ in range(3):
        cloud.nack(subscription, cloud.pull(subscription))
    server.stop()
    server = LocalServer(tmp_path, port=server.port)
    assert cloud.pull(subscription)[0].delivery_attempt == 4
    cloud.close()
    server.stop()


def test_acknowledgement_of_a_delivery_before_the_restart_counts(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    cloud = Cloud(server.host, is_local=True)
    topic, subscription = cloud.pair()
    cloud.publish(topic, b"x")
    received = cloud.pull(subscription)
    server.stop()
    server = LocalServer(tmp_path, port=server.port)
    cloud.ack(subscription, received)
    assert cloud.peek(subscription) == []
    cloud.close()
    server.stop()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(tmp_path)
    yield found
    found.close()


@pytest.fixture
def pubsub(state: State, clock: Clock) -> PubSub:
    return PubSub(state, Calls(), clock=clock)


def stored(state: State) -> int:
    row = state.db.execute("SELECT count(*) FROM pubsub_messages").fetchone()
    return int(row[0])


def subscribe(pubsub: PubSub, **fields: object) -> None:
    pubsub.create_topic(TOPIC)
    pubsub.create_subscription(Subscription(name=SUBSCRIPTION, topic=TOPIC, **fields))  # type: ignore[arg-type]


def test_message_past_its_retention_is_gone(pubsub: PubSub, state: State, clock: Clock) -> None:
    subscribe(pubsub, retention_s=3600.0)
    pubsub.publish(TOPIC, b"old", {})
    clock.now_s += 3000
    pubsub.publish(TOPIC, b"new", {})
    clock.now_s += 1000
    pubsub.sweep()
    assert (len(pubsub.catalog.outlet(SUBSCRIPTION).backlog), stored(state)) == (1, 1)


def test_idle_subscription_expires_and_a_permanent_one_stays(pubsub: PubSub, clock: Clock) -> None:
    subscribe(pubsub, ttl_s=8 * DAY_S)
    permanent = Subscription(name=SUBSCRIPTION + "-permanent", topic=TOPIC, ttl_s=None)
    pubsub.create_subscription(permanent)
    clock.now_s += 7 * DAY_S
    pubsub.sweep()
    assert SUBSCRIPTION in pubsub.catalog.outlets
    clock.now_s += 2 * DAY_S
    pubsub.sweep()
    assert list(pubsub.catalog.outlets) == [permanent.name]


def test_used_subscription_does_not_expire_even_across_a_restart(pubsub: PubSub, state: State, clock: Clock) -> None:
    subscribe(pubsub, ttl_s=8 * DAY_S)
    clock.now_s += 7 * DAY_S
    pubsub.catalog.outlet(SUBSCRIPTION).ack([])
    pubsub.sweep()
    clock.now_s += 7 * DAY_S
    again = PubSub(state, Calls(), clock=clock)
    again.sweep()
    assert SUBSCRIPTION in again.catalog.outlets


def test_message_nobody_waits_for_is_not_kept(pubsub: PubSub, state: State) -> None:
    pubsub.create_topic(TOPIC)
    pubsub.publish(TOPIC, b"to nobody", {})
    assert stored(state) == 0


def test_topic_keeps_acknowledged_messages_as_long_as_it_says(pubsub: PubSub, state: State, clock: Clock) -> None:
    pubsub.catalog.add_topic(Topic(name=TOPIC, retention_s=3600.0))
    pubsub.publish(TOPIC, b"x", {})
    pubsub.sweep()
    assert stored(state) == 1
    clock.now_s += 3601
    pubsub.sweep()
    assert stored(state) == 0


def test_deleted_subscription_leaves_nothing_behind(pubsub: PubSub, state: State) -> None:
    subscribe(pubsub)
    pubsub.publish(TOPIC, b"x", {})
    pubsub.catalog.remove_subscription(SUBSCRIPTION)
    pubsub.sweep()
    assert stored(state) == 0


def test_publish_in_a_transaction_that_fails_is_not_published(pubsub: PubSub, state: State) -> None:
    subscribe(pubsub)

    def publish_one_to_nowhere() -> None:
        with state.transaction():
            pubsub.publish(TOPIC, b"x", {})
            pubsub.publish(TOPIC + "-gone", b"x", {})

    with pytest.raises(KeyError):
        publish_one_to_nowhere()
    assert (len(pubsub.catalog.outlet(SUBSCRIPTION).backlog), stored(state)) == (0, 0)


def test_snapshot_past_its_time_is_gone_with_what_it_kept(pubsub: PubSub, state: State, clock: Clock) -> None:
    subscribe(pubsub)
    pubsub.catalog.add_snapshot("projects/proj-local/snapshots/snap", SUBSCRIPTION, {})
    pubsub.publish(TOPIC, b"x", {})
    pubsub.catalog.remove_subscription(SUBSCRIPTION)
    clock.now_s += 6 * DAY_S
    pubsub.sweep()
    assert stored(state) == 1
    clock.now_s += 2 * DAY_S
    pubsub.sweep()
    assert (stored(state), pubsub.catalog.snapshots) == (0, {})


def test_publish_to_a_missing_topic_is_a_key_error(pubsub: PubSub) -> None:
    with pytest.raises(KeyError):
        pubsub.publish(TOPIC, b"x", {})
    assert issubclass(NotFound, KeyError)


def test_creating_again_changes_what_may_change(pubsub: PubSub) -> None:
    subscribe(pubsub)
    subscribe(pubsub)
    pubsub.publish(TOPIC, b"x", {})
    subscribe(pubsub, ack_deadline_s=60, dead_letter=DeadLetterPolicy(topic=TOPIC))
    assert pubsub.catalog.outlet(SUBSCRIPTION).subscription.ack_deadline_s == 60
    assert len(pubsub.catalog.outlet(SUBSCRIPTION).backlog) == 1
    with pytest.raises(InvalidArgument, match="cannot change"):
        subscribe(pubsub, filter="attributes:a")
