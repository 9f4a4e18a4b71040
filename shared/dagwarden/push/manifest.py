"""A push as a value: what its `push.json` says."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.wire import digest, encode

FORMAT: Literal["dagwarden/push/v1"] = "dagwarden/push/v1"

FileMode = Literal["0644", "0755"]
"""The two modes git knows of plain files."""


class Put(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="put"):
    """A file is created or replaced."""

    path: ReleasePath
    sha256: Digest
    size_bytes: int
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
    source: str
    created_at: dt.datetime
    changes: tuple[Change, ...]
    base_commit: str = ""
    head_commit: str = ""
    ref: str = ""
    authors: tuple[str, ...] = ()
    message: str = ""
    prefix: str = ""
    force: bool = False
    dry_run: bool = False
    rollback_to: ReleaseNumber | None = None
    nonce: str = ""


def encode_manifest(manifest: PushManifest) -> bytes:
    """The canonical bytes of push.json, `format` included."""
    return encode({"format": manifest.format, **msgspec.to_builtins(manifest)})


def push_id(manifest: PushManifest) -> PushId:
    """The push's id: the sha256 of its canonical push.json."""
    return PushId(digest(encode_manifest(manifest)))
