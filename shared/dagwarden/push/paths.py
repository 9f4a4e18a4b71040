"""Which paths a release may hold: judges names one by one, and all names of a tree together."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from dagwarden.lint.finding import Finding
from dagwarden.names import FOLDERS
from dagwarden.push.manifest import Change, Put
from dagwarden.push.rules import find, show

MAX_PATH_BYTES = 1024
"""Source: Cloud Storage, "Object names": 1 to 1,024 bytes of UTF-8."""

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _is_too_long(path: str) -> bool:
    return len(path) > MAX_PATH_BYTES or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES


def _has_control_character(path: str) -> bool:
    """Whether a character would steer a terminal or reorder text; NUL has a rule of its own."""
    return any(char != "\0" and (unicodedata.category(char) in _UNPRINTABLE or char in _BIDI) for char in path)


def _is_outside(path: str) -> bool:
    return not path.startswith(tuple(f"{folder}/" for folder in FOLDERS))


_NAME_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("path-too-long", _is_too_long),
    ("path-nul", lambda path: "\0" in path),
    ("path-control-character", _has_control_character),
    ("path-not-nfc", lambda path: not unicodedata.is_normalized("NFC", path)),
    ("path-absolute", lambda path: path.startswith("/")),
    ("path-parent", lambda path: ".." in path.split("/")),
    ("path-dot-name", lambda path: "." in path.split("/")),
    ("path-trailing-slash", lambda path: path.endswith("/")),
    ("path-empty-part", lambda path: "//" in path),
    ("path-outside-folders", _is_outside),
)
"""First match wins: one finding for each path."""


def check_path(path: str) -> Finding | None:
    """What is wrong with a path by itself; None when a release may hold it."""
    if path.isascii() and path.isprintable() and len(path) <= MAX_PATH_BYTES and _is_plain(path):
        return None
    return next((find(rule_id, path) for rule_id, is_bad in _NAME_RULES if is_bad(path)), None)


def check_names(changes: Collection[Change]) -> list[Finding]:
    """What is wrong with the paths of a push among themselves: each by itself, named twice, collisions of its puts.

    `unpack` has asked this already; what the push would collide with in the standing tree, `check_tree` tells.
    """
    findings = [finding for change in changes if (finding := check_path(change.path)) is not None]
    named = Counter(change.path for change in changes)
    findings += [find("path-duplicate", path) for path, count in named.items() if count > 1]
    puts = list(dict.fromkeys(change.path for change in changes if isinstance(change, Put)))
    return findings + list(_collisions(puts, puts))


def check_tree(changes: Collection[Change], existing_paths: Iterable[str]) -> list[Finding]:
    """Collisions between what the push puts and what stays of the standing tree.

    Args:
        existing_paths: every path of the release the push would go on top of.
    """
    standing = existing_paths if isinstance(existing_paths, Mapping) else frozenset(existing_paths)
    touched = {change.path for change in changes}
    puts = (change.path for change in changes if isinstance(change, Put))
    new = list(dict.fromkeys(path for path in puts if path not in standing))
    if not new:  # what stands collides with nothing that stands: most pushes end here, however large the tree
        return []
    return list(_collisions(new, [path for path in standing if path not in touched]))


def check_paths(changes: Collection[Change], existing_paths: Iterable[str]) -> list[Finding]:
    """Everything that is wrong with the paths of a push on top of a tree: `check_names`, then `check_tree`."""
    return check_names(changes) + check_tree(changes, existing_paths)


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return parts[0] in FOLDERS and len(parts) > 1 and not any(part in {"", ".", ".."} for part in parts)


def _collisions(puts: Collection[str], others: Iterable[str]) -> Iterator[Finding]:
    """Findings for each put that is spelt like one of `others` but for case, is a folder there, or lies in a file."""
    files = set(others)
    folders = _folders_of(files)
    wanted = {_fold(part) for path in puts for part in (*_parents(path), path)}
    spellings: dict[str, str] = {}
    for path in (*files, *folders):
        if (folded := _fold(path)) in wanted:
            spellings[folded] = min(path, spellings.get(folded, path))
    for path in puts:
        if path in folders:
            yield find("path-folder-and-file", path, "is a file here, and a folder that holds files")
        for part in (*_parents(path), path):
            if part in files and part != path:
                yield find("path-folder-and-file", path, f"lies in {show(part)}, which is a file")
            if (standing := spellings.get(_fold(part), part)) != part:
                yield find("path-case-collision", path, f"{show(part)} differs from {show(standing)} only in case")
                break


def _fold(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def _parents(path: str) -> list[str]:
    return [path[:at] for at, char in enumerate(path) if char == "/" and at]


def _folders_of(paths: Iterable[str]) -> set[str]:
    direct = {path.rpartition("/")[0] for path in paths}
    return {folder for path in direct for folder in (*_parents(path), path) if folder}
