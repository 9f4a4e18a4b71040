"""Which release each instance runs, and how far a release has come."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import NotFound
from dagwarden.names import (
    BUCKET_COMPONENT,
    NO_PARENT,
    NO_RELEASE,
    Digest,
    EnvironmentName,
    ReleaseNumber,
    status_prefix,
)
from dagwarden.sync.notice import Receipt, Status
from dagwarden.wire import decode

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.release import SignedRelease

STALE_PERIODS = 3
"""An instance that gave no sign of life for so many reconcile periods is taken to be gone."""


class Health(enum.StrEnum):
    """Where an instance stands towards one release."""

    LIVE = "live"
    """It runs the release, or a later one."""
    BEHIND = "behind"
    """It runs an older one and is expected to follow."""
    FAILING = "failing"
    """It runs an older one and said it cannot apply a newer one."""
    STALE = "stale"
    """It gave no sign of life for long, so it is shown and not waited for."""
    UNTRUE = "untrue"
    """It tells of a release that the ledger does not have: the receipt is forged, or the instance follows another."""


class InstanceState(msgspec.Struct, frozen=True, kw_only=True):
    """One instance and where it stands."""

    status: Status
    health: Health

    @property
    def name(self) -> str:
        """`COMPONENT/INSTANCE`."""
        return f"{self.status.receipt.component}/{self.status.receipt.instance}"

    @property
    def is_bucket(self) -> bool:
        """Whether this is the environment's bucket, which the mirror tells of."""
        return self.status.receipt.component == BUCKET_COMPONENT


class Convergence(msgspec.Struct, frozen=True, kw_only=True):
    """How far one release has come."""

    release: ReleaseNumber
    emergency: str = ""
    """Its reason, where the release was one."""
    instances: tuple[InstanceState, ...]
    """By component and name; the bucket among them, if the environment has one that is mirrored."""
    missing: tuple[str, ...]
    """Components that were expected and of which no instance gave a sign of life."""

    @property
    def is_complete(self) -> bool:
        """Every instance that is alive runs it, and none that is expected is missing."""
        waited_for = [state for state in self.instances if state.health is not Health.STALE]
        return bool(waited_for) and not self.missing and all(state.health is Health.LIVE for state in waited_for)

    @property
    def slowest_s(self) -> float | None:
        """Seconds from push to visible on the slowest instance that runs just this release; None when nobody tells."""
        told = [
            push_to_visible_s(state.status.receipt)
            for state in self._with(Health.LIVE)
            if state.status.receipt.release == self.release and not state.is_bucket
        ]
        return max((time_s for time_s in told if time_s is not None), default=None)

    def describe(self) -> str:
        """`release 12 is on 4 of 4 instances, slowest 0.31 s`, and what is amiss."""
        alive = [state for state in self.instances if state.health is not Health.STALE and not state.is_bucket]
        live = [state for state in alive if state.health is Health.LIVE]
        said = f" (emergency: {self.emergency})" if self.emergency else ""
        text = f"release {self.release}{said} is on {len(live)} of {len(alive)} instances"
        if not self.release:
            text = f"no release yet; {len(alive)} instance{'' if len(alive) == 1 else 's'} ready for the first"
        if any(state.is_bucket and state.health is Health.LIVE for state in self.instances):
            text += " and in the bucket"
        if self.slowest_s is not None:
            text += f", slowest {self.slowest_s:.2f} s"
        for health in (Health.BEHIND, Health.FAILING, Health.UNTRUE, Health.STALE):
            if named := [state.name for state in self._with(health)]:
                text += f"; {health}: {', '.join(named)}"
        return f"{text}; no sign of: {', '.join(self.missing)}" if self.missing else text

    def _with(self, *healths: Health) -> list[InstanceState]:
        return [state for state in self.instances if state.health in healths]


def push_to_visible_s(receipt: Receipt) -> float | None:
    """Seconds from the push being complete in the inbox to the release being visible there; None when not told."""
    if receipt.visible_at is None or receipt.pushed_at is None:
        return None
    return (receipt.visible_at - receipt.pushed_at).total_seconds()


def weigh_convergence(
    release: ReleaseNumber,
    statuses: Iterable[Status],
    *,
    releases: Mapping[ReleaseNumber, SignedRelease],
    now: dt.datetime,
    stale_after_s: float,
    expected: Collection[str] = (),
) -> Convergence:
    """How far a release has come, by what the instances last said.

    Args:
        releases: of those that they name, what the ledger has: see `find_releases`.
        stale_after_s: seconds without a sign of life after which an instance is not waited for. The bucket is never
            stale: the mirror speaks only when there is something to do.
        expected: components of which there must be an instance alive.
    """
    digests = {NO_RELEASE: NO_PARENT, **{number: signed.digest for number, signed in releases.items()}}
    ordered = sorted(statuses, key=lambda status: (status.receipt.component, status.receipt.instance))
    instances = tuple(
        InstanceState(status=status, health=_judge(release, status, digests, now, stale_after_s)) for status in ordered
    )
    alive = {state.status.receipt.component for state in instances if state.health is not Health.STALE}
    return Convergence(
        release=release,
        emergency=releases[release].release.break_glass if release in releases else "",
        instances=instances,
        missing=tuple(sorted(set(expected) - alive)),
    )


def _judge(
    release: ReleaseNumber,
    status: Status,
    digests: Mapping[ReleaseNumber, Digest],
    now: dt.datetime,
    stale_after_s: float,
) -> Health:
    receipt = status.receipt
    is_silent = now - receipt.at > dt.timedelta(seconds=stale_after_s)
    if is_silent and receipt.component != BUCKET_COMPONENT:
        return Health.STALE
    if digests.get(receipt.release) != receipt.digest:
        return Health.UNTRUE
    if receipt.release >= release:
        return Health.LIVE
    return Health.FAILING if status.failing_since is not None else Health.BEHIND


def find_releases(
    ledger: Ledger, environment: EnvironmentName, numbers: Iterable[ReleaseNumber]
) -> dict[ReleaseNumber, SignedRelease]:
    """Those of some releases that the ledger has.

    Raises:
        Tampered: one of them does not hold.
    """
    found = {}
    for number in sorted({*numbers} - {NO_RELEASE}):
        with contextlib.suppress(NotFound):
            found[number] = ledger.read(environment, number)
    return found


def read_statuses(cloud: Cloud, environment: EnvironmentName) -> list[Status]:
    """What is known of every instance: one list, and one GET for each.

    Raises:
        InvalidInput: a status object holds no status.
    """
    names = [info.name for info in cloud.store.list(status_prefix(environment))]
    with ThreadPoolExecutor(max_workers=8) as pool:
        return [status for status in pool.map(lambda name: _read_status(cloud, name), names) if status is not None]


def _read_status(cloud: Cloud, name: str) -> Status | None:
    try:
        return decode(Status, cloud.store.read(name), subject=name)
    except NotFound:
        return None  # taken away since it was listed
