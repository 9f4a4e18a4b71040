"""The rules that policy itself holds a push to: one page each."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from dagwarden.iam.rules import IAM_PAGES
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.page import Page
from dagwarden.policy.identity_pages import IDENTITY_PAGES
from dagwarden.policy.pages import PUSH_PAGES, policy_page
from dagwarden.push.rules import PUSH_RULES, PushRule
from dagwarden.validate.import_rules import IMPORT_RULES, ImportRule
from dagwarden.validate.rules.table import MODEL_PAGES

POLICY_RULES: tuple[Page, ...] = (
    *PUSH_PAGES,
    *IDENTITY_PAGES,
)
LENIENT_PUSH_RULES = frozenset({"file-of-another-source", "file-submodule", "file-lfs-pointer"})
"""What may be wrong with a push and yet be let through by a policy; all else means it cannot be trusted or read."""

_PUSH_IS_BROKEN = "such a push cannot be read or trusted, so no policy lets it through"


@functools.cache
def list_pages() -> tuple[Page, ...]:
    """The page of every rule there is, in the order of their codes."""
    imports = map(_page_of_import_rule, IMPORT_RULES)
    others = (*imports, *MODEL_PAGES, *POLICY_RULES, *IAM_PAGES, *map(_page_of_push_rule, PUSH_RULES))
    return tuple(sorted((*load_catalogue().pages.values(), *others), key=lambda page: page.code))


@functools.cache
def index_rules() -> Mapping[str, str]:
    """The id of every rule there is, and why no policy may turn it below enforce; empty: it may."""
    return {page.rule: page.fixed for page in list_pages()}


@functools.cache
def index_categories() -> Mapping[str, str]:
    """The category of every rule there is."""
    return {page.rule: page.category for page in list_pages()}


def _page_of_import_rule(rule: ImportRule) -> Page:
    return Page(
        rule=rule.id,
        code=rule.code,
        category="import",
        severity=rule.severity,
        what=f"{rule.message[0].upper()}{rule.message[1:]}.",
        why="Airflow imports each file again and again, with the environment's identity: see `dagwarden validate`.",
        hint=f"{rule.hint[0].upper()}{rule.hint[1:]}.",
        fixed=rule.fixed,
    )


def _page_of_push_rule(rule: PushRule) -> Page:
    what = f"{rule.message[0].upper()}{rule.message[1:]}."
    why = "A push is the work of a stranger: it must be whole, plain and where it says it is before it is read."
    fixed = "" if rule.id in LENIENT_PUSH_RULES else _PUSH_IS_BROKEN
    return policy_page(rule.id, rule.code, what, why, rule.hint, fixed=fixed, category="push")
