"""A release as a value: the signed record that is one link of an environment's ledger."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import FileMode

FORMAT: Literal["dagwarden/release/v1"] = "dagwarden/release/v1"


class PutFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="do", tag="put"):
    """A file this release creates or replaces; its bytes lie in the release's delta archive."""

    path: ReleasePath
    sha256: Digest
    md5: str
    """md5 in hex: what Cloud Storage tells of an object without reading it, so that drift is seen cheaply."""
    size_bytes: int
    mode: FileMode
    source: str = ""
    """Whose file it is, where that is not the release's own source: a rollback gives files back to who put them."""


class DeleteFile(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="delete"):
    """A file this release takes away."""

    path: ReleasePath


FileChange = PutFile | DeleteFile


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One release, as a later one names it: enough to check the chain and to fetch what it changed."""

    number: ReleaseNumber
    digest: Digest
    delta: Digest | None
    """The sha256 of its delta archive; None when it put no file (then it only deleted)."""
    delta_size_bytes: int = 0
    deletes: tuple[ReleasePath, ...] = ()


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """How to build this release's tree from nothing: the newest snapshot, then each delta after it, in order.

    `links` holds every release after the snapshot up to, not including, this one.
    """

    snapshot: ReleaseNumber
    """0: there is none yet, start from the empty tree."""
    snapshot_release: Digest
    """Digest of the release the snapshot is of (64 zeros for 0)."""
    snapshot_archive: Digest | None
    """sha256 of the snapshot's archive; None for 0."""
    snapshot_state: Digest | None
    """sha256 of the snapshot's folded state; None for 0."""
    links: tuple[Link, ...]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the chain. Its digest is the sha256 of the signed payload that holds it."""

    format: Literal["dagwarden/release/v1"]
    environment: EnvironmentName
    number: ReleaseNumber
    parent: Digest
    tree: Digest
    """Digest of the whole tree after this release: `ledger.state.tree_digest`."""
    delta: Digest | None
    """sha256 of the delta archive; None when no file was put."""
    delta_size_bytes: int
    changes: tuple[FileChange, ...]
    push_id: PushId
    source: str
    base_commit: str
    head_commit: str
    ref: str
    authors: tuple[str, ...]
    message: str
    principal: Principal
    policy_digest: Digest
    warnings: int
    """How many warnings its verdict tells."""
    forced: bool
    rollback_to: ReleaseNumber | None
    sources: dict[str, str] | None
    """What each source last released, as a rollback sets it back; None: as before, with `source` at `head_commit`."""
    pushed_at: dt.datetime
    """When the push object was complete in the inbox (Cloud Storage's time)."""
    committed_at: dt.datetime
    attempt: str
    """Random id of the commit attempt: a client told 412 reads it to learn whether the winner is itself."""
    restore: Restore
    break_glass: str = ""
    """The reason of an emergency; empty: it was none."""


class SignedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release as read from the ledger, its envelope checked for shape; see `ledger.envelope` for the signature."""

    release: Release
    digest: Digest
    """sha256 of the signed payload: what the next release calls its parent."""
    envelope: bytes
    """The DSSE envelope's bytes as they lie in the bucket."""
