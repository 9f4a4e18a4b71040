"""Entries on the IAM around an environment: what is wrong with it, what was looked at, what is put right."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import msgspec

from dagwarden.audit.entry import (
    UNKNOWN,
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
from dagwarden.iam.finding import IamFinding, RemoveMember
from dagwarden.lint.finding import Severity
from dagwarden.names import Digest, EnvironmentName
from dagwarden.policy.verdict import Principal, count_findings

FUNCTION = "iam_guard"
"""Which tells of it."""
_SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "NOTICE"}


def iam_found(
    found: IamFinding, *, environment: EnvironmentName, policy_digest: Digest, deed: str, at: dt.datetime, note: str
) -> AuditEntry:
    """Something is wrong with the IAM around an environment: the binding, who set it, and the smallest fix.

    Args:
        deed: the call or the look that brought it up; the same however often it is told of.
        at: when that was.
        note: what becomes of it, e.g. `proposed`.
    """
    fix = msgspec.to_builtins(found.fix) if found.fix else None
    told = {"fix": fix, "command": shorten(found.command), "note": note, "grant": msgspec.to_builtins(found.grant)}
    setting = msgspec.to_builtins(found.setting) if found.setting else None
    by, since = (found.origin.principal, found.origin.at) if found.origin else ("", None)
    more = {"set_by": by, "set_at": since.isoformat() if since else "", "rule": found.finding.rule, "setting": setting}
    return AuditEntry(
        kind=Kind.IAM_FOUND,
        severity=_SEVERITIES[found.finding.severity],
        who=Principal(name=by) if by else UNKNOWN,
        what=What(action=found.finding.rule, resource=shorten(found.resource)),
        when=When(occurred_at=at),
        where=Where(source=shorten((found.origin and found.origin.caller_ip) or found.resource), function=FUNCTION),
        outcome=AuditOutcome.FOUND,
        why=explain(found.finding.message, (found.finding,), policy_digest),
        environment=environment,
        details={name: value for name, value in {**told, **more}.items() if value},
        insert_id=make_insert_id(
            Kind.IAM_FOUND, environment, deed, found.finding.rule, found.resource, found.finding.message
        ),
    )


def iam_remediated(
    fix: RemoveMember,
    *,
    environment: EnvironmentName,
    policy_digest: Digest,
    rules: Sequence[str],
    deed: str,
    at: dt.datetime,
) -> AuditEntry:
    """A member is about to be taken out of a binding, because the policy says so.

    Args:
        rules: by which it is wrong.
    """
    return AuditEntry(
        kind=Kind.IAM_REMEDIATED,
        severity="NOTICE",
        who=UNKNOWN,
        what=What(action=f"take {shorten(fix.member, 500)} out of {shorten(fix.role, 200)}", resource=fix.resource),
        when=When(occurred_at=at),
        where=Where(source=shorten(fix.resource), function=FUNCTION),
        outcome=AuditOutcome.BEGUN,
        why=explain(f"remediation of {', '.join(rules)}", (), policy_digest),
        environment=environment,
        details={"fix": msgspec.to_builtins(fix)},
        insert_id=make_insert_id(Kind.IAM_REMEDIATED, environment, deed, msgspec.json.encode(fix).decode()),
    )


def iam_checked(
    findings: Sequence[IamFinding],
    *,
    environment: EnvironmentName,
    policy_digest: Digest,
    deed: str,
    at: dt.datetime,
    looked_at: Sequence[str],
) -> AuditEntry:
    """The whole IAM around an environment was looked at, with how much was found.

    Args:
        looked_at: the resources whose policies were read.
    """
    counts = Counter(each.finding.rule for each in findings)
    return AuditEntry(
        kind=Kind.IAM_CHECKED,
        severity="INFO",
        who=UNKNOWN,
        what=What(action="look at IAM", resource=f"{len(looked_at)} policies"),
        when=When(occurred_at=at),
        where=Where(source=environment, function=FUNCTION),
        outcome=AuditOutcome.DONE,
        why=explain(count_findings(each.finding for each in findings), (), policy_digest),
        environment=environment,
        details={"rules": dict(counts), "looked_at": [shorten(name, 300) for name in looked_at[:500]]},
        insert_id=make_insert_id(Kind.IAM_CHECKED, environment, deed),
    )
