"""The decision: facts of a push and a policy in, a verdict with all its reasons out. Same in, same out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.identities import check_identities
from dagwarden.policy.limits import check_limits
from dagwarden.policy.model import Policy
from dagwarden.policy.pushers import check_pushers
from dagwarden.policy.rules import index_rules
from dagwarden.policy.section import Level
from dagwarden.policy.verdict import Outcome

CHECKS: tuple[Callable[[Policy, PushFacts], Iterable[Finding]], ...] = (
    check_pushers,
    check_limits,
    check_identities,
)
"""All that policy itself holds a push to; each names the clause that says so."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says to a push."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    """Sorted; each with the severity the policy gives it."""
    switched_off: int = 0
    """Findings the policy drops: counted, not told."""


def decide(policy: Policy, facts: PushFacts) -> Decision:
    """Decide by a policy: denied when any finding is an error, with every reason at once.

    Each refusal by the policy itself is a finding whose `clause` names the line that says so.
    """
    found = [*facts.findings, *(finding for check in CHECKS for finding in check(policy, facts))]
    levelled = [rate_finding(policy, finding) for finding in found]
    findings = [finding for finding in levelled if finding is not None]
    denied = any(finding.severity is Severity.ERROR for finding in findings)
    return Decision(
        outcome=Outcome.DENIED if denied else Outcome.ALLOWED,
        findings=tuple(sort_findings(findings)),
        switched_off=levelled.count(None),
    )


_SEVERITIES = {Level.ENFORCE: Severity.ERROR, Level.WARN: Severity.WARNING, Level.AUDIT: Severity.INFO}
_MILDNESS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def rate_finding(policy: Policy, finding: Finding) -> Finding | None:
    """The finding as the policy rates it; None where it is switched off.

    What was allowed in the code, and the policy lets nobody allow there, counts as if it had not been.
    """
    allowed, forbidden = finding.allows, policy.enforcement.unsuppressable
    if allowed is None or allowed.rule not in forbidden:
        return _apply_level(policy, finding)
    rated = _apply_level(policy, allowed)
    if rated is None:
        return None
    message = f"{allowed.message} (the policy lets no comment allow it)"
    clause = policy.clause("enforcement", "unsuppressable", forbidden.index(allowed.rule))
    return msgspec.structs.replace(rated, message=message, clause=clause)


def _apply_level(policy: Policy, finding: Finding) -> Finding | None:
    """The finding as the policy rates it; None where it is switched off. A fixed rule stays as it is."""
    if index_rules().get(finding.rule):
        return finding
    exact = policy.enforcement.rules.get(finding.rule)
    level = exact or policy.enforcement.default
    if level is Level.OFF:
        return None
    severity = _SEVERITIES[level]
    if exact is None:
        severity = max(severity, finding.severity, key=_MILDNESS.__getitem__)
    if exact is None and severity is finding.severity:
        return finding
    clause = policy.clause("enforcement", "rules", finding.rule) if exact else policy.clause("enforcement", "default")
    return msgspec.structs.replace(finding, severity=severity, clause=clause)
