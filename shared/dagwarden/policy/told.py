"""One thing said of many paths: told for some of them, counted for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dagwarden.lint.finding import Finding
from dagwarden.lint.page import Page, find

MAX_PATHS_TOLD = 50
"""Refused paths each get a finding up to this many; one more says how many there are beyond."""


def find_in_paths(page: Page, message: str, paths: Sequence[str], *, clause: str) -> Iterator[Finding]:
    """A finding of the rule of `page` for each path, up to MAX_PATHS_TOLD, and one for all beyond."""
    for path in paths[:MAX_PATHS_TOLD]:
        yield find(page, message, path=path, clause=clause)
    if (more := len(paths) - MAX_PATHS_TOLD) > 0:
        yield find(page, f"{message} ({more} more paths)", clause=clause)
