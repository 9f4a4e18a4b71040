"""One diagnostic, as lint, validation, policy and unpacking all report it."""

from __future__ import annotations

import enum

import msgspec


class Severity(enum.StrEnum):
    """What a finding does to the verdict: an error denies, a warning is shown, info is noted."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One diagnostic.

    Lines and columns count from 1; 0 means the whole file (and path "" the whole push). `message` never holds a secret.
    """

    rule: str
    """Kebab-case id that names the bad pattern, e.g. `variable-get-at-import`."""
    code: str = ""
    """Stable code beside it, e.g. DW104."""
    severity: Severity
    path: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 0
    message: str
    hint: str = ""
    clause: str = ""
    """Where the policy says so, e.g. `policy.yaml:14`."""
    allows: Finding | None = None
    """Of a note that a comment in the code allows something: the finding as it would have been."""
    reason: str = ""
    """The reason that comment gives."""
    waived: str = ""
    """Where the policy waives it, e.g. `policy.yaml:40`: then it is only noted, and counted as waived."""


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """In the order a reader wants them: by file, line, column, then rule."""
    return sorted(findings, key=lambda finding: (finding.path, finding.line, finding.column, finding.rule))
