"""Entries on what somebody did behind the ledger's back: drift, and history that does not hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dagwarden.audit.entry import (
    UNSEEN,
    AuditEntry,
    AuditOutcome,
    Kind,
    What,
    When,
    Where,
    explain,
    make_insert_id,
    shorten,
)
from dagwarden.errors import DagwardenError
from dagwarden.names import EnvironmentName, ReleaseNumber


def drift_detected(
    *,
    environment: EnvironmentName,
    resource: str,
    drift: str,
    release: ReleaseNumber,
    found: str,
    expected: str,
    at: dt.datetime,
    source: str = "",
) -> AuditEntry:
    """The environment's bucket holds something that the ledger does not say.

    Args:
        resource: `gs://BUCKET/NAME#GENERATION` of what was found.
        drift: what kind of drift it is, e.g. `changed`, `added`, `deleted`.
        release: the release the bucket was compared with.
        found: md5 in hex or `nothing`.
        expected: md5 in hex or `nothing`.
        at: when the object changed, by Cloud Storage's clock.
        source: what led to it being seen, e.g. `event 4711` or `reconcile`.
    """
    return _drift_entry(
        Kind.DRIFT_DETECTED,
        severity="WARNING",
        outcome=AuditOutcome.FOUND,
        action="change behind the ledger's back",
        reason=f"{drift}: found {found}, but release {release} says {expected}",
        environment=environment,
        resource=resource,
        release=release,
        at=at,
        source=source,
        details={"drift": drift, "found": found, "expected": expected},
    )


def drift_healed(
    *, environment: EnvironmentName, resource: str, drift: str, release: ReleaseNumber, at: dt.datetime, reason: str
) -> AuditEntry:
    """Drift is about to be put back to what the ledger says; arguments as for `drift_detected`."""
    return _drift_entry(
        Kind.DRIFT_HEALED,
        severity="NOTICE",
        outcome=AuditOutcome.BEGUN,
        action="put back",
        reason=reason,
        environment=environment,
        resource=resource,
        release=release,
        at=at,
        source="",
        details={"drift": drift},
    )


def history_tampered(
    error: DagwardenError, *, environment: str, resource: str, at: dt.datetime, release: ReleaseNumber | None = None
) -> AuditEntry:
    """A digest, a signature or the chain does not hold: nothing follows from what was found.

    Args:
        resource: `gs://BUCKET/NAME#GENERATION` of what does not hold.
        at: when that came to be, by Cloud Storage's clock.
    """
    return AuditEntry(
        kind=Kind.HISTORY_TAMPERED,
        severity="CRITICAL",
        who=UNSEEN,
        what=What(action="write history", resource=shorten(resource)),
        when=When(occurred_at=at),
        where=Where(source=shorten(resource)),
        outcome=AuditOutcome.FOUND,
        why=explain(str(error)),
        environment=environment,
        release=release,
        insert_id=make_insert_id(Kind.HISTORY_TAMPERED, resource),
    )


def _drift_entry(
    kind: Kind,
    *,
    severity: str,
    outcome: AuditOutcome,
    action: str,
    reason: str,
    environment: EnvironmentName,
    resource: str,
    release: ReleaseNumber,
    at: dt.datetime,
    source: str,
    details: dict[str, Any],
) -> AuditEntry:
    return AuditEntry(
        kind=kind,
        severity=severity,
        who=UNSEEN,
        what=What(action=action, resource=shorten(resource)),
        when=When(occurred_at=at),
        where=Where(source=shorten(source or resource)),
        outcome=outcome,
        why=explain(reason),
        environment=environment,
        release=release,
        details=details,
        insert_id=make_insert_id(kind, environment, resource, release),
    )
