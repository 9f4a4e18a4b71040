"""What a pusher sees while pushing: our own lines, and those of the gate."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TextIO

from dagwarden.errors import DagwardenError
from dagwarden.push.rules import show

PATIENCE_S = 2.0
"""How long is waited before the waiting is counted aloud."""


class Screen:
    """Lines on stderr.

    Attributes:
        verbosity: 0 shows the gate's lines and errors only.
        shows_progress: whether waiting may be counted in place (a terminal).
    """

    def __init__(self, stderr: TextIO, *, is_coloured: bool) -> None:
        self.verbosity = 1
        self.shows_progress = False
        self.is_coloured = is_coloured
        self._stderr = stderr
        self._waited_s = 0.0
        self._is_counting = False

    def say(self, text: str) -> None:
        """A line of our own."""
        if self.verbosity >= 1:
            self._write(f"dagwarden: {text}\n")

    def tell(self, lines: Iterable[str]) -> None:
        """Lines of the gate, or of us in its place."""
        for line in lines:
            self._write(f"remote: {line}\n")

    def fail(self, text: str, hint: str = "") -> None:
        """What went wrong, and what to do about it."""
        told = "\n".join(map(show, text.splitlines()))
        self._write(f"fatal: {told}\n" + (f"hint: {show(hint)}\n" if hint else ""))

    def fail_with(self, error: DagwardenError) -> None:
        """What an error says."""
        self.fail(str(error).removesuffix(f" ({error.hint})"), error.hint)

    def wait(self, wait_s: float) -> None:
        """Sleep, and let it be seen when it gets long."""
        time.sleep(wait_s)
        self._waited_s += wait_s
        if self.shows_progress and self.verbosity >= 1 and self._waited_s > PATIENCE_S:
            self._is_counting = True
            self._stderr.write(f"\rdagwarden: waiting for the gate: {self._waited_s:.0f} s")
            self._stderr.flush()

    def _write(self, text: str) -> None:
        if self._is_counting:
            self._is_counting = False
            text = "\n" + text
        self._stderr.write(text)
        self._stderr.flush()
