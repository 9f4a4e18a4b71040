"""Findings as workflow commands, which GitHub Actions shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.outputs.human import name
from dagwarden.lint.report import Report, summarise

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render_github(report: Report) -> str:
    """One command a finding, and a notice with the numbers. What the code allows is in the numbers only.

    Source: docs.github.com, workflow commands; github.com/actions/toolkit, packages/core/src/command.ts (escaping).
    """
    return "".join(f"{line}\n" for line in _render(report))


def _render(report: Report) -> Iterator[str]:
    for located in report.findings:
        if located.finding.allows is None:
            yield _render_finding(located.finding)
    yield f"::notice title=dagwarden lint::{escape_message(summarise(report))}"


def _render_finding(finding: Finding) -> str:
    properties = {
        "file": finding.path,
        "line": finding.line,
        "endLine": finding.end_line,
        "col": finding.column if finding.line == finding.end_line else 0,
        "title": name(finding),
    }
    told = ",".join(f"{key}={escape_property(str(value))}" for key, value in properties.items() if value)
    message = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    return f"::{_COMMANDS[finding.severity]} {told}::{escape_message(message)}"


def escape_message(text: str) -> str:
    """Text that stays one message: nothing in it ends the command or begins another."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Text that stays one property."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")
