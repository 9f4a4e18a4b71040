"""Whatever goes wrong at whichever call: after redelivery the bucket is what the head says, once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagwarden.errors import Transient
from dagwarden.handlers.mirror import MirrorHandler
from localcloud.calls import Action, Fault
from tests.scenarios.mirror.house import PROD, House, Message
from tests.scenarios.mirror.killed import run_until_it_ends

A, B, C = "dags/a.py", "dags/b.py", "plugins/c.py"

FAULTS: list[tuple[Action, int]] = [
    ("fail", 412),
    ("fail", 429),
    ("fail", 503),
    ("fail_after", 503),
    ("drop", 0),
    ("drop_after", 0),
]
CALLS = [
    *(("storage", "objects.get*", nth) for nth in (1, 2, 3, 4)),
    *(("storage", "objects.insert*", nth) for nth in (1, 2)),
    ("storage", "objects.delete", 1),
    ("storage", "objects.list", 1),
    ("logging", "*", 1),
    ("pubsub", "*ublish", 1),
]


def redeliver(house: House, *events: Message) -> None:
    """Deliver each event until it is acknowledged."""
    for event in events:
        for _ in range(5):
            try:
                house.deliver(event)
                break
            except Transient:
                continue
        else:
            raise AssertionError("never acknowledged")


def settle_again(house: House) -> None:
    for _ in range(20):
        events = house.bucket_events()
        redeliver(house, *events)
        if not house.record() and not events:
            return


def check(house: House) -> None:
    """The contract, at the end."""
    house.admin.forget_faults()
    settle_again(house)
    assert house.tree() == house.head_tree()
    assert house.audit("drift.detected") == []
    assert len(house.audit("release.mirrored")) >= 2


@pytest.mark.parametrize(("action", "status"), FAULTS)
def test_a_fault_at_any_call_of_a_release_is_overcome(house: House, action: Action, status: int) -> None:
    house.release({A: b"0", B: b"0"})
    house.mirror(1)
    for round_, (service, method, nth) in enumerate(CALLS, start=1):
        house.release({A: b"%d" % round_, C: b"%d" % round_}, deletes=(B,) if round_ % 2 else ())
        house.release({B: b"%d" % round_})
        events = [house.release_event(2 * round_ + 1), house.release_event(2 * round_)]
        house.admin.plan(service, action, method=method, nth=nth, status=status)  # type: ignore[arg-type]
        redeliver(house, *events)
        house.admin.forget_faults()
        assert house.tree() == house.head_tree(), (service, method, nth)
    check(house)


@pytest.mark.parametrize(("action", "status"), FAULTS)
def test_a_fault_at_any_call_of_healing_is_overcome(house: House, action: Action, status: int) -> None:
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    generations = []
    for service, method, nth in CALLS:
        generations.append(house.upload(A, b"foreign"))
        events = house.bucket_events()
        house.admin.plan(service, action, method=method, nth=nth, status=status)  # type: ignore[arg-type]
        redeliver(house, *events)
        house.admin.forget_faults()
        assert house.tree() == {A: b"one", B: b"b"}, (service, method, nth)
    settle_again(house)
    reported = [int(entry.what.resource.rpartition("#")[2]) for entry in house.audit("drift.detected")]
    assert sorted(set(reported)) == generations
    assert len(reported) == len(generations)


def test_a_service_that_stays_away_is_transient(house: House) -> None:
    house.release({A: b"one"})
    event = house.release_event(1)
    house.admin.plan("logging", "fail", times=1000, status=503)
    with pytest.raises(Transient):
        house.deliver(event)
    assert house.tree() == {}  # nothing takes effect before its audit entry
    house.admin.forget_faults()
    house.deliver(event)
    assert house.tree() == {A: b"one"}


@pytest.mark.parametrize("action", ["crash", "crash_after"])
def test_killed_at_any_call_it_finishes_when_the_event_comes_again(house: House, action: Action) -> None:
    house.release({A: b"0", "dags/d0.py": b"d"})
    house.mirror(1)
    for number, (service, method, nth) in enumerate(CALLS, start=2):
        deletes = (f"dags/d{number - 2}.py",)
        house.release({A: b"%d" % number, C: b"%d" % number, f"dags/d{number - 1}.py": b"d"}, deletes=deletes)
        fault = Fault(service=service, action=action, method=method, nth=nth)  # type: ignore[arg-type]
        assert run_until_it_ends(house, house.release_event(number), fault), "it was not killed"
        assert house.tree() == house.head_tree(), fault
    check(house)


def race(*works: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()


def test_two_at_the_same_time_end_at_the_head(house: House) -> None:
    house.release({f"dags/{n}.py": b"0" for n in range(8)})
    house.mirror(1)
    for round_ in range(1, 6):
        house.release({f"dags/{n}.py": b"%d" % round_ for n in range(8)}, deletes=("dags/x.py",))
        house.release({"dags/x.py": b"%d" % round_, "dags/0.py": b"later"})
        house.release({"dags/1.py": b"latest"}, deletes=("dags/x.py",))
        first = house.ledger.find_head_number(PROD) - 2
        events = [house.release_event(first + step) for step in range(3)]
        handlers = [MirrorHandler(house.cloud) for _ in events]

        def take(handler: MirrorHandler, event: Message) -> Callable[[], None]:
            return lambda: take_again(handler, event)

        race(*(take(handler, event) for handler, event in zip(handlers, events, strict=True)))
        assert house.tree() == house.head_tree()
        settle_again(house)
    check(house)


def take_again(handler: MirrorHandler, event: Message) -> None:
    for _ in range(10):
        try:
            return handler.take(event["attributes"], event["data"])
        except Transient:
            continue
    raise AssertionError("never acknowledged")
