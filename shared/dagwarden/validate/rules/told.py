"""The ids of all rules that importing a file can tell, and those of them that no comment in the code may allow."""

from __future__ import annotations

from dagwarden.validate.import_rules import IMPORT_RULES
from dagwarden.validate.rules.failures import RULES_OF_EXCEPTIONS, UNKNOWN_TRIGGER_RULE
from dagwarden.validate.rules.identities import OBJECT_LIES, TASKS_UNREADABLE
from dagwarden.validate.rules.table import MODEL_PAGES, OPERATOR_PATCHED, SHARED_RULES

LAST_FAILURE = "DW365"
"""Codes of IMPORT_RULES up to this one say that a file could not be imported and seen to the end."""

TOLD_BY_IMPORTS: frozenset[str] = frozenset(
    {rule.id for rule in IMPORT_RULES}
    | {page.rule for page in (*MODEL_PAGES, *RULES_OF_EXCEPTIONS.values(), UNKNOWN_TRIGGER_RULE)}
    | SHARED_RULES
)
"""Whether a comment that allows one of these is met, text alone does not show."""

NEVER_ALLOWED: frozenset[str] = frozenset(
    {rule.id for rule in IMPORT_RULES if rule.fixed or rule.code <= LAST_FAILURE}
    | {page.rule for page in MODEL_PAGES if page.fixed}
    | {OBJECT_LIES.rule, OPERATOR_PATCHED.rule, TASKS_UNREADABLE.rule}
)
"""What is then not known cannot be allowed by those who wrote it: nobody could say what it is that they allow."""
