"""Findings for people: place, message, the line of source, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.located import Located
from dagwarden.lint.report import Report, summarise

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
MAX_SHOWN_CHARS = 160
MANY_FINDINGS = 20
"""From so many on, people see which rules they come from."""


class Line(NamedTuple):
    """One line, and how it looks on a terminal."""

    text: str
    style: str = ""


def render_lines(report: Report) -> Iterator[Line]:
    """The whole report, the numbers last."""
    for located in report.findings:
        finding = located.finding
        yield Line(
            f"{place(finding)}: {finding.severity}: {finding.message} [{name(finding)}]", STYLES[finding.severity]
        )
        if located.source:
            yield from _render_source(located)
        if finding.hint:
            yield Line(f"      = {finding.hint}")
    for entry in report.gone:
        yield Line(
            f"{entry.path}: note: nothing matches `{entry.rule}` in the baseline any more", STYLES[Severity.INFO]
        )
    yield from _render_rules(report)
    style = "bold red" if report.errors else "yellow" if report.warnings else "green"
    yield Line(summarise(report), style)


def render_human(report: Report) -> str:
    """The same as plain text."""
    return "".join(f"{line.text}\n" for line in render_lines(report))


def place(finding: Finding) -> str:
    """`dags/a.py:3:5`; parts that are not known are left out."""
    return ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part)


def name(finding: Finding) -> str:
    """`variable-get-at-import DW104`."""
    return f"{finding.rule} {finding.code}".strip()


def _render_rules(report: Report) -> Iterator[Line]:
    """How many findings each rule has, the most frequent first."""
    if len(report.findings) < MANY_FINDINGS:
        return
    yield Line("")
    for rule, count in Counter(located.finding.rule for located in report.findings).most_common():
        yield Line(f"{count:6}  {rule}")
    yield Line("        (`dagwarden rules RULE` tells what one means)")


def _render_source(located: Located) -> Iterator[Line]:
    indent = len(located.source) - len(located.source.lstrip())
    shown = located.source.lstrip()[:MAX_SHOWN_CHARS]
    yield Line(f"{located.finding.line:5} | {shown}")
    if indent < located.finding.column <= indent + len(shown):
        yield Line(f"      | {' ' * (located.finding.column - 1 - indent)}^")
