"""Prints a verb's answer: JSON where it is asked for, tables on a terminal, plain columns into a pipe."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden.errors import DagwardenError

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "allowed": "green",
    "applied": "green",
    "begun": "cyan",
    "denied": "bold red",
    "differs": "bold red",
    "done": "green",
    "equal": "green",
    "error": "red",
    "failed": "bold red",
    "failing": "bold red",
    "found": "yellow",
    "behind": "yellow",
    "holds": "green",
    "live": "green",
    "refused": "yellow",
    "running": "green",
    "stale": "yellow",
    "unknown": "yellow",
    "warning": "yellow",
}
"""How a cell looks that says just this word."""


def print_json(value: Any) -> None:
    """One JSON document, indented for people, sorted for diffs."""
    content = msgspec.json.encode(value, order="deterministic")
    sys.stdout.write(msgspec.json.format(content, indent=2).decode() + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """One JSON document on one line, for verbs that go on printing."""
    sys.stdout.write(msgspec.json.encode(value, order="deterministic").decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A table: on a terminal fitted to its width, else whole columns two spaces apart."""
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _console().print(_make_table(columns, cells, title))
    else:
        _print_columns(columns, cells)


def _make_table(columns: Sequence[str], cells: list[list[str]], title: str) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return table


def _print_columns(columns: Sequence[str], cells: list[list[str]]) -> None:
    rows = [[column.upper() for column in columns], *cells]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one to a line; those without a value are left out."""
    present = [(name, clean(str(value), keep_lines=True)) for name, value in facts if value not in ("", None, ())]
    width = max((len(name) for name, _ in present), default=0)
    for name, value in present:
        indented = value.rstrip().replace("\n", "\n" + " " * (width + 2))
        print_line(f"{name.ljust(width)}  {indented}")


def print_line(text: str = "", style: str = "") -> None:
    """One line; the style counts on a terminal only."""
    if style and sys.stdout.isatty():
        from rich.text import Text

        _console().print(Text(clean(text, keep_lines=True), style), soft_wrap=True)
        return
    sys.stdout.write(clean(text, keep_lines=True) + "\n")
    sys.stdout.flush()


def print_painted(line: str) -> None:
    """One line that was cleaned and painted by who made it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def is_coloured() -> bool:
    """Whether standard output shows colours.

    Source: no-color.org.
    """
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def clear_screen() -> None:
    """The terminal is empty, the cursor at its top."""
    _console().clear()


def print_error(error: DagwardenError) -> None:
    """What went wrong, on what, and what to do about it, on stderr."""
    where = " ".join(part for part in (error.operation, error.subject) if part)
    text = f"{where}: {error.message}" if where else error.message
    sys.stderr.write(f"error: {clean(text, keep_lines=True)}\n")
    if error.hint:
        sys.stderr.write(f"hint: {clean(error.hint)}\n")
    sys.stderr.flush()


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Text without characters that a terminal would obey: commit messages and paths are strangers' words."""
    kept = "\n" if keep_lines else ""
    return "".join(char if char.isprintable() or char in kept else " " if char in "\n\t" else "\ufffd" for char in text)


def format_time(moment: dt.datetime | None) -> str:
    """`2026-11-22 16:40:29Z`; empty for none."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else ""


def format_duration(seconds: float) -> str:
    """`0.31 s`, `42 s`, `3 min`, `5 h`, `12 d`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    for size_s, unit, next_s in ((1, "s", 120), (60, "min", 7200), (3600, "h", 172800)):
        if seconds < next_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)
