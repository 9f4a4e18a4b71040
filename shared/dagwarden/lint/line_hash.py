"""The hash of a line by which GitHub's code scanning knows a finding again after the code has moved."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from itertools import accumulate

import msgspec

WINDOW = 100
"""Characters from the start of a line that count, blanks and tabs left out."""
_BASE = 37
_END_OF_FILE = 0xFFFF


class LineHashes(msgspec.Struct, frozen=True):
    """The lines of one file, ready to be hashed."""

    units: array[int]
    """UTF-16 code units without blanks, then the end of the file and padding."""
    starts: tuple[int, ...]
    """Of each line, its place in `units`."""

    def hash_line(self, line: int, hidden: Collection[int] = ()) -> str:
        """The hash of a line, counted from 1, as `primaryLocationLineHash` has it.

        Args:
            hidden: lines no hash may be made of. It is no cryptographic one: a short secret could be worked out.

        Returns:
            Sixteen or fewer hexadecimal digits, a colon, and which of the lines with this hash it is; empty for a line
            that the file does not have, or whose hash would reach into a hidden one.
        """
        if not 0 < line <= len(self.starts):
            return ""
        start = self.starts[line - 1]
        if any(other >= line and self.starts[other - 1] < start + WINDOW for other in hidden):
            return ""
        window = self.units[start : start + WINDOW]
        first = window[0]
        value = 0
        for unit in window:
            value = (value * _BASE + unit) & 0xFFFFFFFFFFFFFFFF
        alike = [other for other in self.starts[:line] if self.units[other] == first]
        count = sum(self.units[other : other + WINDOW] == window for other in alike)
        return f"{value:x}:{count}"


def read_lines(text: str) -> LineHashes:
    """Prepare a text.

    Source: github.com/github/codeql-action, src/fingerprints.ts.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    units: array[int] = array("H")
    units.frombytes(plain.encode("utf-16-le", "surrogatepass"))
    lines = plain.split("\n")
    lengths = map(len, lines) if len(units) == len(plain) else map(_count_units, lines)
    starts = accumulate((length + 1 for length in lengths), initial=0)
    units.extend([_END_OF_FILE, *[0] * WINDOW])
    return LineHashes(units, tuple(starts)[:-1])


def _count_units(line: str) -> int:
    return len(line.encode("utf-16-le", "surrogatepass")) // 2
