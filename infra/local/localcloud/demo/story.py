"""Plays all scenes on a fresh stack, and says how it went."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from localcloud.demo.scenes import SCENES
from localcloud.demo.stage import SceneFailed, Stage
from localcloud.processes import StartFailed
from localcloud.stack.run import running_stack


def play(say: Callable[[str], None], folder: Path | None = None) -> bool:
    """Play the story; True when every step had its effect.

    Args:
        say: takes one line at a time.
        folder: keeps what was played, for looking at it afterwards; without one everything is removed.
    """
    if folder is not None:
        folder.mkdir(parents=True)
        return _play(say, folder)
    with tempfile.TemporaryDirectory(prefix="dagwarden-demo-") as made:
        return _play(say, Path(made))


def _play(say: Callable[[str], None], folder: Path) -> bool:
    begun = time.monotonic()
    say("Starting the local cloud, six functions and four agents …")
    try:
        with running_stack(folder / "stack") as stack:
            say(f"   up after {time.monotonic() - begun:.1f} s\n")
            stage = Stage(stack, folder, say)
            for number, (title, scene) in enumerate(SCENES, 1):
                say(f"{number}. {title}")
                try:
                    scene(stage)
                except SceneFailed as failure:
                    say(f"   FAILED: {failure}")
                    _say_logs(say, folder / "stack" / "logs")
                    return False
                say("   ok\n")
    except StartFailed as failure:
        say(f"   FAILED: {failure}")
        return False
    say(f"Every step had its effect, in {time.monotonic() - begun:.0f} s.")
    return True


def _say_logs(say: Callable[[str], None], logs: Path) -> None:
    for log in sorted(logs.glob("*.log")):
        tail = log.read_text(errors="replace").splitlines()[-8:]
        if tail:
            say(f"   --- {log.name}")
            for line in tail:
                say(f"   {line[:300]}")
