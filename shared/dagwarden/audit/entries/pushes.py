"""Entries on pushes: received, decided on."""

from __future__ import annotations

import datetime as dt

from dagwarden.audit.entry import AuditEntry, AuditOutcome, Kind, What, When, Where, explain, make_insert_id, shorten
from dagwarden.events.objects import ObjectEvent
from dagwarden.lint.finding import Severity
from dagwarden.lint.located import count_allowed
from dagwarden.names import EnvironmentName, PushId
from dagwarden.policy.verdict import Outcome, Principal, Verdict, count_findings, say_outcome


def push_received(
    event: ObjectEvent, *, environment: EnvironmentName, push_id: PushId, principal: Principal, source: str
) -> AuditEntry:
    """A push is in the inbox, and is looked at now."""
    return AuditEntry(
        kind=Kind.PUSH_RECEIVED,
        severity="INFO",
        who=principal,
        what=What(action="push", resource=shorten(event.resource)),
        when=When(occurred_at=event.time),
        where=Where(source=shorten(source)),
        outcome=AuditOutcome.BEGUN,
        why=explain("a push is decided on when it is complete in the inbox"),
        environment=environment,
        push_id=push_id,
        details={"size_bytes": event.size_bytes, "event_id": shorten(event.event_id)},
        insert_id=make_insert_id(Kind.PUSH_RECEIVED, environment, push_id, event.resource),
    )


def push_verdict(verdict: Verdict, *, pushed_at: dt.datetime) -> AuditEntry:
    """A push was decided on; what was decided takes effect after this entry.

    A gate that dies after writing it decides again. The same decision shows once, another one beside it.

    Args:
        pushed_at: when the push was complete in the inbox: the time of the entry, the same at every delivery.
    """
    errors = sum(finding.severity is Severity.ERROR for finding in verdict.findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in verdict.findings)
    return AuditEntry(
        kind=Kind.PUSH_VERDICT,
        severity=_rate(verdict),
        who=verdict.principal,
        what=What(action="dry run" if verdict.dry_run else "decide", resource=f"{verdict.environment}@{verdict.head}"),
        when=When(occurred_at=pushed_at),
        where=Where(source=shorten(verdict.source)),
        outcome=AuditOutcome(verdict.outcome),
        why=explain(_summarize(verdict), verdict.findings, verdict.policy_digest),
        environment=verdict.environment,
        push_id=verdict.push_id,
        release=verdict.release,
        details={
            "decided_at": verdict.decided_at,
            "head": verdict.head,
            "head_commit": shorten(verdict.head_commit),
            "errors": errors,
            "warnings": warnings,
            "files_changed": verdict.files_changed,
            "switched_off": verdict.switched_off,
            "suppressed": count_allowed(verdict.findings),
            "waived": sum(bool(finding.waived) for finding in verdict.findings),
            "dry_run": verdict.dry_run,
            **({"break_glass": shorten(verdict.break_glass)} if verdict.break_glass else {}),
            **({"approved_by": verdict.approved_by} if verdict.approved_by else {}),
            **({"facts_digest": verdict.facts_digest} if verdict.facts_digest else {}),
        },
        insert_id=make_insert_id(
            Kind.PUSH_VERDICT,
            verdict.environment,
            verdict.push_id,
            verdict.outcome,
            verdict.head,
            verdict.release,
            verdict.policy_digest,
            verdict.approved_by,
            sorted({finding.rule for finding in verdict.findings}),
        ),
    )


def _rate(verdict: Verdict) -> str:
    """An emergency is to wake somebody, whatever became of it."""
    if verdict.break_glass:
        return "CRITICAL"
    return "WARNING" if verdict.outcome is Outcome.DENIED else "NOTICE"


def _summarize(verdict: Verdict) -> str:
    """What the pusher is told, and the rules behind a denial or what policy lets through."""
    if verdict.outcome is Outcome.DENIED:
        rules = sorted({finding.rule for finding in verdict.findings if finding.severity is Severity.ERROR})
        return f"{say_outcome(verdict)}: {', '.join(rules) or 'refused'}"
    return f"{say_outcome(verdict)}; {count_findings(verdict.findings)}"
