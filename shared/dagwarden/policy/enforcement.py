"""How much each finding counts: rated by the policy's levels, waived, or lifted in an emergency."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.policy.break_glass import KINDS
from dagwarden.policy.globs import match_path
from dagwarden.policy.levels import Override
from dagwarden.policy.rules import index_categories, index_rules
from dagwarden.policy.section import Level
from dagwarden.policy.waivers import is_in_force

if TYPE_CHECKING:
    from dagwarden.policy.model import Policy


class _Said(msgspec.Struct, frozen=True):
    """What the policy says of one rule in one file."""

    level: Level
    is_exact: bool
    clause: str


_SEVERITIES = {Level.ENFORCE: Severity.ERROR, Level.WARN: Severity.WARNING, Level.AUDIT: Severity.INFO}
MILDNESS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


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
    said = _find_level(policy, finding.rule, finding.path)
    if said.level is Level.OFF:
        return None
    severity = _SEVERITIES[said.level]
    if not said.is_exact:
        severity = max(severity, finding.severity, key=MILDNESS.__getitem__)
        if severity is finding.severity:
            return finding
    return msgspec.structs.replace(finding, severity=severity, clause=_join_clauses(finding.clause, said.clause))


def _join_clauses(of_check: str, of_level: str) -> str:
    """A finding by policy itself keeps the clause it comes from, beside the one that rates it."""
    return f"{of_check}, {of_level}" if of_check else of_level


def _find_level(policy: Policy, rule: str, path: str) -> _Said:
    enforcement = policy.enforcement
    for index, override in enumerate(enforcement.overrides):
        at = ("enforcement", "overrides", index)
        if not path or not match_path(path, _cover(policy, override)):
            continue
        if exact := override.rules.get(rule):
            return _Said(exact, True, policy.clause(*at, "rules", rule))
        if override.default is not None:
            return _Said(override.default, False, policy.clause(*at, "default"))
    if exact := enforcement.rules.get(rule):
        return _Said(exact, True, policy.clause("enforcement", "rules", rule))
    return _Said(enforcement.default, False, policy.clause("enforcement", "default"))


def _cover(policy: Policy, override: Override) -> tuple[str, ...]:
    if not override.team:
        return override.paths
    return tuple(path for team in policy.teams if team.name == override.team for path in team.paths)


def waive(policy: Policy, finding: Finding, now: dt.datetime) -> Finding:
    """The finding, noted only where a waiver in force covers it; told where one has run out.

    A finding of the whole push is of no file, so no waiver covers it.
    """
    if not finding.path or index_rules().get(finding.rule):
        return finding
    expired = ""
    for index, waiver in enumerate(policy.waivers):
        if waiver.rule == finding.rule and match_path(finding.path, waiver.paths):
            clause = policy.clause("waivers", index)
            if is_in_force(waiver, now):
                return msgspec.structs.replace(finding, severity=Severity.INFO, waived=clause)
            expired = expired or f" (the waiver of {clause} ran out on {waiver.expires_on})"
    return msgspec.structs.replace(finding, message=finding.message + expired) if expired else finding


def lift(policy: Policy, finding: Finding) -> Finding:
    """The finding of an emergency that may be: a warning, where the policy lets it be lifted."""
    kind = KINDS.get(index_categories().get(finding.rule, ""))
    if finding.severity is not Severity.ERROR or kind not in policy.break_glass.lifts:
        return finding
    message = f"{finding.message} (lifted: emergency)"
    return msgspec.structs.replace(finding, severity=Severity.WARNING, message=message)
