"""How far a release has come, by what the instances last said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from tests.unit.ledger.building import draft

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.commit import draft_release
from dagwarden.ledger.release import SignedRelease
from dagwarden.ledger.state import empty_state
from dagwarden.names import Digest, EnvironmentName, ReleaseNumber, status_object
from dagwarden.sync.notice import Receipt, ReceiptOutcome, Status
from dagwarden.sync.status import Convergence, Health, read_statuses, weigh_convergence
from dagwarden.wire import encode

PROD = EnvironmentName("prod")
DIGEST = Digest("ab" * 32)
NOW = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)


def status(component: str, instance: str, release: int, *, ago_s: float = 1.0, **changes: Any) -> Status:
    failing = changes.pop("failing", False)
    at = NOW - dt.timedelta(seconds=ago_s)
    receipt = Receipt(
        environment=PROD,
        component=component,
        instance=instance,
        outcome=ReceiptOutcome.FAILED if failing else ReceiptOutcome.APPLIED,
        release=ReleaseNumber(release),
        digest=changes.pop("digest", DIGEST),
        tree=Digest("cd" * 32),
        at=at,
        pushed_at=NOW - dt.timedelta(seconds=10),
        visible_at=NOW - dt.timedelta(seconds=10 - changes.pop("took_s", 0.2)),
    )
    return Status(receipt=receipt, failing_since=at if failing else None)


def sign(number: int, **changes: Any) -> SignedRelease:
    release = draft_release(empty_state(PROD), draft({"dags/a.py": b"a"}), None, attempt="a", now=NOW)
    release = msgspec.structs.replace(release, number=ReleaseNumber(number), **changes)
    return SignedRelease(release=release, digest=DIGEST, envelope=b"")


RELEASES = {ReleaseNumber(number): sign(number) for number in range(1, 14)}


def weigh(
    *statuses: Status,
    release: int = 12,
    expected: tuple[str, ...] = (),
    releases: Mapping[ReleaseNumber, SignedRelease] = RELEASES,
) -> Convergence:
    return weigh_convergence(
        ReleaseNumber(release), statuses, releases=releases, now=NOW, stale_after_s=360.0, expected=expected
    )


def test_a_release_that_was_an_emergency_is_called_one() -> None:
    emergency = {**RELEASES, ReleaseNumber(12): sign(12, break_glass="payroll stands still")}
    convergence = weigh(status("worker", "w-1", 12), releases=emergency)
    assert convergence.describe().startswith("release 12 (emergency: payroll stands still) is on 1 of 1 instances")


def test_release_that_is_everywhere_says_so_and_how_long_it_took() -> None:
    convergence = weigh(
        status("scheduler", "s", 12),
        status("worker", "w-1", 12, took_s=0.31),
        status("worker", "w-2", 12),
        status("webserver", "web", 12),
    )
    assert convergence.is_complete
    assert convergence.describe() == "release 12 is on 4 of 4 instances, slowest 0.31 s"


def test_instance_that_is_behind_is_named_and_waited_for() -> None:
    convergence = weigh(status("worker", "w-1", 12), status("worker", "w-2", 11))
    assert not convergence.is_complete
    assert convergence.describe() == "release 12 is on 1 of 2 instances, slowest 0.20 s; behind: worker/w-2"


def test_instance_that_fails_is_named() -> None:
    convergence = weigh(status("worker", "w-1", 12), status("worker", "w-2", 11, failing=True))
    assert [state.health for state in convergence.instances] == [Health.LIVE, Health.FAILING]
    assert convergence.describe().endswith("; failing: worker/w-2")


def test_silent_instance_is_shown_and_not_waited_for() -> None:
    convergence = weigh(status("worker", "w-1", 12), status("worker", "w-2", 3, ago_s=3600))
    assert convergence.is_complete
    assert convergence.describe().endswith("; stale: worker/w-2")


def test_a_receipt_of_a_release_that_the_ledger_does_not_have_is_shown_as_untrue_and_counts_for_nothing() -> None:
    forged = status("worker", "w-2", 12, digest=Digest("ef" * 32), took_s=9.0)
    for untrue in (forged, status("worker", "w-2", 4711)):
        convergence = weigh(status("worker", "w-1", 12), untrue)
        assert [state.health for state in convergence.instances] == [Health.LIVE, Health.UNTRUE]
        assert not convergence.is_complete
        assert convergence.describe() == "release 12 is on 1 of 2 instances, slowest 0.20 s; untrue: worker/w-2"


def test_later_release_counts_but_its_time_does_not() -> None:
    convergence = weigh(status("worker", "w-1", 13, took_s=5.0))
    assert convergence.is_complete
    assert convergence.slowest_s is None


def test_bucket_is_no_instance_but_is_waited_for_however_silent() -> None:
    behind = weigh(status("worker", "w-1", 12), status("bucket", "composer", 11, ago_s=86400))
    assert not behind.is_complete
    there = weigh(status("worker", "w-1", 12), status("bucket", "composer", 12, ago_s=86400, took_s=9.0))
    assert there.describe() == "release 12 is on 1 of 1 instances and in the bucket, slowest 0.20 s"


def test_component_without_an_instance_alive_is_missing() -> None:
    convergence = weigh(
        status("worker", "w-1", 12),
        status("triggerer", "t", 12, ago_s=3600),
        expected=("worker", "scheduler", "triggerer"),
    )
    assert convergence.missing == ("scheduler", "triggerer")
    assert not convergence.is_complete


def test_nobody_is_not_everybody() -> None:
    assert not weigh().is_complete
    assert weigh().describe() == "release 12 is on 0 of 0 instances"


def test_statuses_of_one_environment_are_read_and_no_others(cloud: Cloud) -> None:
    for environment, found in (("prod", status("worker", "w-1", 1)), ("production", status("worker", "w-2", 1))):
        name = status_object(EnvironmentName(environment), "worker", found.receipt.instance)
        cloud.store.write(name, encode(found), generation=0, content_type="application/json")
    assert [found.receipt.instance for found in read_statuses(cloud, PROD)] == ["w-1"]
