"""Gates at the same time: each push is released once, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.gate import Gate
from dagwarden.policy.verdict import Outcome, Verdict
from tests.scenarios.gate.desk import Desk


def deliver_at_once(desk: Desk, *events: ObjectEvent) -> list[Verdict]:
    """Each event to a gate of its own, all at the same time."""

    def work(event: ObjectEvent) -> Callable[[], Verdict | None]:
        gate = Gate(desk.cloud)
        return lambda: desk.deliver(event, gate)

    with ThreadPoolExecutor(len(events)) as pool:
        found = [future.result() for future in [pool.submit(work(event)) for event in events]]
    assert all(found)
    return [verdict for verdict in found if verdict]


def test_two_sources_at_once_are_both_released(desk: Desk) -> None:
    for round_ in range(1, 6):
        base = "" if round_ == 1 else f"c{round_ - 1}"
        events = [
            desk.push({f"dags/{source}.py": f"n = {round_}\n"}, source=source, base=base, head=f"c{round_}")
            for source in ("a", "b")
        ]
        verdicts = deliver_at_once(desk, *events)
        assert sorted(verdict.release or 0 for verdict in verdicts) == [2 * round_ - 1, 2 * round_]
    assert desk.tree() == {"dags/a.py": "n = 5\n", "dags/b.py": "n = 5\n"}
    desk.check()


def test_eight_sources_at_once_lose_nothing(desk: Desk) -> None:
    events = [desk.push({f"dags/{n}.py": f"n = {n}\n"}, source=f"s{n}") for n in range(8)]
    verdicts = deliver_at_once(desk, *events)
    assert sorted(verdict.release or 0 for verdict in verdicts) == list(range(1, 9))
    assert len(desk.tree()) == 8
    desk.check()


def test_eight_sources_at_one_gate_lose_no_race(desk: Desk) -> None:
    events = [desk.push({f"dags/{n}.py": f"n = {n}\n"}, source=f"s{n}") for n in range(8)]
    with ThreadPoolExecutor(len(events)) as pool:
        verdicts = list(pool.map(desk.gate.handle, events))
    assert sorted(verdict.release or 0 for verdict in verdicts if verdict) == list(range(1, 9))
    claims = [info.name for info in desk.cloud.store.list(f"{desk.environment}/claims/")]
    assert len(claims) == 8, "who lost a race laid down a second claim"
    desk.check()


def test_the_same_push_at_four_gates_is_released_once(desk: Desk) -> None:
    for round_ in range(1, 6):
        base = "" if round_ == 1 else f"c{round_ - 1}"
        event = desk.push({"dags/a.py": f"n = {round_}\n"}, base=base, head=f"c{round_}")
        verdicts = deliver_at_once(desk, *[event] * 4)
        assert {(verdict.outcome, verdict.release) for verdict in verdicts} == {(Outcome.ALLOWED, round_)}
    assert len(desk.verdicts()) == 5
    desk.check()


def test_two_pushes_on_the_same_base_at_once_release_one_and_deny_one(desk: Desk) -> None:
    desk.allow(desk.push({"dags/a.py": "n = 0\n"}, head="c0"))
    for round_ in range(5):
        base = desk.state().sources["https://git.example.com/team.git"]
        events = [
            desk.push({"dags/a.py": f"n = '{round_}{name}'\n"}, base=base, head=f"c{round_}{name}") for name in "xy"
        ]
        verdicts = deliver_at_once(desk, *events, *events)
        outcomes = sorted(str(verdict.outcome) for verdict in verdicts)
        assert outcomes == ["allowed", "allowed", "denied", "denied"]
    assert desk.head() == 6
    desk.check()


def test_a_push_and_the_one_that_stands_on_it_at_once(desk: Desk) -> None:
    """Whichever comes first: the first is released, the second is released after it or denied, at both gates alike."""
    base = ""
    for round_ in range(5):
        first = desk.push({"dags/a.py": f"n = {round_}\n"}, base=base, head=f"x{round_}")
        second = desk.push({"dags/a.py": f"n = {round_}.5\n"}, base=f"x{round_}", head=f"y{round_}")
        verdicts = deliver_at_once(desk, second, first, second)
        assert verdicts[1].outcome is Outcome.ALLOWED
        assert verdicts[0].outcome is verdicts[2].outcome
        base = f"y{round_}" if verdicts[0].outcome is Outcome.ALLOWED else f"x{round_}"
        desk.check()
