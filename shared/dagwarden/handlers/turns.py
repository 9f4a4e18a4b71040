"""Lets the pushes to one environment go one after the other within a process, so that none loses a race to its like.

That spares work and decides nothing: gates in other processes race all the same, and the ledger alone tells who won.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from dagwarden.names import EnvironmentName

PATIENCE_S = 10.0
"""Who waited so long goes on out of turn: better to lose a race than to wait for one who hangs."""
LANES = 64
"""Environments share this many, so that names made up by pushers cost nothing."""


class Turns:
    """Whose turn it is, in each environment."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lanes = tuple(threading.Lock() for _ in range(LANES))

    @contextmanager
    def take(self, environment: EnvironmentName) -> Iterator[bool]:
        """Within, it is this thread's turn; False when it went on without."""
        lane = self._lanes[zlib.crc32(environment.encode()) % LANES]
        is_mine = lane.acquire(timeout=self._patience_s)
        try:
            yield is_mine
        finally:
            if is_mine:
                lane.release()
