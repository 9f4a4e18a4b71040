"""Receipts on their way: each lies on disk until Pub/Sub has it, so that publishing never holds up applying."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dagwarden.errors import DagwardenError
from dagwarden.sync.notice import Receipt
from dagwarden.wire import decode, encode

if TYPE_CHECKING:
    from dagwarden.cloud.topics import Topics

MOST_KEPT = 1000
"""Older receipts go first: what an instance runs now is told by the newest."""

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


class Outbox:
    """Publishes receipts in the order they were put, from a thread of its own."""

    def __init__(
        self, folder: Path, topic: str, find_topics: Callable[[], Topics], on_change: Callable[[int, str], None]
    ) -> None:
        """Nothing is sent before `start`.

        Args:
            find_topics: makes or gives the publisher; called in the sending thread.
            on_change: told how many receipts still wait, and why (empty: they are on their way).
        """
        self._folder = folder
        self._topic = topic
        self._find_topics = find_topics
        self._on_change = on_change
        self._news = threading.Event()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="receipts", daemon=True)
        self._last_ns = 0
        self._put_lock = threading.Lock()

    def put(self, receipt: Receipt) -> None:
        """The receipt will be published, by this process or the next one on this root. A full disk loses it."""
        with self._put_lock, contextlib.suppress(OSError):
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            aside = self._folder / f".{self._last_ns:020d}"
            aside.write_bytes(encode(receipt))
            aside.rename(self._folder / f"{self._last_ns:020d}.json")
        self._news.set()

    def start(self) -> None:
        """Receipts are being sent, those of former processes first."""
        self._news.set()
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """What could be sent within `patience_s` is sent; the rest waits on disk."""
        self._is_stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def waiting(self) -> list[Path]:
        """The receipts not yet published, oldest first."""
        return sorted(self._folder.glob("*.json"))

    def _work(self) -> None:
        wait_s: float | None = None
        while True:
            self._news.wait(wait_s)
            self._news.clear()
            why = self._send_all()
            self._on_change(len(self.waiting()), why)
            if self._is_stopping.is_set():
                return
            wait_s = min(LONGEST_WAIT_S, (wait_s or FIRST_WAIT_S / 2) * 2) if why else None

    def _send_all(self) -> str:
        waiting = self.waiting()
        for path in waiting[:-MOST_KEPT]:
            path.unlink(missing_ok=True)
        for path in waiting[-MOST_KEPT:]:
            try:
                self._send(path)
            except (DagwardenError, OSError) as error:
                return str(error)
        return ""

    def _send(self, path: Path) -> None:
        from dagwarden.cloud.topics import Outgoing

        content = path.read_bytes()
        try:
            receipt = decode(Receipt, content, subject=path.name)
        except DagwardenError:
            path.unlink()  # torn by a full disk or written by another version: nobody could read it either
            return
        attributes = {
            "environment": str(receipt.environment),
            "component": receipt.component,
            "instance": receipt.instance,
            "outcome": str(receipt.outcome),
        }
        self._find_topics().publish(self._topic, Outgoing(content, attributes))
        path.unlink()
