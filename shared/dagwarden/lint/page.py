"""What is told of a rule: its id, its code, how it is rated, and the text of its page."""

from __future__ import annotations

import msgspec

from dagwarden.lint.finding import Finding, Severity

MAX_MATCHES = 500
"""Of one rule in one file; who has mended these sees the next. Asking ast-grep for a place takes as long as its line is
long, so a megabyte on one line with a match in every word would take minutes."""


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, as the catalogue shows it."""

    rule: str
    """Kebab-case id that names the bad pattern."""
    code: str
    """Stable code, DW and three digits; the first says the kind: 0 the file itself, 1 work at import, 2 scheduling,
    3 correctness, 4 secrets and security, 5 identities, 6 migration, 7 policy, 8 the push, 9 style. What ruff finds has
    ruff's own, e.g. AIR301."""
    category: str
    severity: Severity
    since: str = "0.1"
    what: str
    why: str
    hint: str = ""
    """What to do, in one imperative sentence."""
    example: str = ""
    instead: str = ""
    limits: str = ""
    sources: tuple[str, ...] = ()
    opt_in: bool = False
    """Whether it is silent unless asked for by name: sound advice that most files do not follow."""
    airflow: tuple[int, int] = (0, 0)
    """The Airflow it is about; in an older environment it only notes what an upgrade will break."""
    fixed: str = ""
    """Why no policy may turn the rule below enforce; empty: it may."""


def find(
    page: Page, message: str, *, path: str = "", line: int = 0, end_line: int = 0, column: int = 0, clause: str = ""
) -> Finding:
    """A finding of the rule of `page`, rated as the page says.

    Args:
        line: counted from 1; 0 is the whole file.
    """
    return Finding(
        rule=page.rule,
        code=page.code,
        severity=page.severity,
        path=path,
        line=line,
        end_line=end_line or line,
        column=column,
        message=message,
        hint=page.hint,
        clause=clause,
    )


def rate(finding: Finding, page: Page, airflow: tuple[int, int]) -> Finding:
    """The finding as it counts in an environment of this Airflow, major and minor."""
    if airflow < page.airflow:
        return msgspec.structs.replace(finding, severity=Severity.INFO)
    return finding


def index_pages(*tables: tuple[Page, ...]) -> dict[str, Page]:
    """Pages by rule id, in the order of their codes."""
    pages = sorted((page for table in tables for page in table), key=lambda page: page.code)
    return {page.rule: page for page in pages}
