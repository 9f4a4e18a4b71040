"""What becomes of a raw drop's file when the drop is deleted from the inbox: events late, doubled, in any order."""

from __future__ import annotations

import datetime as dt
import itertools

import msgspec
import pytest

from dagwarden.audit.entry import Kind
from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.handlers.gate import Gate
from dagwarden.names import EnvironmentName
from dagwarden.policy.verdict import Outcome
from localcloud.calls import Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import POLICY, Desk

A = "dags/a.py"
ENDS = (ObjectEventKind.ARCHIVED, ObjectEventKind.DELETED)
TAKES_DELETES = POLICY.replace("allowed: true", "allowed: true\n  deletes: true")


@pytest.fixture
def taking(desk: Desk) -> Desk:
    """A desk whose policy takes a file away with its drop."""
    desk.write_policy(TAKES_DELETES.format(project=desk.cloud.settings.project))
    return desk


def end_of(drop: ObjectEvent, kind: ObjectEventKind = ObjectEventKind.ARCHIVED, *, after_s: int = 60) -> ObjectEvent:
    """The event of the end of what arrived with `drop`."""
    ended_at = drop.time + dt.timedelta(seconds=after_s)
    return msgspec.structs.replace(drop, kind=kind, time=ended_at, created_at=drop.time, event_id=f"{kind}-{after_s}")


def delete(desk: Desk, drop: ObjectEvent) -> ObjectEvent:
    """Somebody deletes a drop; it stays as a noncurrent version, and its end is told."""
    assert desk.cloud.inbox.delete(drop.name, generation=drop.generation)
    return end_of(drop)


def test_a_deleted_drop_takes_its_file_away(taking: Desk) -> None:
    drop = taking.drop(A, "a = 1\n")
    taking.allow(drop)
    end = delete(taking, drop)
    assert taking.allow(end) == 2
    assert taking.tree() == {}
    [signed] = [each for each in taking.releases() if each.release.number == 2]
    assert (signed.release.principal.name, signed.release.source) == ("unattested", "raw-drop")
    assert signed.release.message == f"{A} was deleted from the inbox"
    taking.check()


def test_a_delete_the_policy_does_not_take_is_told_and_changes_nothing(desk: Desk) -> None:
    drop = desk.drop(A, "a = 1\n")
    desk.allow(drop)
    end = delete(desk, drop)
    assert desk.deny(end) == {"raw-drop-delete-not-allowed"}
    [entry] = [entry for entry in desk.audit(Kind.PUSH_VERDICT) if entry.outcome == "denied"]
    assert "raw-drop-delete-not-allowed" in msgspec.json.encode(entry).decode()
    assert desk.tree() == {A: "a = 1\n"}
    desk.check()


def test_an_overwrite_deletes_nothing(taking: Desk) -> None:
    first = taking.drop(A, "a = 1\n")
    taking.allow(first)
    second = taking.drop(A, "a = 2\n")
    taking.allow(second)
    for kind in ENDS:
        assert taking.deliver(end_of(first, kind)) is None
    assert (taking.head(), taking.tree()) == (2, {A: "a = 2\n"})
    assert len(taking.verdicts()) == 2
    taking.check()


def test_the_late_end_of_an_old_generation_spares_a_newer_drop(taking: Desk) -> None:
    first = taking.drop(A, "a = 1\n")
    taking.allow(first)
    end = delete(taking, first)
    taking.allow(taking.drop(A, "a = 2\n"))
    for _ in range(2):
        assert taking.deliver(end) is None
    assert taking.tree() == {A: "a = 2\n"}
    taking.check()


def test_both_ends_of_one_generation_release_once(taking: Desk) -> None:
    drop = taking.drop(A, "a = 1\n")
    taking.allow(drop)
    end = delete(taking, drop)
    gone_for_good = end_of(drop, ObjectEventKind.DELETED, after_s=30 * 86_400)
    verdicts = [taking.deliver(event) for event in (end, gone_for_good, end, gone_for_good)]
    assert len({verdict.push_id for verdict in verdicts if verdict}) == 1
    assert (taking.head(), taking.tree()) == (2, {})
    taking.restart()
    taking.allow(taking.drop(A, "a = 3\n"))
    taking.deliver(gone_for_good)
    assert taking.tree() == {A: "a = 3\n"}
    taking.check()


