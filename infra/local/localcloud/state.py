"""Everything the local cloud must still know after a restart: one SQLite file and a folder of blobs."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class State:
    """One SQLite connection shared by all services, so that one transaction covers an object and the events it causes.

    The local cloud is one asyncio process: calls are made from its loop's thread only, and a transaction never awaits.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.blobs = Blobs(folder / "blobs")
        self.db = sqlite3.connect(folder / "state.db", isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; only power loss may cost the last commits
        self.db.execute("PRAGMA foreign_keys = ON")
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Nested use joins the outer transaction."""
        if self._depth:
            yield self.db
            return
        self.db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield self.db
        except BaseException:
            self._after_commit.clear()
            self.db.execute("ROLLBACK")
            raise
        else:
            self.db.execute("COMMIT")
        finally:
            self._depth = 0
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` once the transaction under way is committed (at once when there is none)."""
        if self._depth:
            self._after_commit.append(callback)
        else:
            callback()

    def close(self) -> None:
        """The file is closed; nothing is lost."""
        self.db.close()


class Blobs:
    """Content-addressed bytes: a blob is written once under its sha256 and never changed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Store `content`; returns its sha256 in hex. Storing twice is harmless."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes stored under `digest`."""
        return self._path(digest).read_bytes()

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest
