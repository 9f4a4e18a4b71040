"""The page of a rule on IAM."""

from __future__ import annotations

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page


def iam_page(code: str, rule: str, severity: Severity, *texts: str, sources: tuple[str, ...] = ()) -> Page:
    """A page of category `iam`.

    Args:
        texts: what the rule finds, why that is bad, and what to do.
    """
    what, why, hint = texts
    return Page(rule=rule, code=code, category="iam", severity=severity, what=what, why=why, hint=hint, sources=sources)
