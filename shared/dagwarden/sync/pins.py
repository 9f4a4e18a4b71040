"""Pins: who still uses an old tree, and so keeps it from being thrown away.

A pin is a file its holder keeps locked (flock). The kernel drops the lock when the last process that inherited it ends,
however it ends, and locks are seen across containers that share a volume, where process ids mean nothing.

`pins.lock` is held shared while pinning and alone while pruning: a tree found in place cannot go before its pin counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import weakref
from collections.abc import Iterator
from pathlib import Path

from dagwarden.names import NO_RELEASE, ReleaseNumber
from dagwarden.sync.durable import make_folder
from dagwarden.sync.trees import PINS_MODE, Root, number_of


class Pin:
    """Held until released, until it is forgotten, or until every process that holds it has ended.

    Processes forked meanwhile hold it, too: the file stays until nobody does, and goes when somebody looks (`prune`).
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._close = weakref.finalize(self, os.close, handle)

    def release(self) -> None:
        """The tree may go, as far as this process is concerned."""
        self._close()


def pin(root: Root, name: str, holder: str) -> Pin | None:
    """The tree of this name, and every other of its release, stays until the pin is released.

    Returns:
        None when there is no such tree (any more).

    Raises:
        OSError: the pins folder cannot be written (e.g. a read-only mount).
    """
    with _gate(root, fcntl.LOCK_SH):
        if not (root.trees / name).is_dir():
            return None
        folder = _folder(root, number_of(name) or NO_RELEASE)
        make_folder(folder, PINS_MODE)
        path = folder / f"{holder}-{secrets.token_hex(6)}"
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_SH)
        return Pin(path, handle)


def prune(root: Root, *, keep: int, keep_s: float, now_s: float) -> list[Path]:
    """Only the live tree and those still wanted are in trees/ afterwards.

    Former trees stay when they are among the `keep` newest, were superseded less than `keep_s` ago, or are pinned.

    Args:
        now_s: seconds since the epoch.

    Returns:
        The folders taken out, to be deleted at leisure.
    """
    current = root.current_name()
    former = [name for name in reversed(root.names()) if name != current]
    old = [name for name in former[keep:] if now_s - root.superseded_at(name) >= keep_s]
    if not old:
        return []
    try:
        with _gate(root, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return [root.discard(name) for name in old if not is_pinned(root, number_of(name) or NO_RELEASE)]
    except BlockingIOError:
        return []  # somebody is pinning at this moment: next time


def is_pinned(root: Root, number: ReleaseNumber) -> bool:
    """Whether anybody alive uses a tree of this release; pins of the dead are taken away."""
    folder = _folder(root, number)
    if not folder.is_dir():
        return False
    held = [path for path in folder.iterdir() if _is_held(path)]
    if not held:
        with contextlib.suppress(OSError):  # somebody who may not take the gate pinned it just now
            folder.rmdir()
    return bool(held)


def _folder(root: Root, number: ReleaseNumber) -> Path:
    return root.pins / f"{number:010d}"


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):  # another user's: not held, yet not ours to take away
        path.unlink(missing_ok=True)
    return False


@contextlib.contextmanager
def _gate(root: Root, how: int) -> Iterator[None]:
    handle = os.open(root.pins_lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
