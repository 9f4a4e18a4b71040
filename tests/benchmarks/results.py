"""The figures as rows: kept in results.json, each benchmark's replaced as a whole by its next run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One figure."""

    benchmark: str
    metric: str
    value: float | str
    unit: str = ""
    aim: float | None = None
    """At most this; every aim here is an upper bound."""
    met: bool | None = None
    rival: float | None = None
    """The same figure of whom we are compared with."""
    ratio: float | None = None
    """value / rival."""
    note: str = ""
    measured_on: str = ""
    """The date, ISO 8601."""


def make_row(
    benchmark: str,
    metric: str,
    value: float,
    unit: str,
    *,
    aim: float | None = None,
    rival: float | None = None,
    note: str = "",
) -> Row:
    """A row, its aim judged and its ratio worked out from what is shown: to four significant digits.

    >>> make_row("b", "m", 1.00004, "s", aim=1.0).met
    True
    """
    shown = round_significant(value)
    theirs = None if rival is None else round_significant(rival)
    return Row(
        benchmark=benchmark,
        metric=metric,
        value=shown,
        unit=unit,
        aim=aim,
        met=None if aim is None else shown <= aim,
        rival=theirs,
        ratio=None if not theirs else round_significant(shown / theirs),
        note=note,
    )


def round_significant(value: float, digits: int = 4) -> float:
    """The value to so many significant digits; what was counted stays as it is.

    >>> round_significant(12345.6), round_significant(0.00123456), round_significant(123456)
    (12350.0, 0.001235, 123456)
    """
    return value if float(value).is_integer() else float(f"{value:.{digits}g}")


def merge(standing: Iterable[Row], measured: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """All rows after a run: benchmarks that were measured have their new rows alone, all others what they had.

    Args:
        order: benchmarks in the order they are told; unknown ones come last.
    """
    new = {row.benchmark for row in measured}
    rows = [row for row in standing if row.benchmark not in new] + list(measured)
    places = {name: place for place, name in enumerate(order)}
    return sorted(rows, key=lambda row: places.get(row.benchmark, len(places)))


def encode_rows(rows: Sequence[Row]) -> bytes:
    """The bytes of results.json: one row a line, so that a change of figures reads well in a diff."""
    lines = ",\n".join(f"  {msgspec.json.encode(row).decode()}" for row in rows)
    return f"[\n{lines}\n]\n".encode()


def decode_rows(content: bytes) -> list[Row]:
    """The rows of a results.json.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.json.decode(content, type=list[Row])


def load_rows(file: Path) -> list[Row]:
    """The rows that stand; none when there is no file yet."""
    return decode_rows(file.read_bytes()) if file.exists() else []


def write_whole(file: Path, content: bytes) -> None:
    """The file holds `content` afterwards, or what it held: never a part."""
    aside = file.with_suffix(f"{file.suffix}.new")
    with aside.open("wb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    aside.replace(file)
