"""Reads the ledger: every release's signature is checked, nothing is taken on trust."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwarden.errors import NotFound, Tampered
from dagwarden.ledger.archive import PlainFile, unpack_files
from dagwarden.ledger.envelope import open_envelope
from dagwarden.ledger.release import DeleteFile, Restore, SignedRelease
from dagwarden.ledger.state import FileEntry, LedgerState, empty_state, fold
from dagwarden.names import (
    NO_RELEASE,
    Digest,
    EnvironmentName,
    ReleaseNumber,
    ReleasePath,
    delta_object,
    parse_release_object,
    release_object,
    releases_prefix,
    snapshot_archive_object,
    snapshot_state_object,
)
from dagwarden.wire import decode, digest

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

STATES_KEPT = 16
"""How many folded states are kept in memory for each environment, newest first."""


class Ledger:
    """The releases of every environment, as the ledger and store buckets hold them. Safe to share between threads."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._states: dict[EnvironmentName, dict[ReleaseNumber, LedgerState]] = {}
        self._lock = threading.Lock()

    def find_head_number(self, environment: EnvironmentName, at_least: ReleaseNumber = NO_RELEASE) -> ReleaseNumber:
        """The highest release number, 0 when there is none: one list, given an `at_least` near the head."""
        start = release_object(environment, at_least)
        numbers = [
            found[1]
            for info in self._cloud.ledger.list(releases_prefix(environment), start_at=start)
            if (found := parse_release_object(info.name)) is not None
        ]
        return max([at_least, *numbers])

    def find_head(self, environment: EnvironmentName, at_least: ReleaseNumber = NO_RELEASE) -> SignedRelease | None:
        """The newest release, None when there is none. One list and one GET."""
        number = self.find_head_number(environment, at_least)
        return self.read(environment, number) if number else None

    def read(
        self, environment: EnvironmentName, number: ReleaseNumber, *, generation: int | None = None
    ) -> SignedRelease:
        """One release, its signature checked. One GET.

        Args:
            generation: the very generation of its object, as an event tells it; None: the live one.

        Raises:
            NotFound: there is no such release.
            Tampered: its signature does not hold, or it is another release than its name says.
        """
        name = release_object(environment, number)
        content = self._cloud.ledger.read(name, generation)
        signed = open_envelope(
            content, self._cloud.settings.gate_service_account, self._cloud.certificates.key, subject=name
        )
        if (signed.release.environment, signed.release.number) != (environment, number):
            raise Tampered(
                f"holds {signed.release.environment}/{signed.release.number}", operation="open release", subject=name
            )
        return signed

    def releases(
        self, environment: EnvironmentName, first: ReleaseNumber, last: ReleaseNumber
    ) -> Iterator[SignedRelease]:
        """The releases first .. last, in order."""
        for number in range(first, last + 1):
            yield self.read(environment, ReleaseNumber(number))

    def state(self, environment: EnvironmentName, number: ReleaseNumber | None = None) -> LedgerState:
        """What the ledger adds up to at a release; None: at the head.

        Folded from the nearest state in memory, else from the newest snapshot before it, each link checked.

        Raises:
            NotFound: there is no such release.
            Tampered: the chain does not hold.
        """
        if number is None:
            number = self.find_head_number(environment, self._newest_known(environment))
        state = self._nearest(environment, number)
        if state.number == number:
            return state
        target = self.read(environment, number)
        state = self._from_snapshot(environment, target.release.restore, state)
        for signed in self.releases(environment, ReleaseNumber(state.number + 1), ReleaseNumber(number - 1)):
            state = fold(state, signed)
        state = fold(state, target)
        self.remember(state)
        return state

    def remember(self, state: LedgerState) -> None:
        """Keep a state in memory, so that the next fold starts there."""
        with self._lock:
            states = self._states.setdefault(state.environment, {})
            states[state.number] = state
            while len(states) > STATES_KEPT:
                del states[min(states)]

    def delta(self, environment: EnvironmentName, archive: Digest) -> dict[ReleasePath, PlainFile]:
        """The files a release put, by the digest of its delta archive. One GET.

        Raises:
            Tampered: the bytes in the store are not those the ledger names.
        """
        return unpack_files(self._cloud.store.read(delta_object(environment, archive)), archive)

    def content(self, environment: EnvironmentName, entry: FileEntry) -> bytes:
        """The bytes of one file of a tree, from the release that put it.

        Raises:
            Tampered: that release's delta does not hold it.
        """
        release = self.read(environment, entry.release).release
        files = self.delta(environment, release.delta) if release.delta else {}
        file = files.get(entry.path)
        if file is None or digest(file.content) != entry.sha256:
            raise Tampered(
                f"release {entry.release} does not hold {entry.path} with sha256 {entry.sha256}",
                operation="read file",
                subject=f"{environment}/{entry.release}",
            )
        return file.content

    def restore(self, environment: EnvironmentName, head: SignedRelease) -> dict[ReleasePath, PlainFile]:
        """The whole tree of a release, from nothing: its newest snapshot and the deltas after it.

        At most snapshot_every + 2 GETs, the head's own included (one more for each release while a snapshot is late).

        Raises:
            Tampered: an archive is not what the signed release says.
        """
        how = head.release.restore
        files: dict[ReleasePath, PlainFile] = {}
        if how.snapshot_archive is not None:
            content = self._cloud.store.read(snapshot_archive_object(environment, how.snapshot))
            files = unpack_files(content, how.snapshot_archive)
        for link in how.links:
            if link.delta is not None:
                files.update(self.delta(environment, link.delta))
            for path in link.deletes:
                files.pop(path, None)
        if head.release.delta is not None:
            files.update(self.delta(environment, head.release.delta))
        for change in head.release.changes:
            if isinstance(change, DeleteFile):
                files.pop(change.path, None)
        return files

    def _newest_known(self, environment: EnvironmentName) -> ReleaseNumber:
        with self._lock:
            return max(self._states.get(environment, {}), default=NO_RELEASE)

    def _nearest(self, environment: EnvironmentName, number: ReleaseNumber) -> LedgerState:
        with self._lock:
            known = [state for at, state in self._states.get(environment, {}).items() if at <= number]
        return max(known, key=lambda state: state.number, default=empty_state(environment))

    def _from_snapshot(self, environment: EnvironmentName, how: Restore, known: LedgerState) -> LedgerState:
        if how.snapshot_state is None or how.snapshot <= known.number:
            return known
        name = snapshot_state_object(environment, how.snapshot)
        try:
            content = self._cloud.store.read(name)
        except NotFound:
            return known  # the chain itself still holds everything
        if digest(content) != how.snapshot_state:
            raise Tampered(f"its sha256 is {digest(content)}", operation="read snapshot", subject=name)
        return decode(LedgerState, content, subject=name)
