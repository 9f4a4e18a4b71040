"""What a rule on the DAG model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page
from dagwarden.validate.model import DagModel, TaskModel

MAX_NAMED = 5


class Told(msgspec.Struct, frozen=True):
    """One thing a rule has to say."""

    message: str
    line: int = 0
    severity: Severity | None = None
    """Where it is not the rule's own: the imported DAG can be surer than its text."""


class DagRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is decided by one DAG alone."""

    page: Page
    check: Callable[[DagModel], Iterator[Told]]
    is_shared: bool = False
    """Whether lint has the rule too, for what the text shows; its page is the one that is read."""


def make_page(  # noqa: PLR0917 (the columns of a table)
    code: str, rule: str, category: str, severity: Severity, what: str, why: str, hint: str, *, opt_in: bool = False
) -> Page:
    """The page of a rule that only the imported DAG can decide."""
    return Page(
        rule=rule, code=code, category=category, severity=severity, what=what, why=why, hint=hint, opt_in=opt_in,
        limits="Decided on the imported DAG: `dagwarden validate` and the gate tell it, `dagwarden lint` does not.",
    )  # fmt: skip


def share_page(code: str, rule: str, severity: Severity, hint: str, *, opt_in: bool = False) -> Page:
    """Stands for the page that lint has under this id; code and severity are the same."""
    text = "See lint's page."
    return Page(
        rule=rule, code=code, category="", severity=severity, what=text, why=text, hint=hint, opt_in=opt_in
    )  # fmt: skip


def name_some(names: Sequence[str]) -> str:
    """A few names, and how many more.

    >>> name_some(["a", "b"]), name_some(list("abcdefg"))
    ('`a`, `b`', '`a`, `b`, `c`, `d`, `e` and 2 more')
    """
    told = ", ".join(f"`{name}`" for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return f"{told} and {more} more" if more > 0 else told


def name_tasks(tasks: Iterable[TaskModel]) -> str:
    """A few tasks by id, and how many more."""
    return name_some([task.task_id for task in tasks])
