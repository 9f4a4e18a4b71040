"""Whether a file imports anything of its tree at all: most DAG files need not be read for what they import."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dagwarden.lint.imports import ROOTS, module_name

_RELATIVE = re.compile(r"\bfrom\s*\.")
_WORD = re.compile(r"\w+")


def list_tops(paths: Iterable[str], *, roots: tuple[str, ...] = ROOTS) -> frozenset[str]:
    """The top-level names under which the files of a tree can be imported."""
    return frozenset(module_name(path, roots).partition(".")[0] for path in paths) - {""}


def might_import(text: str, tops: frozenset[str]) -> bool:
    """Whether a file may import one of these top-level names, or allows by a comment what only the whole tree tells.

    Looked at are the lines with the word `import`: takes a tenth of the time that reading what it imports does.
    """
    if "import_module" in text or "dagwarden:" in text:
        return True
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if "import" not in line:
            continue
        if not line.isascii() or _RELATIVE.search(line):
            return True
        if "\\" in line or (number and "\\" in lines[number - 1]):  # the statement may go on, or have begun, elsewhere
            return True
        if not tops.isdisjoint(_WORD.findall(line)):
            return True
    return False
