"""A text with parts of it replaced, and where in the text as it was a place of the rewritten one lies."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from ast_grep_py import SgNode


class Replacement(msgspec.Struct, frozen=True, order=True):
    """A part of one line, and the text without line ends that takes its place. All count from 0, in characters."""

    start: int
    end: int
    line: int
    column: int
    new: str


def replace(first: SgNode, new: str, last: SgNode | None = None) -> Replacement:
    """What to put in place of a node, or of all from one node to another."""
    start = first.range().start
    return Replacement(start.index, (last or first).range().end.index, start.line, start.column, new)


def remove(node: SgNode, text: str) -> Replacement:
    """A node and the blanks before it, taken away.

    Args:
        text: of the whole file.
    """
    start = node.range().start
    blanks = start.index - len(text[: start.index].rstrip(" \t"))
    return Replacement(start.index - blanks, node.range().end.index, start.line, start.column - blanks, "")


def rewrite(text: str, replacements: Iterable[Replacement]) -> str:
    """The text with these parts replaced, of which none overlaps another. Every line stays where it is."""
    parts, done = [], 0
    for part in sorted(replacements):
        parts += [text[done : part.start], part.new]
        done = part.end
    return "".join([*parts, text[done:]])


def locate(line: int, column: int, replacements: Iterable[Replacement]) -> int:
    """The column in the text as it was of a column in the rewritten one.

    Args:
        replacements: in the order of the text.
    """
    moved = 0
    for part in replacements:
        if part.line == line and part.column + moved < column:
            moved += len(part.new) - (part.end - part.start)
    return max(column - moved, 0)
