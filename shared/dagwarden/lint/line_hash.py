"""The hash of a line by which GitHub's code scanning knows a finding again after the code has moved."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection

import msgspec

WINDOW = 100
"""Characters from the start of a line that count, blanks and tabs left out."""
_BASE = 37
_END_OF_FILE = 0xFFFF
_BLANKS = re.compile(r"[ \t]+")


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
        value = 0
        for unit in window:
            value = (value * _BASE + unit) & 0xFFFFFFFFFFFFFFFF
        count = sum(self.units[other : other + WINDOW] == window for other in self.starts[:line])
        return f"{value:x}:{count}"


def read_lines(text: str) -> LineHashes:
    """Prepare a text.

    Source: github.com/github/codeql-action, src/fingerprints.ts.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    units: array[int] = array("H")
    starts = []
    for line in plain.split("\n"):
        starts.append(len(units))
        units.frombytes(_BLANKS.sub("", line).encode("utf-16-le", "surrogatepass"))
        units.append(ord("\n"))
    units[-1] = _END_OF_FILE
    units.extend([0] * WINDOW)
    return LineHashes(units, tuple(starts))
