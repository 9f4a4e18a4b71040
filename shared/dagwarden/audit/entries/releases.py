"""Entries on releases: committed, rolled back, notified, mirrored, synced."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from dagwarden.audit.entry import (
    AuditEntry,
    AuditOutcome,
    Kind,
    What,
    When,
    Where,
    explain,
    make_insert_id,
    shorten,
    take_within,
)
from dagwarden.ledger.release import DeleteFile, PutFile, Release
from dagwarden.names import Digest, release_object
from dagwarden.policy.verdict import Principal
from dagwarden.sync.notice import Receipt, ReceiptOutcome


def release_committed(release: Release, digest: Digest) -> AuditEntry:
    """A release is the head of its environment's ledger."""
    return _release_entry(
        Kind.RELEASE_COMMITTED,
        release,
        digest,
        action="commit release",
        outcome=AuditOutcome.DONE,
        reason=f"push {release.push_id[:12]} was allowed",
        details=_describe_changes(release),
    )


def release_rolled_back(release: Release, digest: Digest) -> AuditEntry:
    """A release restores the tree of an older one."""
    return _release_entry(
        Kind.RELEASE_ROLLED_BACK,
        release,
        digest,
        action=f"roll back to release {release.rollback_to}",
        outcome=AuditOutcome.DONE,
        reason=release.message or f"{release.principal.name} asked for the tree of release {release.rollback_to}",
        details={"rollback_to": release.rollback_to, **_describe_changes(release)},
    )


def release_notified(release: Release, digest: Digest, *, topic: str, components: Sequence[str]) -> AuditEntry:
    """The components are about to be told of a release."""
    return _release_entry(
        Kind.RELEASE_NOTIFIED,
        release,
        digest,
        action="publish notices",
        outcome=AuditOutcome.BEGUN,
        reason=f"release {release.number} is in the ledger and its signature holds",
        details={"topic": topic, "components": list(components)},
    )


def release_mirrored(release: Release, digest: Digest, *, bucket: str, puts: int, deletes: int) -> AuditEntry:
    """The environment's bucket is about to be brought to a release.

    Args:
        puts: how many objects are written.
        deletes: how many objects are deleted.
    """
    return _release_entry(
        Kind.RELEASE_MIRRORED,
        release,
        digest,
        action="mirror release",
        outcome=AuditOutcome.BEGUN,
        reason=f"release {release.number} is the head of the ledger",
        details={"bucket": bucket, "puts": puts, "deletes": deletes},
        subject=(bucket, puts, deletes),
    )


def release_synced(receipt: Receipt) -> AuditEntry:
    """An instance runs a release, or could not apply one."""
    failed = receipt.outcome is ReceiptOutcome.FAILED
    number = receipt.wanted if failed and receipt.wanted is not None else receipt.release
    instance = f"{receipt.environment}/{receipt.component}/{receipt.instance}"
    details: dict[str, Any] = {"runs": receipt.release, "digest": receipt.digest, "tree": receipt.tree}
    if receipt.visible_at and receipt.pushed_at and not failed:
        details["push_to_visible_s"] = round((receipt.visible_at - receipt.pushed_at).total_seconds(), 3)
    subject = (receipt.environment, receipt.component, receipt.instance, number, receipt.outcome)
    return AuditEntry(
        kind=Kind.RELEASE_SYNCED,
        severity="ERROR" if failed else "INFO",
        who=Principal(name=instance),
        what=What(action=f"apply release {number}", resource=instance),
        when=When(occurred_at=_sync_time(receipt)),
        where=Where(source=instance),
        outcome=AuditOutcome.FAILED if failed else AuditOutcome.DONE,
        why=explain(receipt.error or f"release {number} was noticed"),
        environment=receipt.environment,
        push_id=receipt.push_id,
        release=number,
        details=details,
        insert_id=make_insert_id(Kind.RELEASE_SYNCED, *subject),
    )


def _sync_time(receipt: Receipt) -> dt.datetime:
    """A receipt sent again by a restarted instance tells the same: when the release became visible there."""
    if receipt.outcome is ReceiptOutcome.FAILED:
        return receipt.committed_at or receipt.at
    return receipt.visible_at or receipt.at


def _release_entry(
    kind: Kind,
    release: Release,
    digest: Digest,
    *,
    action: str,
    outcome: AuditOutcome,
    reason: str,
    details: dict[str, Any],
    subject: tuple[object, ...] = (),
) -> AuditEntry:
    return AuditEntry(
        kind=kind,
        severity="NOTICE",
        who=release.principal,
        what=What(action=action, resource=release_object(release.environment, release.number)),
        when=When(occurred_at=release.committed_at),
        where=Where(source=shorten(release.source)),
        outcome=outcome,
        why=explain(reason, policy_digest=release.policy_digest),
        environment=release.environment,
        push_id=release.push_id,
        release=release.number,
        details={"digest": digest, **details},
        insert_id=make_insert_id(kind, release.environment, release.number, digest, *subject),
    )


def _describe_changes(release: Release) -> dict[str, Any]:
    puts = [change.path for change in release.changes if isinstance(change, PutFile)]
    deletes = [change.path for change in release.changes if isinstance(change, DeleteFile)]
    return {
        "parent": release.parent,
        "tree": release.tree,
        "head_commit": shorten(release.head_commit),
        "authors": list(take_within([shorten(author, 200) for author in release.authors], 10_000)),
        "message": shorten(release.message),
        "forced": release.forced,
        **({"break_glass": shorten(release.break_glass)} if release.break_glass else {}),
        "puts": len(puts),
        "deletes": len(deletes),
        "paths": list(take_within([*puts, *deletes], 50_000)),
    }
