"""The memory of this process in large pages, which a fork copies by the table rather than by the page.

A child that writes to one of them gets its own copy of 4 kB of it, as before.
Source: madvise(2), MADV_COLLAPSE of Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from dagwarden.validate.sandbox import kernel

LARGE_BYTES = 1 << 21


def enlarge_pages() -> None:
    """What this process holds of its own lies in large pages, as far as the kernel makes some."""
    for start, end in find_writable(Path("/proc/self/maps").read_text("utf-8").splitlines()):
        with suppress(OSError):
            kernel.madvise(start, end - start, kernel.MADV_COLLAPSE)


def find_writable(lines: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The ranges of addresses in which whole large pages fit: private memory of no file.

    >>> list(find_writable(["00100000-00500000 rw-p 0 0:0 0", "00a00000-00c00000 r--p 0 0:0 0"]))
    [(2097152, 4194304)]
    """
    for line in lines:
        place, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and (not name or name == ["[heap]"]):
            start, end = (int(part, 16) for part in place.split("-"))
            first, last = -(-start // LARGE_BYTES) * LARGE_BYTES, end // LARGE_BYTES * LARGE_BYTES
            if first < last:
                yield first, last
