"""A push as a value: what its `push.json` says."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.wire import digest, encode

MAX_AUTHORS = 100
MAX_MESSAGE_CHARS = 10_000
MAX_REASON_CHARS = 1_000
MAX_COMMIT_BYTES = 65_536

FORMAT: Literal["dagwarden/push/v1"] = "dagwarden/push/v1"

FileMode = Literal["0644", "0755"]
"""The two modes git knows of plain files."""

Sha256 = Annotated[Digest, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
SizeBytes = Annotated[int, Meta(ge=0, le=2**40)]
Name = Annotated[str, Meta(max_length=300)]
"""A source, a ref, a commit, an author: what ends up in every release record is bounded here."""


class Put(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="put"):
    """A file is created or replaced."""

    path: ReleasePath
    sha256: Sha256
    size_bytes: SizeBytes
    mode: FileMode = "0644"


class Delete(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="delete"):
    """A file goes."""

    path: ReleasePath


Change = Put | Delete


class PushManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What push.json says: what is offered, from which source, on top of what.

    `base_commit` is the source's commit that the pusher saw released (empty: never released); a push whose base is no
    longer that is refused unless forced. A rollback offers no changes: the gate works them out from `rollback_to`.
    """

    format: Literal["dagwarden/push/v1"] = FORMAT
    environment: EnvironmentName
    source: Name
    created_at: Annotated[dt.datetime, Meta(tz=True)]
    changes: tuple[Change, ...]
    base_commit: Name = ""
    head_commit: Name = ""
    ref: Name = ""
    authors: Annotated[tuple[Name, ...], Meta(max_length=MAX_AUTHORS)] = ()
    message: Annotated[str, Meta(max_length=MAX_MESSAGE_CHARS)] = ""
    prefix: Annotated[str, Meta(max_length=1024)] = ""
    force: bool = False
    """It rewrites what its source released, or files of other sources: policy must let the pusher."""
    lease: bool = False
    """Forced all the same, yet only while `base_commit` is what is released, and over no file of other sources."""
    dry_run: bool = False
    rollback_to: Annotated[ReleaseNumber, Meta(ge=1, le=2**40)] | None = None
    nonce: Annotated[str, Meta(max_length=64)] = ""
    break_glass: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""
    """The reason of an emergency, which policy may let past its own rules; empty: it is none."""
    commit: Annotated[bytes, Meta(max_length=MAX_COMMIT_BYTES)] = b""
    """The head commit as git stores it, with its signature; empty: it comes from no repository, or is too large."""


def encode_manifest(manifest: PushManifest) -> bytes:
    """The canonical bytes of push.json, `format` included."""
    return encode({"format": manifest.format, **msgspec.to_builtins(manifest)})


def push_id(manifest: PushManifest) -> PushId:
    """The push's id: the sha256 of its canonical push.json."""
    return PushId(digest(encode_manifest(manifest)))
