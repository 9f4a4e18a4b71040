"""The hash of a line by which GitHub's code scanning knows a finding again after the code has moved."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Collection
from itertools import accumulate

import msgspec

WINDOW = 100
"""Characters from the start of a line that count, blanks and tabs left out."""
_POWERS = tuple(pow(37, exponent, 1 << 64) for exponent in reversed(range(WINDOW)))
_END = "\uffff" + "\0" * WINDOW


class LineHashes(msgspec.Struct, frozen=True):
    """The lines of one file, ready to be hashed."""

    units: str
    """A line feed, then the text in UTF-16 code units without blanks, the end of the file, and padding."""
    lengths: tuple[int, ...]
    """Of the lines before each line, taken together without their line feeds."""

    def hash_line(self, line: int, hidden: Collection[int] = ()) -> str:
        """The hash of a line, counted from 1, as `primaryLocationLineHash` has it.

        Args:
            hidden: lines no hash may be made of. It is no cryptographic one: a short secret could be worked out.

        Returns:
            Sixteen or fewer hexadecimal digits, a colon, and which of the lines with this hash it is; empty for a line
            that the file does not have, or whose hash would reach into a hidden one.
        """
        if not 0 < line <= len(self.lengths):
            return ""
        start = self._start(line)
        if any(other >= line and self._start(other) < start + WINDOW for other in hidden):
            return ""
        window = self.units[start : start + WINDOW]
        value = sum(map(operator.mul, map(ord, window), _POWERS)) & 0xFFFFFFFFFFFFFFFF
        return f"{value:x}:{self._count(window, start)}"

    def _start(self, line: int) -> int:
        return self.lengths[line - 1] + line

    def _count(self, window: str, start: int) -> int:
        """How many lines begin with it, up to and including the one at `start`."""
        begun, count, place = f"\n{window}", 0, -1
        while 0 <= (place := self.units.find(begun, place + 1)) < start:
            count += 1
        return count


def read_lines(text: str) -> LineHashes:
    """Prepare a text.

    Source: github.com/github/codeql-action, src/fingerprints.ts.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    units = plain if plain.isascii() else "".join(map(chr, array("H", plain.encode("utf-16-le", "surrogatepass"))))
    lengths = accumulate(map(len, units.split("\n")), initial=0)
    return LineHashes(f"\n{units}{_END}", tuple(lengths)[:-1])
