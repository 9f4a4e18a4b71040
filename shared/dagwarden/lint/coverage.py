"""Which rule decides which entry of the governance catalogue, and which of two rules speaks where both would."""

from __future__ import annotations

from dagwarden.lint.finding import Finding

ECLIPSED: dict[str, tuple[str, ...]] = {
    "airflow3-dag-dynamic-value": ("start-date-moves",),
}
"""Rules that are silent on the lines where one of those named speaks: the other says the same, and better."""


def drop_eclipsed(findings: list[Finding]) -> list[Finding]:
    """The findings of one file without those that another finding says better."""
    lines: dict[str, set[int]] = {}
    for finding in findings:
        lines.setdefault(finding.rule, set()).update(range(finding.line, finding.end_line + 1))
    return [
        finding
        for finding in findings
        if not any(finding.line in lines.get(rule, ()) for rule in ECLIPSED.get(finding.rule, ()))
    ]
