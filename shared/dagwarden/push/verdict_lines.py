"""A verdict in words, line by line, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.policy.verdict import Outcome, Verdict, count, count_findings, say_outcome
from dagwarden.push.rules import show

ENOUGH = 20
"""Findings that a push's own output has room for, unless they are errors."""
MAX_TOLD = 200
"""Of errors."""

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_OUTCOMES = {Outcome.ALLOWED: "32", Outcome.DENIED: "31", Outcome.HELD: "33"}


def verdict_lines(verdict: Verdict, *, is_coloured: bool, tells_all: bool = False) -> Iterator[str]:
    """What the gate decided, its findings first, its decision last.

    Args:
        tells_all: every finding is told; else the errors, and what is milder as long as there is little of it.
    """
    told = list(verdict.findings) if tells_all else choose_told(verdict.findings)
    yield from finding_lines(told, is_coloured=is_coloured)
    if len(told) < len(verdict.findings):
        left = [finding for finding in verdict.findings if finding not in told]
        yield f"not told here: {count_findings(left)}; `dagwarden check` shows them"
    if verdict.switched_off:
        yield f"not told: {count(verdict.switched_off, 'finding')} of rules that the policy switches off"
    yield _paint(say_outcome(verdict), _OUTCOMES[verdict.outcome], is_coloured)
    if verdict.release is not None:
        yield f"see it arrive: dagwarden wait {verdict.release} -e {verdict.environment}"


def choose_told(findings: Sequence[Finding]) -> list[Finding]:
    """What is told of many findings: the errors, and what is milder as long as there is little of it."""
    told: list[Finding] = []
    for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO):
        found = [finding for finding in findings if finding.severity is severity]
        if severity is not Severity.ERROR and len(told) + len(found) > ENOUGH:
            break
        told += found[:MAX_TOLD]
    return told


def finding_lines(findings: Iterable[Finding], *, is_coloured: bool) -> Iterator[str]:
    """Each finding as `PATH:LINE: severity [rule CODE] message`, its hint below."""
    for finding in sort_findings(list(findings)):
        where = show(finding.path) + (f":{finding.line}" if finding.line else "")
        kind = _paint(finding.severity.value, _COLOURS[finding.severity], is_coloured)
        rule = f"{finding.rule} {finding.code}".strip()
        clause = f" ({show(finding.clause)})" if finding.clause else ""
        yield f"{where}: {kind} [{rule}] {_plain(finding.message)}{clause}".removeprefix(": ")
        if finding.hint:
            yield f"  hint: {_plain(finding.hint)}"


def _plain(text: str) -> str:
    """One line, nothing in it that steers a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _paint(text: str, colour: str, is_coloured: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if is_coloured else text
