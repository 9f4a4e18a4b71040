"""Whether a file imports anything of its tree at all: most DAG files need not be read for what they import."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import re2  # type: ignore[import-untyped]

from dagwarden.lint.imports import ROOTS, module_name


def list_tops(paths: Iterable[str], *, roots: tuple[str, ...] = ROOTS) -> frozenset[str]:
    """The top-level names under which the files of a tree can be imported."""
    return frozenset(module_name(path, roots).partition(".")[0] for path in paths) - {""}


def might_import(content: bytes, tops: frozenset[str]) -> bool:
    """Whether a file may import one of these top-level names, or allows by a comment what only the whole tree tells.

    Looked at are the lines with the word `import`: takes a hundredth of the time that reading what it imports does.
    """
    return _make_pattern(tops).search(content) is not None


@functools.lru_cache(maxsize=8)
def _make_pattern(tops: frozenset[str]) -> re2._Regexp:
    named = sorted(name for name in tops if name.isascii() and name.isidentifier())
    # A name beyond ASCII may be read as another one; after a backslash, the statement goes on in the next line.
    telling = "|".join([r"[^\x00-\x7f]", r"\\", r"\bfrom[ \t\f]*\.", *(rf"\b{name}\b" for name in named)])
    pattern = rf"(?:{telling}).*import|import.*(?:{telling})|\\.*\n.*import|import_module|dagwarden:"
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern.encode(), options)
