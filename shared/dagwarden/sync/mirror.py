"""Brings an environment's bucket to the head release.

One more instance among others: it has a position, told by its receipts, and changes only what lies between that and the
head. It may run twice, at the same time, in any order: every change names the generation it replaces, and whoever finds
something unexpected looks for a newer head before anything else.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from dagwarden.audit.entries import release_mirrored
from dagwarden.audit.entry import AuditEntry
from dagwarden.audit.write import AuditWriter
from dagwarden.errors import Contended, InvalidInput, NotFound, Permanent, PreconditionFailed
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import list_digest
from dagwarden.names import (
    BUCKET_COMPONENT,
    NO_PARENT,
    NO_RELEASE,
    EnvironmentName,
    ReleaseNumber,
    ReleasePath,
    status_object,
)
from dagwarden.sync.drift import Standing, classify
from dagwarden.sync.drift_entries import Sighting, tell_found
from dagwarden.sync.environment_bucket import Change, EnvironmentBucket
from dagwarden.sync.notice import Receipt, ReceiptOutcome, Status
from dagwarden.sync.stretch import Stretch, read_stretch
from dagwarden.wire import decode, encode

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.storage import ObjectInfo

INSTANCE = "mirror"
BUDGET = dt.timedelta(seconds=420)
"""How long one run goes on after a head that keeps moving; an event function is stopped after 540 s.

