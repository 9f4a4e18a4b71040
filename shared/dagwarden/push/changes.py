"""What a push changes: pure comparison of what a source has now with what of it was released."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dagwarden.ledger.state import FileEntry
from dagwarden.lint.finding import Finding
from dagwarden.names import Digest, ReleasePath
from dagwarden.push.archive import DEFAULT_LIMITS, UnpackLimits
from dagwarden.push.manifest import Change, Delete, Put
from dagwarden.push.mapping import Listing
from dagwarden.push.paths import check_names
from dagwarden.push.rules import find
from dagwarden.wire import digest

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Which files may have changed and so must be read, and which are gone."""

    candidates: tuple[ReleasePath, ...]
    gone: tuple[ReleasePath, ...]
    released: Mapping[ReleasePath, FileEntry] = {}
    """What the ledger has of the source, where that was asked: candidates that equal it are no change."""


def compare_with_base(base: Listing, head: Listing) -> Comparison:
    """By the source's own history: what differs between the released state and the new one. No content is read."""
    return Comparison(
        candidates=tuple(sorted(path for path, file in head.files.items() if base.files.get(path) != file)),
        gone=tuple(sorted(base.files.keys() - head.files.keys())),
    )


def compare_with_ledger(files: Mapping[ReleasePath, FileEntry], source: str, head: Listing) -> Comparison:
    """By what the ledger holds of this source: every file is read. Files of other sources are never gone."""
    released = {path: entry for path, entry in files.items() if entry.source == source}
    return Comparison(
        candidates=tuple(sorted(head.files)), gone=tuple(sorted(released.keys() - head.files.keys())), released=released
    )


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be pushed, or why it cannot be."""

    changes: tuple[Change, ...]
    contents: Mapping[ReleasePath, bytes]
    findings: tuple[Finding, ...]
    digests: Mapping[ReleasePath, Digest]
    """sha256 of every candidate, changed or not."""


def make_offer(
    head: Listing,
    comparison: Comparison,
    contents: Mapping[ReleasePath, bytes],
    limits: UnpackLimits = DEFAULT_LIMITS,
) -> Offer:
    """The changes, once the candidates are read.

    Args:
        contents: the bytes of every candidate.
    """
    digests = {path: digest(contents[path]) for path in comparison.candidates}
    puts = [
        Put(path=path, sha256=sha256, size_bytes=len(contents[path]), mode=head.files[path].mode)
        for path, sha256 in digests.items()
        if not _is_released(comparison.released.get(path), sha256, head.files[path].mode)
    ]
    changes: tuple[Change, ...] = (*puts, *(Delete(path=path) for path in comparison.gone))
    found = [
        *head.findings,
        *check_names(changes),
        *(find("file-lfs-pointer", put.path) for put in puts if contents[put.path].startswith(_LFS_POINTER)),
        *_check_sizes(puts, len(changes), limits),
    ]
    return Offer(
        changes=changes,
        contents={put.path: contents[put.path] for put in puts},
        findings=tuple(found),
        digests=digests,
    )


def _is_released(entry: FileEntry | None, sha256: Digest, mode: str) -> bool:
    return entry is not None and (entry.sha256, entry.mode) == (sha256, mode)


def _check_sizes(puts: list[Put], change_count: int, limits: UnpackLimits) -> list[Finding]:
    """What the gate would refuse unread."""
    findings = [
        find("file-too-large", put.path, f"{put.size_bytes:,} bytes; a file may have {limits.max_file_bytes:,}")
        for put in puts
        if put.size_bytes > limits.max_file_bytes
    ]
    total_bytes = sum(put.size_bytes for put in puts)
    if change_count > limits.max_files:
        findings.append(
            find("too-many-files", message=f"{change_count:,} changes; a push may have {limits.max_files:,}")
        )
    if total_bytes > limits.max_unpacked_bytes:
        findings.append(
            find("push-too-large", message=f"{total_bytes:,} bytes; a push may have {limits.max_unpacked_bytes:,}")
        )
    return findings
