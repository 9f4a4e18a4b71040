"""Entries on policies: applied, restored."""

from __future__ import annotations

import datetime as dt

import msgspec

from dagwarden.audit.entry import AuditEntry, AuditOutcome, Kind, What, When, Where, explain, make_insert_id, shorten
from dagwarden.names import Digest, EnvironmentName
from dagwarden.policy.verdict import Principal


def policy_applied_ended(begun: AuditEntry, *, error: str, at: dt.datetime) -> AuditEntry:
    """How it ended that a policy was about to be applied: it is in force, or it is not, and why.

    Args:
        error: empty when it is in force.
    """
    outcome = AuditOutcome.FAILED if error else AuditOutcome.DONE
    return msgspec.structs.replace(
        begun,
        severity="ERROR" if error else "NOTICE",
        when=When(occurred_at=at),
        outcome=outcome,
        why=explain(error or begun.why.reason, policy_digest=begun.why.policy_digest),
        insert_id=make_insert_id(Kind.POLICY_APPLIED, begun.insert_id, outcome, at),
    )


def policy_applied(
    *,
    environment: EnvironmentName,
    resource: str,
    who: str,
    digest: Digest,
    before: Digest | None,
    generation: int,
    message: str,
    at: dt.datetime,
) -> AuditEntry:
    """A policy, or an environment's description, is about to take the place of the one before.

    Args:
        resource: the object it is written to.
        before: digest of what it replaces; None when there was nothing.
        generation: of what it replaces: `dagwarden policy restore` brings that back. 0 when there was nothing.
    """
    return AuditEntry(
        kind=Kind.POLICY_APPLIED,
        severity="WARNING",
        who=Principal(name=who),
        what=What(action="apply policy", resource=shorten(resource)),
        when=When(occurred_at=at),
        where=Where(source="dagwarden policy"),
        outcome=AuditOutcome.BEGUN,
        why=explain(message or "no reason was given", policy_digest=digest),
        environment=environment,
        details={"before": before or "", "generation_before": generation},
        insert_id=make_insert_id(Kind.POLICY_APPLIED, environment, resource, digest, generation),
    )
