"""Findings as SARIF 2.1.0, which code scanning services keep and compare from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.located import Located
from dagwarden.lint.page import Page
from dagwarden.lint.report import Report, summarise

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
"""What relative paths start from: the folder the linter ran in."""
FINGERPRINT = "dagwarden/v1"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_SECURITY = {
    "secrets": {Severity.ERROR: "9.0", Severity.WARNING: "7.0", Severity.INFO: "3.0"},
    "security": {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"},
    "identity": {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"},
}
"""GitHub takes over 9.0 for critical, from 7.0 for high, from 4.0 for medium.

Source: docs.github.com, SARIF support for code scanning, `security-severity`."""


def render_sarif(report: Report, pages: Mapping[str, Page], *, version: str) -> str:
    """One run. Whatever is let through is in it, with who let it: a comment in the code, or the baseline.

    Args:
        pages: of every rule that could have spoken, by id.
        version: Dagwarden's.
    """
    indexes = {rule: index for index, rule in enumerate(pages)}
    results = [_make_result(located, indexes, report) for located in report.findings]
    results += [_make_result(located, indexes, report, is_known=True) for located in report.known]
    run = {
        "tool": {
            "driver": {
                "name": "dagwarden",
                "semanticVersion": version,
                "rules": [_make_rule(page) for page in pages.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder dagwarden lint ran in."}}},
        "invocations": [_make_invocation(report)],
        "results": results,
        "properties": {
            "suppressed": report.suppressed,
            "suppressedRules": report.suppressed_rules,
            "baselined": len(report.known),
            "gone": len(report.gone),
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


def _make_invocation(report: Report) -> dict[str, Any]:
    told = [summarise(report)]
    told += [f"{entry.path}: nothing matches `{entry.rule}` in the baseline any more" for entry in report.gone]
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [{"level": "note", "message": {"text": text}} for text in told],
    }


def _make_rule(page: Page) -> dict[str, Any]:
    severity = _SECURITY.get(page.category, {}).get(page.severity)
    rule = {
        "id": page.rule,
        "name": "".join(word.capitalize() for word in page.rule.split("-")),
        "shortDescription": {"text": " ".join(page.what.split())},
        "fullDescription": {"text": " ".join(page.why.split())},
        "help": {"text": page.hint or " ".join(page.what.split()), "markdown": _render_help(page)},
        "defaultConfiguration": {"level": _LEVELS[page.severity]},
        "properties": {
            "tags": sorted({page.category, page.code, *(["security"] if severity else [])}),
            "precision": "high",
            "problem.severity": _PROBLEMS[page.severity],
            **({"security-severity": severity} if severity else {}),
        },
    }
    if page.sources:
        rule["helpUri"] = page.sources[0]
    return rule


def _render_help(page: Page) -> str:
    parts = [("", page.what), ("Why is this bad", page.why), ("What to do", page.hint), ("Known limits", page.limits)]
    parts += [(title, f"```python\n{code.rstrip()}\n```") for title, code in _examples(page)]
    return "\n\n".join(f"**{title}**\n\n{text.strip()}" if title else text.strip() for title, text in parts if text)


def _examples(page: Page) -> Sequence[tuple[str, str]]:
    return [(title, code) for title, code in (("Example", page.example), ("Use instead", page.instead)) if code]


def _make_result(
    located: Located, indexes: Mapping[str, int], report: Report, *, is_known: bool = False
) -> dict[str, Any]:
    note = located.finding
    finding = note.allows or note
    message = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [{"physicalLocation": _make_location(located)}],
        "partialFingerprints": {FINGERPRINT: located.fingerprint},
    }
    if finding.rule in indexes:
        result["ruleIndex"] = indexes[finding.rule]
    if located.line_hash:
        result["partialFingerprints"]["primaryLocationLineHash"] = located.line_hash
    if report.has_baseline:
        result["baselineState"] = "unchanged" if is_known else "new"
    # An empty list says that nothing lets it through, where a missing one would say that nobody looked.
    result["suppressions"] = [_make_suppression(note)] if is_known or note.allows else []
    return result


def _make_suppression(note: Finding) -> dict[str, str]:
    if note.allows is not None:
        return {"kind": "inSource", "status": "accepted", "justification": note.reason}
    return {"kind": "external", "status": "accepted", "justification": "in the baseline"}


def _make_location(located: Located) -> dict[str, Any]:
    finding = located.finding
    artifact = {"uri": quote(finding.path)}
    if not finding.path.startswith("/"):
        artifact["uriBaseId"] = ROOT
    region: dict[str, Any] = {"startLine": max(finding.line, 1)}
    if finding.line and finding.column:
        region["startColumn"] = finding.column
    if finding.end_line > finding.line > 0:
        region["endLine"] = finding.end_line
    if located.source:
        region["snippet"] = {"text": located.source}
    return {"artifactLocation": artifact, "region": region}
