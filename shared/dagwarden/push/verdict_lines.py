"""A verdict in words, line by line, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.rules import show

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_GREEN, _RED = "32", "31"


def verdict_lines(verdict: Verdict, change_count: int, *, is_coloured: bool) -> Iterator[str]:
    """What the gate decided, its findings first, its decision last.

    Args:
        change_count: how many files were put or deleted by the push.
    """
    yield from finding_lines(verdict.findings, is_coloured=is_coloured)
    if verdict.outcome is Outcome.DENIED:
        counted = count_findings(verdict.findings)
        stays = f"release {verdict.head} stays live" if verdict.head else "nothing is released yet"
        yield _paint(f"denied: {counted}; {stays}", _RED, is_coloured)
    elif verdict.release is not None:
        files = "1 file" if change_count == 1 else f"{change_count:,} files"
        yield _paint(f"release {verdict.release} ({files} changed)", _GREEN, is_coloured)
        yield f"see it arrive: dagwarden wait {verdict.release} -e {verdict.environment}"
    elif verdict.dry_run:
        yield _paint(f"dry run: would be allowed on top of release {verdict.head}", _GREEN, is_coloured)
    else:
        yield _paint(f"nothing to release: release {verdict.head} already is this", _GREEN, is_coloured)


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


def count_findings(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning`."""
    severities = [finding.severity for finding in findings]
    counts = [(severities.count(severity), severity.value) for severity in (Severity.ERROR, Severity.WARNING)]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count) or "no findings"


def _plain(text: str) -> str:
    """One line, nothing in it that steers a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _paint(text: str, colour: str, is_coloured: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if is_coloured else text
