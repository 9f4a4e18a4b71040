"""Commits one release: everything it needs is uploaded first, then one atomic create makes it exist."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import Tampered
from dagwarden.ledger.archive import PlainFile, pack_files
from dagwarden.ledger.envelope import seal, to_statement
from dagwarden.ledger.release import FORMAT, FileChange, Release
from dagwarden.ledger.state import LedgerState, advance, change_files, tree_digest
from dagwarden.names import (
    Digest,
    PushId,
    ReleaseNumber,
    delta_object,
    policy_object,
    release_object,
)
from dagwarden.policy.verdict import Principal
from dagwarden.wire import digest, md5_hex

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

PUSH_ID = "dagwarden-push-id"
"""Custom metadata of a release object: which push it came from, to be seen without opening it."""

GZIP = "application/gzip"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is decided and not yet committed: all that does not hang on the head it lands on."""

    changes: tuple[FileChange, ...]
    files: tuple[PlainFile, ...]
    """The bytes of every file the changes put."""
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
    forced: bool
    break_glass: str = ""
    rollback_to: ReleaseNumber | None = None
    sources: dict[str, str] | None = None
    """Set by a rollback: what each source last released at the release it goes back to."""
    pushed_at: dt.datetime


class Committed(msgspec.Struct, frozen=True):
    """The release that now exists, its digest, and the state it makes."""

    release: Release
    digest: Digest
    state: LedgerState


def commit(cloud: Cloud, state: LedgerState, draft: Draft, *, attempt: str, now: dt.datetime) -> Committed | None:
    """Try to make `draft` the release after `state`.

    The delta is uploaded first, under the name of its content; the one create of the release object decides. A lost
    race leaves nothing but an unreferenced delta.

    Args:
        attempt: random id of this attempt, by which a client that is told 412 knows its own success.

    Returns:
        The release; None when another one took its number.

    Raises:
        Tampered: something else lies where the delta belongs: a release that nobody could apply is not made.
    """
    archive = pack_files(draft.files) if draft.files else None
    release = draft_release(state, draft, archive, attempt=attempt, now=now)
    if archive is not None and release.delta is not None:
        _upload_delta(cloud, delta_object(state.environment, release.delta), archive, attempt=attempt)
    signer = cloud.signer
    policy_uri = f"gs://{cloud.store.name}/{policy_object(state.environment)}"
    payload = to_statement(release, signer.service_account, policy_uri)
    envelope = seal(payload, signer.service_account, signer.sign)
    created = cloud.ledger.create(
        release_object(state.environment, release.number),
        envelope,
        attempt=attempt,
        content_type=ENVELOPE_TYPE,
        metadata={PUSH_ID: draft.push_id},
    )
    if not created.is_ours:
        return None
    return Committed(release, digest(payload), advance(state, release, digest(payload)))


def _upload_delta(cloud: Cloud, name: str, archive: bytes, *, attempt: str) -> None:
    created = cloud.store.create(name, archive, attempt=attempt, content_type=GZIP)
    if not created.is_ours and created.info.md5 != md5_hex(archive):
        raise Tampered(
            "other bytes lie under this name",
            operation="commit release",
            subject=f"gs://{cloud.store.name}/{name}",
            hint="find out who wrote them and delete them",
        )


def draft_release(
    state: LedgerState, draft: Draft, archive: bytes | None, *, attempt: str, now: dt.datetime
) -> Release:
    """The release that `draft` would be on top of `state`."""
    number = ReleaseNumber(state.number + 1)
    files = change_files(state.files, number, draft.source, draft.changes)
    return Release(
        format=FORMAT,
        environment=state.environment,
        number=number,
        parent=state.digest,
        tree=tree_digest(files),
        delta=None if archive is None else digest(archive),
        delta_size_bytes=0 if archive is None else len(archive),
        changes=draft.changes,
        push_id=draft.push_id,
        source=draft.source,
        base_commit=draft.base_commit,
        head_commit=draft.head_commit,
        ref=draft.ref,
        authors=draft.authors,
        message=draft.message,
        principal=draft.principal,
        policy_digest=draft.policy_digest,
        warnings=draft.warnings,
        forced=draft.forced,
        rollback_to=draft.rollback_to,
        sources=draft.sources,
        pushed_at=draft.pushed_at,
        committed_at=now,
        attempt=attempt,
        restore=state.restore,
        break_glass=draft.break_glass,
    )
