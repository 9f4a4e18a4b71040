"""Globs of policies: one kind for paths and refs, one for names."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

_PATH_PARTS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_NAME_PARTS = {"*": ".*", "?": "."}


def match_path(path: str, globs: Iterable[str]) -> bool:
    """Whether a path, or a ref, is covered: `*` and `?` stop at `/`, `**` does not; letters count as they are.

    >>> match_path("dags/team/a.py", ["dags/*"]), match_path("dags/team/a.py", ["dags/**"])
    (False, True)
    """
    return any(_compile_path(glob).fullmatch(path) for glob in globs)


def match_name(name: str, globs: Iterable[str]) -> bool:
    """Whether an e-mail or a source is covered: `*` stands for any text.

    >>> match_name("ci@acme.iam.gserviceaccount.com", ["*@acme.iam.gserviceaccount.com"])
    True
    """
    return any(_compile_name(glob).fullmatch(name) for glob in globs)


def explain_glob(glob: str) -> str:
    """Why a path glob can cover nothing or is no glob of ours; empty when it is fine.

    >>> explain_glob("/dags/a.py")
    'starts with `/`; paths are written from the top, `dags/…`'
    """
    for found, reason in (
        (glob.startswith("/"), "starts with `/`; paths are written from the top, `dags/…`"),
        (glob.startswith("!"), "`!` does not exclude here; list what is covered"),
        ("[" in glob or "{" in glob, "`[…]` and `{…}` are no globs here; use `*`, `?` and `**`"),
        ("//" in glob or "\\" in glob, "parts are separated by a single `/`"),
        (".." in glob.split("/"), "`..` covers nothing"),
        (re.search(r"[^/]\*\*|\*\*[^/]", glob) is not None, "`**` stands alone between `/`"),
    ):
        if found:
            return reason
    return ""


@functools.lru_cache(maxsize=1024)
def _compile_path(glob: str) -> re.Pattern[str]:
    return _translate(glob, _PATH_PARTS, r"\*\*/|\*\*|\*|\?")


@functools.lru_cache(maxsize=1024)
def _compile_name(glob: str) -> re.Pattern[str]:
    return _translate(glob, _NAME_PARTS, r"\*|\?")


def _translate(glob: str, parts: dict[str, str], splitter: str) -> re.Pattern[str]:
    pieces = re.split(f"({splitter})", glob)
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)
