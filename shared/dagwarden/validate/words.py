"""Words of this process's memory, read past the objects that lie in it.

To look at an object is to count a reference to it, and that copies its page in a forked process; reading the bytes does
not. Where the interpreter keeps things elsewhere than CPython 3.11 and 3.12 do, no place is found and nothing is read.
Source: Include/cpython/dictobject.h (PEP 509), Include/cpython/funcobject.h of CPython 3.11.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from functools import cache
from operator import itemgetter

WORD_BYTES = 8
VERSION_WORD = 3
"""Of a dictionary, after its count of references, type and length: a number that every change of it makes new."""
_ALL = memoryview((ctypes.c_uint64 * (1 << 44)).from_address(0)).cast("B").cast("Q")
_NEVER_ANOTHER = id(None) // WORD_BYTES + 1
"""The type of None."""


class Words:
    """So many words, as they were when this was made. The objects in them must live as long.

    Args:
        places: numbers of words, counted from address 0.
    """

    def __init__(self, places: Iterable[int]) -> None:
        self._places = tuple(places)
        self._read = itemgetter(*self._places, _NEVER_ANOTHER, _NEVER_ANOTHER)  # of less than two it makes no tuple
        self._then = self._read(_ALL)

    def find_changed(self) -> list[int]:
        """The places whose words are others now."""
        now = self._read(_ALL)
        if now == self._then:
            return []
        return [place for place, word, was in zip(self._places, now, self._then, strict=False) if word != was]


def find_pointer(holder: object, target: object) -> int | None:
    """The place in an object where it points to another; None where it does not do so itself."""
    first, size = id(holder) // WORD_BYTES, type(holder).__basicsize__ // WORD_BYTES
    return next((place for place in range(first + 2, first + size) if _ALL[place] == id(target)), None)


def find_version(held: dict[str, object]) -> int | None:
    """The place of a dictionary's version; None where this interpreter keeps none."""
    return id(held) // WORD_BYTES + VERSION_WORD if _has_versions() else None


@cache
def _has_versions() -> bool:
    if sys.implementation.name != "cpython":
        return False
    held: dict[str, int] = {}
    place = id(held) // WORD_BYTES + VERSION_WORD
    seen = [_ALL[place]]
    for change in (lambda: held.update(a=1), lambda: held.update(a=2), lambda: held.pop("a"), held.clear):
        change()
        seen.append(_ALL[place])
    return len(set(seen[:-1])) == len(seen) - 1
