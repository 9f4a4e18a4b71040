"""The releases between where a bucket is and the head: what may lie there while the mirror is on its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dagwarden.errors import NotFound, Tampered
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.release import PutFile, SignedRelease
from dagwarden.ledger.state import FileEntry, LedgerState, fold
from dagwarden.names import EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.sync.drift import holds
from dagwarden.wire import digest

if TYPE_CHECKING:
    from dagwarden.cloud.storage import ObjectInfo
    from dagwarden.ledger.read import Ledger

LONGEST = 64
"""A bucket further behind than this is looked at as if nothing were known of it."""
DELTAS_AT_MOST = 16
"""When the bytes wanted lie in more deltas than this, the newest snapshot and the deltas after it are read instead."""

RELEASE = "dagwarden-release"
SHA256 = "dagwarden-sha256"
"""Custom metadata of mirrored objects: the release that put the file, and the digest of its bytes."""


class Stretch:
    """What the ledger says from release `position` to release `head`; position None: nothing is known of the bucket."""

    def __init__(
        self,
        ledger: Ledger,
        after: LedgerState,
        before: LedgerState | None = None,
        signed: Iterable[SignedRelease] = (),
    ) -> None:
        self.after = after
        self.before = before
        self._ledger = ledger
        self._signed = {release.release.number: release for release in signed}
        self._had: dict[ReleasePath, list[PutFile | None]] = {}
        for release in self._signed.values():
            self.accept(release)

    @property
    def environment(self) -> EnvironmentName:
        """Whose releases these are."""
        return self.after.environment

    @property
    def head(self) -> SignedRelease:
        """The release this stretch ends with."""
        return self.signed(self.after.number)

    def signed(self, number: ReleaseNumber) -> SignedRelease:
        """A release, read once."""
        if number not in self._signed:
            self._signed[number] = self._ledger.read(self.environment, number)
        return self._signed[number]

    def accept(self, signed: SignedRelease) -> None:
        """What this release has at the paths it changes is no drift: the mirror of it may have run just now."""
        for change in signed.release.changes:
            self._had.setdefault(change.path, []).append(change if isinstance(change, PutFile) else None)

    def wanted(self, path: str) -> FileEntry | None:
        """What the head has at a path."""
        return self.after.files.get(ReleasePath(path))

    @property
    def touched(self) -> frozenset[ReleasePath]:
        """Every path that a release on the way changes, also those that are at the end what they were before: the
        bucket may be further than its position says."""
        return frozenset(self._had)

    def may_hold(self, path: str) -> bool:
        """Whether the bucket, as far as is known, has something at a path."""
        released = ReleasePath(path)
        if self.before is None or released in self.before.files:
            return True
        return len(self._had.get(released, ())) > 1 or self.wanted(path) is None

    def is_lagging(self, path: str, live: ObjectInfo | None) -> bool:
        """Whether what lies at a path (known not to be what the head has) was put or taken there by a mirror.

        On a bucket of which nothing is known, an absent file counts, and an object whose content is what the release
        its metadata names had put there.
        """
        released = ReleasePath(path)
        if any(holds(live, entry) for entry in self._had.get(released, ())):
            return True
        if self.before is not None:
            return holds(live, self.before.files.get(released))
        return live is None or self.was_released(path, live)

    def was_released(self, path: str, live: ObjectInfo) -> bool:
        """Whether the release that the object's metadata names did put this very content at this path."""
        claim = live.metadata.get(RELEASE, "")
        if not claim.isdecimal() or not 1 <= int(claim[:10]) <= self.after.number:
            return False
        try:
            changes = self.signed(ReleaseNumber(int(claim[:10]))).release.changes
        except NotFound:
            return False
        return any(isinstance(put, PutFile) and put.path == path and holds(live, put) for put in changes)

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes the head has at these paths, in as few reads as there are releases that put them.

        Raises:
            Tampered: an archive in the store is not what the ledger names.
        """
        entries = [entry for path in paths if (entry := self.wanted(path)) is not None]
        numbers = {entry.release for entry in entries}
        if len(numbers) > DELTAS_AT_MOST:
            return _pick(entries, self._ledger.restore(self.environment, self.head))
        found: dict[str, bytes] = {}
        for number in sorted(numbers):
            delta = self.signed(number).release.delta
            files = self._ledger.delta(self.environment, delta) if delta else {}
            found |= _pick([entry for entry in entries if entry.release == number], files)
        return found


def read_stretch(
    ledger: Ledger, environment: EnvironmentName, position: ReleaseNumber | None, head: ReleaseNumber
) -> Stretch:
    """Read what lies between a position and a head: one GET a release, and what the position itself takes.

    Args:
        position: a release the bucket has reached at least; None when nothing is known.

    Raises:
        NotFound: there is no such release.
        Tampered: the chain does not hold.
    """
    if position is None or not 0 <= head - position <= LONGEST:
        return Stretch(ledger, ledger.state(environment, head))
    before = ledger.state(environment, position)
    after, signed = before, []
    for release in ledger.releases(environment, ReleaseNumber(position + 1), head):
        after = fold(after, release)
        signed.append(release)
    ledger.remember(after)
    return Stretch(ledger, after, before, signed)


def _pick(entries: Iterable[FileEntry], files: Mapping[ReleasePath, PlainFile]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in entries:
        file = files.get(entry.path)
        if file is None or digest(file.content) != entry.sha256:
            raise Tampered(
                f"holds no {entry.path} with sha256 {entry.sha256}",
                operation="read release",
                subject=str(entry.release),
                hint="run `dagwarden verify`",
            )
        found[entry.path] = file.content
    return found
