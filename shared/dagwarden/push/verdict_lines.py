"""A verdict in words, line by line, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.policy.verdict import Outcome, Verdict, count, say_outcome
from dagwarden.push.rules import show

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_GREEN, _RED = "32", "31"


def verdict_lines(verdict: Verdict, *, is_coloured: bool) -> Iterator[str]:
    """What the gate decided, its findings first, its decision last."""
    yield from finding_lines(verdict.findings, is_coloured=is_coloured)
    if verdict.switched_off:
        yield f"not told: {count(verdict.switched_off, 'finding')} of rules that the policy switches off"
    yield _paint(say_outcome(verdict), _RED if verdict.outcome is Outcome.DENIED else _GREEN, is_coloured)
    if verdict.release is not None:
        yield f"see it arrive: dagwarden wait {verdict.release} -e {verdict.environment}"


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