Source: cloud.google.com/functions/quotas, 540 seconds for event-driven functions."""
LIST_FROM = 32
"""Changes from which listing the bucket may be cheaper than looking at each object."""
FILES_PER_LIST = 50
"""A page lists 1,000 objects and costs what a dozen looks do: list when one in so many files changes."""


class HeadMoved(PreconditionFailed):
    """A release came out meanwhile: what looks foreign may be its work."""


class Mirror:
    """Projects releases into environments' buckets. Safe to share between threads."""

    def __init__(self, cloud: Cloud, ledger: Ledger, audit: AuditWriter, now: Callable[[], dt.datetime]) -> None:
        self.ledger = ledger
        self.audit = audit
        self._cloud = cloud
        self._now = now
        self._known: dict[EnvironmentName, ReleaseNumber] = {}
        self._lock = threading.Lock()

    def open_bucket(self, name: str) -> EnvironmentBucket:
        """An environment's bucket."""
        return EnvironmentBucket(self._cloud.bucket(name))

    def bring_to_head(
        self, environment: EnvironmentName, bucket: EnvironmentBucket, released: ReleaseNumber = NO_RELEASE
    ) -> ReleaseNumber:
        """The bucket holds the head release afterwards, as far as releases decide; a receipt says so.

        Args:
            released: a release that must have arrived, looked at again even where the bucket is past it: its event may
                come again because an earlier run died between overtaking and being overtaken.

        Returns:
            The head; 0 when there is no release yet.

        Raises:
            Transient: others keep changing the same objects, or the head keeps moving.
            Tampered: the ledger does not hold; a receipt tells that the mirror failed.
        """
        deadline = self._now() + BUDGET
        position, head = self._find_start(environment, released)
        while head:
            try:
                self._reach(bucket, read_stretch(self.ledger, environment, position, head), released)
                position = head
            except HeadMoved:
                pass  # the next round knows the new head
            except Permanent as error:
                self._publish_failure(environment, head, error)
                raise
            newer = self.ledger.find_head_number(environment, head)
            if newer == head == position:
                break
            if self._now() > deadline:
                raise Contended("the head keeps moving", operation="mirror", subject=f"gs://{bucket.name}")
            head = newer
        return head

    def find_position(self, environment: EnvironmentName, *, is_fresh: bool = False) -> ReleaseNumber | None:
        """A release the bucket has reached at least, if its receipts are true; None when there are none.

        Args:
            is_fresh: look at the status object even when a position is remembered: another process may be further.
        """
        with self._lock:
            known = self._known.get(environment)
        if known is not None and not is_fresh:
            return known
        standing = self._read_receipt(environment)
        if standing is None:
            return known
        return standing.release if known is None else max(known, standing.release)

    def find_head(self, environment: EnvironmentName) -> ReleaseNumber:
        """The newest release; 0 when there is none. One list, short where this process has mirrored before."""
        with self._lock:
            known = self._known.get(environment, NO_RELEASE)
        return self.ledger.find_head_number(environment, known)

    def check_head(self, stretch: Stretch) -> None:
        """No release has come out since.

        Raises:
            HeadMoved: one has.
        """
        if self.ledger.find_head_number(stretch.environment, stretch.after.number) != stretch.after.number:
            raise HeadMoved("a release came out meanwhile", operation="mirror", subject=stretch.environment)

    def _find_start(
        self, environment: EnvironmentName, released: ReleaseNumber
    ) -> tuple[ReleaseNumber | None, ReleaseNumber]:
        with self._lock:
            known = self._known.get(environment)
        if known is not None and released == known + 1:
            return known, released  # the usual case costs no call
        position = self.find_position(environment, is_fresh=True)
        head = self.ledger.find_head_number(environment, max(released, known or NO_RELEASE))
        return (position if position is not None and position <= head else None), head

    def _reach(self, bucket: EnvironmentBucket, stretch: Stretch, released: ReleaseNumber) -> None:
        """One round: look, judge, write down, change, tell."""
        is_further = stretch.before is None or stretch.before.number < stretch.after.number
        decided = self._decide(stretch, released)
        paths, lives = self._look(bucket, stretch, decided)
        changes, surprises = judge(stretch, paths, lives, decided)
        if surprises:
            self.check_head(stretch)
        entries = [self._surprise(stretch, bucket, path, lives.get(path)) for path in surprises]
        if changes or is_further:
            puts = sum(change.is_put for change in changes)
            head = stretch.head
            entries.append(
                release_mirrored(head.release, head.digest, bucket=bucket.name, puts=puts, deletes=len(changes) - puts)
            )
        self.audit.write(*entries)
        self.apply(bucket, stretch, changes, decided)
        if is_further:
            self._publish(stretch)

    def apply(
        self,
        bucket: EnvironmentBucket,
        stretch: Stretch,
        changes: Collection[Change],
        decided: Collection[str],
    ) -> None:
        """All changes are made with the head's bytes.

        Args:
            decided: paths that are made what the head has, whatever turns up there meanwhile.
        """

        def may_replace(path: str, live: ObjectInfo | None) -> bool:
            if stretch.is_lagging(path, live):
                return True
            self.check_head(stretch)
            self.audit.write(self._surprise(stretch, bucket, path, live))
            return path in decided

        contents = stretch.contents(change.path for change in changes if change.is_put)
        filled = (msgspec.structs.replace(change, content=contents.get(change.path, b"")) for change in changes)
        bucket.apply(filled, may_replace)

    def _surprise(self, stretch: Stretch, bucket: EnvironmentBucket, path: str, live: ObjectInfo | None) -> AuditEntry:
        seen = Sighting.of(live) if live else Sighting.of_absence(0, stretch.head.release.committed_at)
        return tell_found(stretch, bucket.name, path, seen, source=f"mirroring release {stretch.after.number}")

    def _decide(self, stretch: Stretch, released: ReleaseNumber) -> frozenset[ReleasePath]:
        """The paths that a release on the way, or the one asked for, changes."""
        if released and (stretch.before is None or released <= stretch.before.number):
            stretch.accept(stretch.signed(released))
        return stretch.touched

    def _look(
        self, bucket: EnvironmentBucket, stretch: Stretch, decided: Collection[str]
    ) -> tuple[Collection[str], Mapping[str, ObjectInfo | None]]:
        """Which paths to judge, and what lies there: in as many calls as there are changes, or pages."""
        if stretch.before is None:
            everything = bucket.list_all()
            return set(everything) | set(stretch.after.files), everything
        if len(decided) >= LIST_FROM and len(decided) * FILES_PER_LIST >= len(stretch.after.files):
            return decided, bucket.list_all()
        return decided, bucket.look_at_all([path for path in sorted(decided) if stretch.may_hold(path)])

    def _read_receipt(self, environment: EnvironmentName) -> Receipt | None:
        name = status_object(environment, BUCKET_COMPONENT, INSTANCE)
        try:
            return decode(Status, self._cloud.store.read(name), subject=name).receipt
        except (NotFound, InvalidInput):
            return None

    def _publish(self, stretch: Stretch) -> None:
        release, digest = stretch.head.release, stretch.head.digest
        now = self._now()
        receipt = Receipt(
            environment=stretch.environment,
            component=BUCKET_COMPONENT,
            instance=INSTANCE,
            outcome=ReceiptOutcome.APPLIED,
            release=release.number,
            digest=digest,
            tree=release.tree,
            at=now,
            visible_at=now,
            push_id=release.push_id,
            pushed_at=release.pushed_at,
            committed_at=release.committed_at,
        )
        self._send(receipt)
        with self._lock:
            known = self._known.get(stretch.environment, NO_RELEASE)
            self._known[stretch.environment] = max(known, receipt.release)

    def _publish_failure(self, environment: EnvironmentName, wanted: ReleaseNumber, error: Permanent) -> None:
        last = self._read_receipt(environment) or _nothing(environment, self._now())
        self._send(
            msgspec.structs.replace(
                last, outcome=ReceiptOutcome.FAILED, wanted=wanted, error=str(error)[:1000], at=self._now()
            )
        )

    def _send(self, receipt: Receipt) -> None:
        from dagwarden.cloud.topics import Outgoing

        attributes = {
            "environment": receipt.environment,
            "component": receipt.component,
            "instance": receipt.instance,
        }
        self._cloud.topics.publish(self._cloud.settings.receipts_topic, Outgoing(encode(receipt), attributes))


def judge(
    stretch: Stretch, paths: Collection[str], lives: Mapping[str, ObjectInfo | None], decided: Collection[str]
) -> tuple[list[Change], list[str]]:
    """What to change, and where somebody was who is no mirror.

    Such an object is changed only where a release decides on its path; elsewhere policy has to say.
    """
    changes, surprises = [], []
    for path in sorted(paths):
        live, wanted = lives.get(path), stretch.wanted(path)
        if classify(live, wanted) is Standing.IN_ORDER:
            continue
        if not stretch.is_lagging(path, live):
            surprises.append(path)
            if path not in decided:
                continue
        changes.append(Change(path=path, live=live, wanted=wanted))
    return changes, surprises


def _nothing(environment: EnvironmentName, now: dt.datetime) -> Receipt:
    return Receipt(
        environment=environment,
        component=BUCKET_COMPONENT,
        instance=INSTANCE,
        outcome=ReceiptOutcome.FAILED,
        release=NO_RELEASE,
        digest=NO_PARENT,
        tree=list_digest(()),
        at=now,
    )
