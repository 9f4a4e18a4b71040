"""How long each stage of one decision took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Adds up wall-clock time by stage."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """The time spent within counts as this stage's, whatever comes of it."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - begun

    def to_ms(self) -> dict[str, float]:
        """Milliseconds by stage, to a tenth."""
        return {stage: round(seconds * 1000, 1) for stage, seconds in self._seconds.items()}
