"""The rules that policy itself holds a push to: one page each."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page
from dagwarden.policy.identity_pages import IDENTITY_PAGES
from dagwarden.push.rules import PUSH_RULES, PushRule
from dagwarden.validate.import_rules import IMPORT_RULES, ImportRule
from dagwarden.validate.rules.table import MODEL_PAGES

_GRANTS = "who may push is said under `pushers`: grant it there"


def _page(rule: str, code: str, what: str, why: str, hint: str, *, fixed: str = "", category: str = "pusher") -> Page:
    return Page(
        rule=rule, code=code, category=category, severity=Severity.ERROR, what=what, why=why, hint=hint, fixed=fixed
    )


PUSHER_UNKNOWN = _page(
    "pusher-unknown",
    "DW701",
    "No entry under `pushers` names the principal.",
    "What no entry covers is refused.",
    "Push as a principal that the policy names, or ask its owners to add this one under `pushers`.",
    fixed=_GRANTS,
)
UNATTESTED_PUSH = _page(
    "unattested-push",
    "DW702",
    "The push is signed by nobody.",
    "Without a signature anybody who can write the inbox could push as anybody.",
    "Push with `git push` or `dagwarden push`: they sign as your service account.",
    fixed=_GRANTS,
)
SOURCE_NOT_ALLOWED = _page(
    "source-not-allowed",
    "DW703",
    "The principal is known, but not from this source.",
    "An entry's `sources` say from which repositories its principals push.",
    "Push from a source the entry lists, or ask the policy's owners to add this one.",
    fixed=_GRANTS,
)
REF_NOT_ALLOWED = _page(
    "ref-not-allowed",
    "DW704",
    "The principal and source are known, but not with this ref.",
    "An entry's `refs` say which branches and tags may become releases.",
    "Merge into a ref the entry lists and push that.",
    fixed=_GRANTS,
)
PATH_NOT_ALLOWED = _page(
    "path-not-allowed",
    "DW705",
    "A changed file is covered by no entry of the principal.",
    "Teams share an environment: each may change its own paths only.",
    "Leave the file out, or ask the policy's owners to add its path to an entry of yours.",
    fixed=_GRANTS,
)
PUSH_NOT_ALLOWED = _page(
    "push-not-allowed",
    "DW706",
    "The principal's entries grant other things than `push`.",
    "An entry's `may` says what its principals do; some only roll back.",
    "Ask the policy's owners to add `push` to `may`.",
    fixed=_GRANTS,
)
FORCE_NOT_ALLOWED = _page(
    "force-not-allowed",
    "DW707",
    "A forced push by someone who may not force.",
    "Force overwrites what others released since.",
    "Push without --force: fetch, rebase on what is released, push again.",
    fixed=_GRANTS,
)
ROLLBACK_NOT_ALLOWED = _page(
    "rollback-not-allowed",
    "DW708",
    "A rollback by someone who may not roll back, or not these paths.",
    "A rollback undoes what every source released since.",
    "Ask someone whose entry has `rollback` in `may`, or push a revert.",
    fixed=_GRANTS,
)
RAW_DROP_NOT_ALLOWED = _page(
    "raw-drop-not-allowed",
    "DW709",
    "A file was dropped into the inbox, and the policy does not take such drops, or not there.",
    "Nobody signed it: whoever can write the inbox could have put it there.",
    "Push with `git push` or `dagwarden push`, or allow it under `raw_drops`.",
    fixed="which drops are taken is said under `raw_drops`",
)
RAW_DROP_DELETE_NOT_ALLOWED = _page(
    "raw-drop-delete-not-allowed",
    "DW710",
    "A dropped object was deleted, and the policy does not take the file away for that.",
    "Emptying the inbox must not empty the environment.",
    "Delete the file with a push, or set `raw_drops.deletes`.",
    fixed="which drops are taken is said under `raw_drops`",
)
TOO_MANY_DELETES = _page(
    "too-many-deletes",
    "DW720",
    "The push deletes more of what its source released than the limit.",
    "An empty checkout must not empty the environment.",
    "Check that the right folder and ref were pushed; if so, delete in steps or raise `limits.max_deletes_percent`.",
    fixed="how much may go at once is said by `limits.max_deletes_percent`; 100 lets everything go",
    category="limits",
)

POLICY_RULES: tuple[Page, ...] = (
    PUSHER_UNKNOWN,
    UNATTESTED_PUSH,
    SOURCE_NOT_ALLOWED,
    REF_NOT_ALLOWED,
    PATH_NOT_ALLOWED,
    PUSH_NOT_ALLOWED,
    FORCE_NOT_ALLOWED,
    ROLLBACK_NOT_ALLOWED,
    RAW_DROP_NOT_ALLOWED,
    RAW_DROP_DELETE_NOT_ALLOWED,
    TOO_MANY_DELETES,
    *IDENTITY_PAGES,
)
LENIENT_PUSH_RULES = frozenset({"file-of-another-source", "file-submodule", "file-lfs-pointer"})
"""What may be wrong with a push and yet be let through by a policy; all else means it cannot be trusted or read."""

_PUSH_IS_BROKEN = "such a push cannot be read or trusted, so no policy lets it through"


@functools.cache
def list_pages() -> tuple[Page, ...]:
    """The page of every rule there is, in the order of their codes."""
    imports = map(_page_of_import_rule, IMPORT_RULES)
    others = (*imports, *MODEL_PAGES, *POLICY_RULES, *map(_page_of_push_rule, PUSH_RULES))
    return tuple(sorted((*load_catalogue().pages.values(), *others), key=lambda page: page.code))


@functools.cache
def index_rules() -> Mapping[str, str]:
    """The id of every rule there is, and why no policy may turn it below enforce; empty: it may."""
    return {page.rule: page.fixed for page in list_pages()}


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
    return _page(rule.id, rule.code, what, why, rule.hint, fixed=fixed, category="push")
