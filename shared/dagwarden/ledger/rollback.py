"""Finds the bytes of what a release puts: in the push, or, for a rollback, in the deltas of older releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from dagwarden.errors import Tampered
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import FileChange, PutFile
from dagwarden.ledger.state import LedgerState
from dagwarden.names import ReleaseNumber, ReleasePath
from dagwarden.wire import digest


def read_files(
    ledger: Ledger,
    changes: tuple[FileChange, ...],
    offered: Mapping[ReleasePath, PlainFile],
    target: LedgerState | None,
) -> tuple[PlainFile, ...]:
    """The bytes of every file that `changes` put, each with the sha256 they name.

    Args:
        offered: the push's own files.
        target: for a rollback, the state it goes back to: its entries tell which release holds which bytes.

    Raises:
        Tampered: an older delta does not hold what the ledger says.
    """
    puts = [change for change in changes if isinstance(change, PutFile)]
    if target is None:
        return tuple(offered[put.path] for put in puts)
    by_release: dict[ReleaseNumber, list[PutFile]] = defaultdict(list)
    for put in puts:
        by_release[target.files[put.path].release].append(put)
    return tuple(
        file for release, wanted in sorted(by_release.items()) for file in _read_from(ledger, target, release, wanted)
    )


def _read_from(ledger: Ledger, target: LedgerState, number: ReleaseNumber, wanted: list[PutFile]) -> list[PlainFile]:
    release = ledger.read(target.environment, number).release
    held = ledger.delta(target.environment, release.delta) if release.delta else {}
    files = []
    for put in wanted:
        file = held.get(put.path)
        if file is None or digest(file.content) != put.sha256:
            raise Tampered(
                f"its delta does not hold {put.path} with sha256 {put.sha256[:12]}",
                operation="read release",
                subject=f"{target.environment}/{number}",
                hint="run `dagwarden verify`",
            )
        files.append(file)
    return files