def test_a_file_stays_away_in_whichever_order_it_is_told(taking: Desk) -> None:
    for number, order in enumerate(itertools.permutations(range(4))):
        environment = EnvironmentName(f"prod-{number}")
        desk = Desk(taking.cloud, environment, TAKES_DELETES)
        first, second = desk.drop(A, "a = 1\n"), desk.drop(A, "a = 2\n")
        delete(desk, second)
        events = [first, second, end_of(first), end_of(second)]
        for index in [*order, order[0]]:
            desk.deliver(events[index])
        assert desk.tree() == {}, order
        desk.check()


def test_a_drop_that_comes_while_its_end_is_decided_stays(taking: Desk) -> None:
    """The gate has read the head; before it commits, the file is dropped anew and released by another gate."""
    first = taking.drop(A, "a = 1\n")
    taking.allow(first)
    end = delete(taking, first)
    other = Gate(taking.cloud)
    dropped: list[ObjectEvent] = []

    def interfere() -> str:
        if not dropped:
            dropped.append(taking.drop(A, "a = 2\n"))
            other.handle(dropped[0])
        return f"attempt-{next(numbers)}"

    numbers = itertools.count()
    verdict = taking.deliver(end, Gate(taking.cloud, new_attempt=interfere))
    assert verdict is None or verdict.release is None
    assert taking.tree() == {A: "a = 2\n"}
    taking.check()


def test_a_file_of_another_source_is_not_taken_away(taking: Desk) -> None:
    drop = taking.drop(A, "a = 1\n")
    taking.allow(drop)
    taking.allow(taking.push({A: "a = 2\n"}, force=True))
    assert "file-of-another-source" in taking.deny(delete(taking, drop))
    assert taking.tree() == {A: "a = 2\n"}
    taking.check()


def test_the_end_of_a_drop_that_never_was_changes_nothing(taking: Desk) -> None:
    drop = taking.drop(A, "syntax error\n")
    assert taking.deny(drop)
    verdict = taking.deliver(delete(taking, drop))
    assert verdict is not None
    assert (verdict.outcome, verdict.release, taking.head()) == (Outcome.ALLOWED, None, 0)
    taking.check()


def test_the_end_of_a_push_starts_nothing(taking: Desk) -> None:
    event = taking.push({A: "a = 1\n"})
    taking.allow(event)
    for kind in ENDS:
        assert taking.deliver(end_of(event, kind)) is None
    assert taking.tree() == {A: "a = 1\n"}
    taking.check()


def test_without_a_policy_nothing_goes(taking: Desk) -> None:
    drop = taking.drop(A, "a = 1\n")
    taking.allow(drop)
    taking.remove_policy()
    assert taking.deny(delete(taking, drop)) == {"policy-missing"}
    assert taking.tree() == {A: "a = 1\n"}


def test_an_answer_lost_at_any_call_of_a_removal_is_overcome(taking: Desk, cloud_server: RunningCloud) -> None:
    impatient = msgspec.structs.replace(taking.cloud.settings, retry_deadline_s=0.01)
    gate = Gate(Cloud(impatient, taking.cloud.credentials))

    def drop_and_delete() -> ObjectEvent:
        drop = taking.drop(A, "a = 1\n")
        taking.allow(drop)
        return delete(taking, drop)

    end = drop_and_delete()
    cloud_server.admin.reset_counts()
    taking.deliver(end, gate)
    counts = cloud_server.admin.counts()
    for service, method, nth in [(each.service, each.method, n + 1) for each in counts for n in range(each.count)]:
        end = drop_and_delete()
        before = taking.head()
        cloud_server.admin.plan_fault(
            Fault(service=service, action="fail_after", method=method, nth=nth, status=503)  # type: ignore[arg-type]
        )
        taking.deliver(end, gate)
        cloud_server.admin.forget_faults()
        assert (taking.head(), taking.tree()) == (before + 1, {}), (service, method, nth)
    taking.check()
