"""What a push changes in the tree it lands on: from its manifest, or from the release a rollback goes back to."""

from __future__ import annotations

from collections.abc import Mapping

from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.release import DeleteFile, FileChange, PutFile
from dagwarden.ledger.state import LedgerState
from dagwarden.names import Digest, ReleasePath
from dagwarden.push.manifest import PushManifest, Put
from dagwarden.wire import md5_hex


def changes_of_push(
    state: LedgerState, manifest: PushManifest, files: Mapping[ReleasePath, PlainFile]
) -> tuple[FileChange, ...]:
    """What the manifest's changes really change: puts of what is there already and deletes of what is not are left out.

    Args:
        files: the bytes of every file the manifest puts.
    """
    changes: list[FileChange] = []
    for change in manifest.changes:
        standing = state.files.get(change.path)
        if isinstance(change, Put):
            if standing and (standing.sha256, standing.mode, standing.source) == (
                change.sha256,
                change.mode,
                manifest.source,
            ):
                continue
            changes.append(
                PutFile(
                    path=change.path,
                    sha256=change.sha256,
                    md5=md5_hex(files[change.path].content),
                    size_bytes=change.size_bytes,
                    mode=change.mode,
                )
            )
        elif standing is not None:
            changes.append(DeleteFile(path=change.path))
    return tuple(sorted(changes, key=lambda change: change.path))


def changes_of_rollback(state: LedgerState, target: LedgerState) -> tuple[FileChange, ...]:
    """What brings `state`'s tree to `target`'s, every file given back to the source it had there."""
    puts: list[FileChange] = [
        PutFile(
            path=path,
            sha256=entry.sha256,
            md5=entry.md5,
            size_bytes=entry.size_bytes,
            mode=entry.mode,
            source=entry.source,
        )
        for path, entry in target.files.items()
        if not _is_same(state, path, entry.sha256, entry.mode, entry.source)
    ]
    deletes: list[FileChange] = [DeleteFile(path=path) for path in state.files if path not in target.files]
    return tuple(sorted(puts + deletes, key=lambda change: change.path))


def _is_same(state: LedgerState, path: ReleasePath, sha256: Digest, mode: str, source: str) -> bool:
    standing = state.files.get(path)
    return standing is not None and (standing.sha256, standing.mode, standing.source) == (sha256, mode, source)
