"""The ledger folded up to one release: which files there are, who put them, what each source last released."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Protocol

import msgspec

from dagwarden.errors import Tampered
from dagwarden.ledger.release import DeleteFile, FileChange, Link, PutFile, Release, Restore, SignedRelease
from dagwarden.names import FOLDERS, NO_PARENT, NO_RELEASE, Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.push.manifest import FileMode

PUSHES_KEPT = 1000
"""How many of the newest pushes the state remembers. A push is delivered again for a day at most; its verdict object
lasts for ever, so only a crash between a release and its verdict needs this memory."""


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a tree."""

    path: ReleasePath
    sha256: Digest
    md5: str
    size_bytes: int
    mode: FileMode
    release: ReleaseNumber
    """The release whose delta holds its bytes."""
    source: str
    """The source that put it, and alone may change it without force."""


class Content(Protocol):
    """What of a file goes into the digest of a tree."""

    @property
    def sha256(self) -> Digest:
        """Of its bytes."""

    @property
    def mode(self) -> FileMode:
        """Whether it is executable."""


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """What all releases up to `number` add up to. `number` 0 is the empty tree before the first release."""

    environment: EnvironmentName
    number: ReleaseNumber
    digest: Digest
    """Digest of the release `number`; 64 zeros for 0."""
    tree: Digest
    files: dict[ReleasePath, FileEntry]
    sources: dict[str, str]
    """Source -> the head commit it last released."""
    pushes: dict[PushId, ReleaseNumber]
    """The newest pushes and what they became."""
    restore: Restore
    """How to build this tree from nothing; its links include release `number`. The next release carries it."""


NOTHING_TO_RESTORE = Restore(
    snapshot=NO_RELEASE, snapshot_release=NO_PARENT, snapshot_archive=None, snapshot_state=None, links=()
)
"""The empty tree needs nothing."""


def list_digest(rows: Iterable[tuple[str, str, str]]) -> Digest:
    """The digest of a tree given as (path, sha256, mode) rows, in any order.

    It is the sha256 over one line `MODE SHA256 PATH` + NUL a file, sorted by path's UTF-8 bytes (which is the order of
    its characters' code points, so that no path need be encoded to be sorted).
    """
    return _digest_lines(f"{mode} {sha256} {path}\0" for path, sha256, mode in sorted(rows, key=itemgetter(0)))


def _digest_lines(lines: Iterable[str]) -> Digest:
    return Digest(hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest())


def tree_digest(files: Mapping[ReleasePath, Content], folders: tuple[str, ...] = FOLDERS) -> Digest:
    """The digest of the files that lie in `folders`: of the whole tree, or of what one component holds.

    It is that of `list_digest`, without a row made for each file: agents take it at every release.
    """
    paths = sorted(files)
    if not set(folders) >= set(FOLDERS):
        prefixes = tuple(f"{folder}/" for folder in folders)
        paths = [path for path in paths if path.startswith(prefixes)]
    found = zip(paths, map(files.__getitem__, paths), strict=True)
    return _digest_lines([f"{file.mode} {file.sha256} {path}\0" for path, file in found])


def empty_state(environment: EnvironmentName) -> LedgerState:
    """The state before the first release."""
    return LedgerState(
        environment=environment,
        number=NO_RELEASE,
        digest=NO_PARENT,
        tree=list_digest(()),
        files={},
        sources={},
        pushes={},
        restore=NOTHING_TO_RESTORE,
    )


def change_files(
    files: Mapping[ReleasePath, FileEntry], release: ReleaseNumber, source: str, changes: Iterable[FileChange]
) -> dict[ReleasePath, FileEntry]:
    """The file table after some changes; deletes of what is not there change nothing."""
    after = dict(files)
    for change in changes:
        if isinstance(change, PutFile):
            after[change.path] = FileEntry(
                path=change.path,
                sha256=change.sha256,
                md5=change.md5,
                size_bytes=change.size_bytes,
                mode=change.mode,
                release=release,
                source=change.source or source,
            )
        else:
            after.pop(change.path, None)
    return after


def fold(state: LedgerState, signed: SignedRelease) -> LedgerState:
    """The state after one more release.

    Raises:
        Tampered: the release is not the next link, or its tree is not what its changes make.
    """
    release = signed.release
    after = advance(state, release, signed.digest)
    found = tree_digest(after.files)
    if release.tree != found:
        raise _broken(release, f"says its tree is {release.tree[:12]}, its changes make {found[:12]}")
    return after


def advance(state: LedgerState, release: Release, digest: Digest) -> LedgerState:
    """Like `fold`, but believes the release's own word on its tree: for the one who has just made the release.

    Raises:
        Tampered: the release is not the next link.
    """
    if release.environment != state.environment:
        raise _broken(release, f"is of {release.environment}, not of {state.environment}")
    if release.number != state.number + 1:
        raise _broken(release, f"does not follow release {state.number}")
    if release.parent != state.digest:
        raise _broken(release, f"names parent {release.parent[:12]}, but release {state.number} is {state.digest[:12]}")
    files = change_files(state.files, release.number, release.source, release.changes)
    pushes = {**state.pushes, release.push_id: release.number}
    for old in sorted(pushes, key=lambda push: pushes[push])[:-PUSHES_KEPT]:
        del pushes[old]
    sources = release.sources
    if sources is None:
        sources = {**state.sources, release.source: release.head_commit}
    return LedgerState(
        environment=state.environment,
        number=release.number,
        digest=digest,
        tree=release.tree,
        files=files,
        sources=sources,
        pushes=pushes,
        restore=msgspec.structs.replace(release.restore, links=(*release.restore.links, _link(release, digest))),
    )


def _link(release: Release, digest: Digest) -> Link:
    return Link(
        number=release.number,
        digest=digest,
        delta=release.delta,
        delta_size_bytes=release.delta_size_bytes,
        deletes=tuple(change.path for change in release.changes if isinstance(change, DeleteFile)),
    )


def _broken(release: Release, why: str) -> Tampered:
    return Tampered(
        f"the release {why}",
        operation="follow chain",
        subject=f"{release.environment}/{release.number}",
        hint="run `dagwarden verify` and compare with the audit log",
    )
