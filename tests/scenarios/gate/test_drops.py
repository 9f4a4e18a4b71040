"""Of several drops of one file the newest counts, in whichever order and how often they are told."""

from __future__ import annotations

import itertools

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.gate import Gate
from dagwarden.names import EnvironmentName
from dagwarden.policy.verdict import Outcome
from tests.scenarios.gate.desk import POLICY, Desk

A = "dags/a.py"


@pytest.fixture
def drops(desk: Desk) -> list[ObjectEvent]:
    """Three drops of one file."""
    return [desk.drop(A, f"a = {number}\n") for number in range(1, 4)]


def test_an_old_drop_that_is_told_last_releases_nothing(desk: Desk, drops: list[ObjectEvent]) -> None:
    assert desk.allow(drops[-1]) == 1
    for late in (drops[0], drops[1], drops[0]):
        assert desk.deny(late) == {"raw-drop-superseded"}
    assert (desk.head(), desk.tree()) == (1, {A: "a = 3\n"})
    denied = [entry for entry in desk.audit(Kind.PUSH_VERDICT) if entry.outcome == "denied"]
    assert len(denied) == 2
    assert all("raw-drop-superseded" in entry.why.reason for entry in denied)
    desk.check()


def test_the_newest_drop_is_live_in_whichever_order_they_are_told(desk: Desk) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        one = Desk(desk.cloud, EnvironmentName(f"prod-{number}"), POLICY)
        drops = [one.drop(A, f"a = {each}\n") for each in range(3)]
        for index in (*order, *order):
            one.deliver(drops[index])
        assert (one.head(), one.tree()) == (1, {A: "a = 2\n"}), order
        one.check()


def test_a_drop_that_was_deleted_still_supersedes_older_ones(desk: Desk, drops: list[ObjectEvent]) -> None:
    assert desk.cloud.inbox.delete(drops[-1].name, generation=drops[-1].generation)
    assert desk.deny(drops[1]) == {"raw-drop-superseded"}
    assert desk.allow(drops[-1]) == 1
    assert desk.tree() == {A: "a = 3\n"}
    desk.check()


def test_drops_of_other_files_supersede_nothing(desk: Desk) -> None:
    first = desk.drop(A, "a = 1\n")
    for other in ("dags/a.pyi", "dags/a.py.bak", "dags/b.py"):
        desk.drop(other, "b = 1\n")
    assert desk.allow(first) == 1


def test_a_drop_that_is_overwritten_while_it_is_decided_comes_before_the_newer_one(desk: Desk) -> None:
    """The gate has found it the newest; before it commits, another gate releases a newer one."""
    first = desk.drop(A, "a = 1\n")
    other, numbers = Gate(desk.cloud), itertools.count()
    dropped: list[ObjectEvent] = []

    def interfere() -> str:
        if not dropped:
            dropped.append(desk.drop(A, "a = 2\n"))
            other.handle(dropped[0])
        return f"attempt-{next(numbers)}"

    verdict = desk.deliver(first, Gate(desk.cloud, new_attempt=interfere))
    assert verdict is not None
    assert verdict.outcome is Outcome.DENIED
    assert (desk.head(), desk.tree()) == (1, {A: "a = 2\n"})
    desk.check()
