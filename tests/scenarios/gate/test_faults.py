"""Whatever fails at whichever call of the gate: after redelivery one verdict, one release, a whole chain, on record."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from dagwarden.audit.entry import Kind
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import Transient
from dagwarden.events.objects import ObjectEvent
from dagwarden.policy.verdict import Outcome
from localcloud.calls import Action, Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import Desk, push_of

FAULTS: list[tuple[Action, int]] = [
    ("fail", 412),
    ("fail", 429),
    ("fail", 503),
    ("fail_after", 503),
    ("drop", 503),
    ("drop_after", 503),
]
FILE = "dags/a.py"


@pytest.fixture
def cloud(cloud: Cloud) -> Cloud:
    """One that gives up soon, so that faults reach the gate and are not all retried away."""
    return Cloud(msgspec.structs.replace(cloud.settings, retry_deadline_s=0.01), cloud.credentials)


class Chain:
    """Pushes of one source, each standing on the one before."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0

    def push(self) -> ObjectEvent:
        """The next push, not yet delivered."""
        number = self._count = self._count + 1
        base = f"c{number - 1}" if number > 1 else ""
        return self._desk.push({FILE: f"a = {number}\n"}, base=base, head=f"c{number}")


def calls_of_a_push(server: RunningCloud, desk: Desk, chain: Chain) -> Iterator[tuple[str, str, int]]:
    """Every call that the gate makes for one push, as (service, method, which of them)."""
    event = chain.push()
    server.admin.reset_counts()
    desk.allow(event)
    for counted in server.admin.counts():
        for nth in range(1, counted.count + 1):
            yield counted.service, counted.method, nth


@pytest.mark.parametrize(("action", "status"), FAULTS, ids=[f"{action}-{status}" for action, status in FAULTS])
def test_a_fault_at_any_call_is_overcome(desk: Desk, cloud_server: RunningCloud, action: Action, status: int) -> None:
    chain = Chain(desk)
    desk.allow(chain.push())
    calls = list(calls_of_a_push(cloud_server, desk, chain))
    assert {service for service, _, _ in calls} >= {"storage", "logging", "iam"}
    for service, method, nth in calls:
        event = chain.push()
        before = desk.head()
        cloud_server.admin.plan_fault(
            Fault(service=service, action=action, method=method, nth=nth, status=status)  # type: ignore[arg-type]
        )
        assert desk.allow(event) == before + 1, (service, method, nth)
        cloud_server.admin.forget_faults()
        assert desk.head() == before + 1, (service, method, nth)
        assert desk.allow(event) == before + 1
    desk.check()


@pytest.mark.parametrize(("service", "method"), [("storage", "*"), ("logging", "*"), ("iam", "*")])
def test_a_service_that_stays_away_is_transient_and_changes_nothing(
    desk: Desk, cloud_server: RunningCloud, service: str, method: str
) -> None:
    event = Chain(desk).push()
    cloud_server.admin.plan(service, "fail", method=method, times=10_000)  # type: ignore[arg-type]
    with pytest.raises(Transient):
        desk.gate.handle(event)
    cloud_server.admin.forget_faults()
    assert (desk.head(), desk.verdicts()) == (0, {})
    assert desk.allow(event) == 1
    desk.check()


@pytest.mark.parametrize("status", [400, 403, 404, 503])
def test_what_cannot_be_audited_has_no_effect(desk: Desk, cloud_server: RunningCloud, status: int) -> None:
    allowed, denied = Chain(desk).push(), desk.push({"dags/b.py": "b = 1\n"}, is_signed=False)
    cloud_server.admin.plan("logging", "fail", status=status, times=10_000)
    for event in (allowed, denied):
        with pytest.raises(Exception, match="write log"):
            desk.gate.handle(event)
    cloud_server.admin.forget_faults()
    assert (desk.head(), desk.verdicts(), desk.audit(Kind.PUSH_VERDICT)) == (0, {}, [])
    assert desk.allow(allowed) == 1
    assert desk.deny(denied) == {"unattested-push"}
    desk.check()


def test_a_release_that_is_there_although_503_was_answered_is_known_as_ones_own(
    desk: Desk, cloud_server: RunningCloud
) -> None:
    event = Chain(desk).push()
    fault = cloud_server.admin.plan("storage", "fail_after", method="objects.insert", subject="*ledger/*", times=3)
    verdict = desk.deliver(event)
    assert cloud_server.admin.struck(fault)
    assert verdict is not None
    assert verdict.release == 1
    desk.check()


def test_a_lost_race_is_judged_again_on_the_new_head(desk: Desk, cloud_server: RunningCloud) -> None:
    chain = Chain(desk)
    desk.allow(chain.push())
    late = desk.push({"dags/late.py": "a = 1\n"}, source="late")
    other = Desk(desk.cloud)
    fault = cloud_server.admin.plan("storage", "delay", method="objects.insert", subject="*ledger/*", delay_s=2.5)
    first = _in_thread(lambda: desk.allow(late))
    _wait_struck(cloud_server, fault)
    assert other.allow(chain.push()) == 2
    assert first.result() == 3
    assert {entry.details["head"] for entry in desk.audit(Kind.PUSH_VERDICT, push_of(late))} == {1, 2}
    desk.check()


def test_a_denial_on_an_old_head_and_a_release_on_a_newer_one_do_not_both_stand(
    desk: Desk, cloud_server: RunningCloud
) -> None:
    """The same event at two gates: one read the head before the push's base was released, one after."""
    first, second = desk.push({FILE: "a = 1\n"}, head="c1"), desk.push({FILE: "a = 2\n"}, base="c1", head="c2")
    early, late = Desk(desk.cloud), Desk(desk.cloud)
    held = cloud_server.admin.plan("storage", "delay", method="objects.insert", subject="*/claims/*", delay_s=1.5)
    denying = _in_thread(lambda: early.deliver(second))
    _wait_struck(cloud_server, held)
    assert desk.allow(first) == 1
    held = cloud_server.admin.plan("storage", "delay", method="objects.insert", subject="*ledger/*", delay_s=3.0)
    releasing = _in_thread(lambda: late.deliver(second))
    one, other = denying.result(), releasing.result()
    assert one is not None
    assert other is not None
    assert (one.outcome, one.release) == (other.outcome, other.release)
    desk.check()


def test_a_policy_that_changes_between_two_gates_leaves_one_verdict(desk: Desk, cloud_server: RunningCloud) -> None:
    event = Chain(desk).push()
    strict = Desk(desk.cloud)
    held = cloud_server.admin.plan("storage", "delay", method="objects.insert", subject="*ledger/*", delay_s=1.5)
    allowing = _in_thread(lambda: desk.deliver(event))
    _wait_struck(cloud_server, held)
    strict.remove_policy()
    verdict = strict.deliver(event)
    assert verdict is not None
    assert verdict.outcome is Outcome.ALLOWED
    released = allowing.result()
    assert released is not None
    assert (verdict.release, released.release) == (1, 1)
    desk.check()


def _in_thread(work):  # type: ignore[no-untyped-def]
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def _wait_struck(server: RunningCloud, fault: str) -> None:
    import time

    deadline = time.monotonic() + 10
    while not server.admin.struck(fault):
        assert time.monotonic() < deadline, "the fault never struck"
        time.sleep(0.01)
