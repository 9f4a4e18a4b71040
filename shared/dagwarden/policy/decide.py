"""The decision: facts of a push and a policy in, a verdict with all its reasons out. Same in, same out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.names import Digest
from dagwarden.policy.approvals import check_approvals, list_approvers, list_waits
from dagwarden.policy.break_glass import check_break_glass
from dagwarden.policy.conditions.check import check_conditions
from dagwarden.policy.enforcement import MILDNESS, lift, rate_finding, waive
from dagwarden.policy.facts import PushFacts, digest_facts
from dagwarden.policy.identities import check_identities
from dagwarden.policy.limits import check_limits
from dagwarden.policy.model import Policy
from dagwarden.policy.pages import APPROVAL_EXPIRED, APPROVAL_MISSING
from dagwarden.policy.pushers import check_pushers
from dagwarden.policy.verdict import Outcome, Wait
from dagwarden.policy.windows import check_windows

CHECKS: tuple[Callable[[Policy, PushFacts], Iterable[Finding]], ...] = (
    check_pushers,
    check_limits,
    check_identities,
    check_conditions,
    check_windows,
    check_break_glass,
)
"""All that policy itself holds a push to; each names the clause that says so."""


_OF_TIME = {APPROVAL_MISSING.rule, APPROVAL_EXPIRED.rule}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says to a push."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    """Sorted; each with the severity the policy gives it."""
    switched_off: int = 0
    """Findings the policy drops: counted, not told."""
    approved_by: tuple[str, ...] = ()
    """Whose approvals counted."""
    waits: tuple[Wait, ...] = ()
    """What it waits for, or has waited for in vain, where nothing else is against it."""
    facts_digest: Digest
    """Of all that it rests on, so that it can be shown later on what it rested."""


def decide(policy: Policy, facts: PushFacts) -> Decision:
    """Decide by a policy, with every reason at once.

    All findings are rated by the policy's levels, then waived where a waiver is in force; what is told then may ask for
    approvals; an emergency lifts what it may. Denied when an error is left; held when only approvals are missing.

    Each refusal by the policy itself is a finding whose `clause` names the line that says so.
    """
    own = [finding for check in CHECKS for finding in check(policy, facts)]
    found = [*_drop_told(facts.findings, own), *own]
    told = [rated for finding in found if (rated := _weigh(policy, finding, facts)) is not None]
    missing, approvers = list(check_approvals(policy, facts, told)), list_approvers(policy, facts, told)
    waits = list_waits(policy, facts, told)
    told += [rated for finding in missing if (rated := _weigh(policy, finding, facts)) is not None]
    if facts.break_glass:
        told = [lift(policy, finding) for finding in told]
    errors = {finding.rule for finding in told if finding.severity is Severity.ERROR}
    return Decision(
        outcome=_find_outcome(errors),
        findings=tuple(sort_findings(told)),
        switched_off=len(found) + len(missing) - len(told),
        approved_by=approvers,
        waits=waits if errors <= _OF_TIME else (),
        facts_digest=digest_facts(facts),
    )


def _drop_told(found: Iterable[Finding], own: Iterable[Finding]) -> Iterator[Finding]:
    """What was found besides, without what policy itself says of the same line by the same rule, as gravely or more."""
    told: dict[tuple[str, str, int], int] = {}
    for finding in own:
        place = finding.rule, finding.path, finding.line
        told[place] = min(MILDNESS[finding.severity], told.get(place, len(MILDNESS)))
    for finding in found:
        place = finding.rule, finding.path, finding.line
        if finding.allows is not None or told.get(place, len(MILDNESS)) > MILDNESS[finding.severity]:
            yield finding


def _weigh(policy: Policy, finding: Finding, facts: PushFacts) -> Finding | None:
    """The finding as it is rated and waived; None where its rule is switched off."""
    rated = rate_finding(policy, finding)
    return None if rated is None else waive(policy, rated, facts.now)


def _find_outcome(errors: Set[str]) -> Outcome:
    if not errors:
        return Outcome.ALLOWED
    return Outcome.HELD if errors == {APPROVAL_MISSING.rule} else Outcome.DENIED
