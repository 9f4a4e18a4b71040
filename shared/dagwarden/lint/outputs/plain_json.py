"""Findings as JSON, for programs of one's own."""

from __future__ import annotations

from typing import Any

import msgspec

from dagwarden.lint.located import Located
from dagwarden.lint.report import Report


def render_json(report: Report) -> str:
    """One document: the numbers, the findings with source and fingerprint, what the baseline lets through."""
    value = {
        "files": len(report.paths),
        "dag_files": report.dag_files,
        "errors": report.errors,
        "warnings": report.warnings,
        "infos": report.infos,
        "suppressed": report.suppressed,
        "suppressed_rules": report.suppressed_rules,
        "baselined": len(report.known),
        "findings": [_to_row(located) for located in report.findings],
        "gone": report.gone,
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _to_row(located: Located) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(located.finding)
    return {**row, "source": located.source, "fingerprint": located.fingerprint}
