"""Objects and ledger entries for the judging tests."""

from __future__ import annotations

import datetime as dt

from dagwarden.cloud.storage import ObjectInfo
from dagwarden.ledger.state import FileEntry
from dagwarden.names import ReleaseNumber, ReleasePath
from dagwarden.wire import digest, md5_hex

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def entry(content: bytes, path: str = "dags/a.py", release: int = 1) -> FileEntry:
    return FileEntry(
        path=ReleasePath(path),
        sha256=digest(content),
        md5=md5_hex(content),
        size_bytes=len(content),
        mode="0644",
        release=ReleaseNumber(release),
        source="git:a",
    )


def live(content: bytes, name: str = "dags/a.py", *, encoding: str = "", **metadata: str) -> ObjectInfo:
    return ObjectInfo(
        bucket="env",
        name=name,
        generation=7,
        metageneration=1,
        size_bytes=len(content),
        md5=md5_hex(content),
        updated_at=NOW,
        metadata=metadata,
        content_encoding=encoding,
    )
