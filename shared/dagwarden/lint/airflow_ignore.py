"""Which files `.airflowignore` hides from the search for DAGs, as Airflow reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal

import msgspec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

NAME = ".airflowignore"
Syntax = Literal["glob", "regexp"]

_COMMENT = re.compile(r"\s*#.*")


class _Rule(msgspec.Struct, frozen=True):
    """One line."""

    pattern: GitIgnoreSpecPattern | re.Pattern[str]
    folder: str | None = None
    """What the path is taken relative to; None where only its last name counts."""
    only_folders: bool = False


class IgnoreFiles:
    """The ignore files of one DAG folder.

    Source: airflow/_shared/module_loading/file_discovery.py of Airflow 3.3, which differs from git: a comment may
    follow a pattern, and a pattern without a slash is held against the last name alone.
    """

    def __init__(self, texts: Mapping[str, str], *, syntax: Syntax = "glob") -> None:
        """Read them.

        Args:
            texts: of each ignore file, by its folder from the DAG folder: "" is that itself, "a/b" lies within it.
            syntax: glob is the default since Airflow 3.0, regexp before.
        """
        self._syntax = syntax
        self._rules = {folder: list(_read(text, folder, syntax)) for folder, text in texts.items()}
        self._hidden: dict[str, bool] = {"": False}

    def hides(self, path: str) -> bool:
        """Whether a file, named from the DAG folder, is hidden: by a line on itself or on a folder it lies in."""
        folder = path.rpartition("/")[0]
        return self._hides_folder(folder) or self._matches(path, folder, is_folder=False)

    def _hides_folder(self, folder: str) -> bool:
        if folder not in self._hidden:
            parent = folder.rpartition("/")[0]
            self._hidden[folder] = self._hides_folder(parent) or self._matches(folder, parent, is_folder=True)
        return self._hidden[folder]

    def _matches(self, path: str, folder: str, *, is_folder: bool) -> bool:
        if path.rpartition("/")[2] == NAME and not is_folder:
            return True
        matched = False
        for rule in self._in_force(folder):
            if isinstance(rule.pattern, re.Pattern):
                if rule.pattern.search(path):
                    return True
            elif not rule.only_folders or is_folder:
                matched = _apply(rule, rule.pattern, path, matched, is_folder=is_folder)
        return matched

    def _in_force(self, folder: str) -> Iterator[_Rule]:
        """The lines that count in a folder, the outermost first: a later one may take back an earlier."""
        parts = folder.split("/") if folder else []
        for depth in range(len(parts) + 1):
            yield from self._rules.get("/".join(parts[:depth]), ())


def _apply(rule: _Rule, pattern: GitIgnoreSpecPattern, path: str, matched: bool, *, is_folder: bool) -> bool:
    inner = str(PurePosixPath(path).relative_to(rule.folder)) if rule.folder is not None else path.rpartition("/")[2]
    if pattern.include is not None and pattern.match_file(f"{inner}/" if is_folder else inner) is not None:
        return bool(pattern.include)
    return matched


def _read(text: str, folder: str, syntax: Syntax) -> Iterator[_Rule]:
    for line in text.splitlines():
        pattern = _COMMENT.sub("", line)
        if not pattern:
            continue
        try:
            yield _read_regexp(pattern) if syntax == "regexp" else _read_glob(pattern, folder)
        except (re.error, ValueError):
            continue  # Airflow logs a line that it cannot read, and goes on


def _read_regexp(pattern: str) -> _Rule:
    return _Rule(re.compile(pattern))


def _read_glob(pattern: str, folder: str) -> _Rule:
    if pattern.strip() == "/":
        raise ValueError("`/` matches nothing")
    is_anchored = pattern.startswith("/") or "/" in pattern.rstrip("/")
    plain = pattern.lstrip("!").rstrip()
    return _Rule(GitIgnoreSpecPattern(pattern), folder if is_anchored else None, plain.endswith("/"))


def might_hold_dag(content: bytes, *, airflow: tuple[int, int] = (3, 3)) -> bool:
    """Airflow's own test whether a file is worth importing: by words in its text.

    Source: airflow/utils/file.py, might_contain_dag_via_default_heuristic; `asset` counts since Airflow 3.0.
    """
    lowered = content.lower()
    words = (b"dag", b"asset") if airflow >= (3, 0) else (b"dag",)
    return b"airflow" in lowered and any(word in lowered for word in words)
