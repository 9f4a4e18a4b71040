"""Resumable uploads: sessions whose bytes survive a restart."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from localcloud.state import State
from localcloud.storage.conditions import Conditions
from localcloud.storage.errors import invalid, not_found

CHUNK_UNIT_BYTES = 256 * 1024  # Source: https://cloud.google.com/storage/docs/performing-resumable-uploads

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)", re.ASCII)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was opened for."""

    draft: dict[str, Any]
    conditions: Conditions
    length_bytes: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One resumable upload as far as it has come; `generation` is that of the object it became."""

    id: str
    bucket: str
    name: str
    plan: Plan
    received_bytes: int
    generation: int | None


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a PUT brings: bytes from `start` on (`None`: it only asks), of `total` in all where that is known."""

    start: int | None
    total: int | None
    body: bytes

    @property
    def is_last(self) -> bool:
        """Whether nothing is to follow this chunk."""
        return self.total is not None and (self.start or 0) + len(self.body) == self.total


def read_chunk(headers: Mapping[str, str], body: bytes) -> Chunk:
    """The chunk a PUT request carries.

    Raises:
        Refusal: 400, the content range is malformed or contradicts the body.
    """
    header = headers.get("content-range")
    if header is None:
        return Chunk(start=0, total=len(body), body=body)
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise invalid(f"Failed to parse Content-Range header: {header}")
    first, last, total = (None if text is None else int(text) for text in match.groups())
    if first is None or last is None:
        if body:
            raise invalid(f"Content-Range {header} comes with {len(body)} bytes.")
        return Chunk(start=None, total=total, body=body)
    if last - first + 1 != len(body) or (total is not None and last >= total):
        raise invalid(f"Content-Range {header} does not fit {len(body)} bytes.")
    return Chunk(start=first, total=total, body=body)


class Uploads:
    """The sessions in the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._db = state.db
        self._folder = state.folder / "uploads"
        self._folder.mkdir(exist_ok=True)

    def open(self, bucket: str, name: str, plan: Plan) -> str:
        """A session exists afterwards; returns its id."""
        upload_id = secrets.token_urlsafe(48)
        self._path(upload_id).touch()
        self._db.execute(
            "INSERT INTO storage_uploads VALUES (?, ?, ?, ?, 0, NULL)",
            (upload_id, bucket, name, msgspec.json.encode(plan)),
        )
        return upload_id

    def get(self, upload_id: str) -> Session:
        """The session called `upload_id`.

        Raises:
            Refusal: 404, there is none (any more).
        """
        row = self._db.execute("SELECT * FROM storage_uploads WHERE id = ?", (upload_id,)).fetchone()
        if row is None:
            raise not_found("Upload not found.")
        return Session(
            id=row["id"],
            bucket=row["bucket"],
            name=row["name"],
            plan=msgspec.json.decode(row["plan"], type=Plan),
            received_bytes=row["received_bytes"],
            generation=row["generation"],
        )

    def append(self, session: Session, chunk: Chunk) -> Session:
        """The chunk's new bytes are kept afterwards; of one that is not the last, whole units of 256 KiB only.

        Raises:
            Refusal: 400, it starts behind what has come so far, or makes more than was stated.
        """
        start = session.received_bytes if chunk.start is None else chunk.start
        if start > session.received_bytes:
            raise invalid(
                f"Invalid request. According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {session.received_bytes} byte(s)."
            )
        _check_length(session, chunk)
        fresh = memoryview(chunk.body)[session.received_bytes - start :]
        if not chunk.is_last:
            fresh = fresh[: len(fresh) // CHUNK_UNIT_BYTES * CHUNK_UNIT_BYTES]
        if not len(fresh):
            return session
        with self._path(session.id).open("r+b") as file:
            file.seek(session.received_bytes)
            file.write(fresh)
            file.truncate()
        received_bytes = session.received_bytes + len(fresh)
        self._db.execute("UPDATE storage_uploads SET received_bytes = ? WHERE id = ?", (received_bytes, session.id))
        return msgspec.structs.replace(session, received_bytes=received_bytes)

    def content(self, session: Session) -> bytes:
        """All bytes that have come."""
        return self._path(session.id).read_bytes()[: session.received_bytes]

    def finish(self, session: Session, generation: int) -> None:
        """The session answers with the object it became afterwards; call it in the transaction that creates that."""
        self._db.execute("UPDATE storage_uploads SET generation = ? WHERE id = ?", (generation, session.id))
        self._state.after_commit(lambda: self._path(session.id).unlink(missing_ok=True))

    def cancel(self, session: Session) -> None:
        """The session is gone afterwards."""
        self._db.execute("DELETE FROM storage_uploads WHERE id = ?", (session.id,))
        self._path(session.id).unlink(missing_ok=True)

    def _path(self, upload_id: str) -> Path:
        return self._folder / upload_id


def _check_length(session: Session, chunk: Chunk) -> None:
    stated = session.plan.length_bytes
    if stated is not None and chunk.total is not None and chunk.total != stated:
        raise invalid(f"The upload was announced with {stated} bytes, now {chunk.total} are stated.")
    if chunk.total is not None and session.received_bytes > chunk.total:
        raise invalid(f"{session.received_bytes} bytes have been uploaded, more than the {chunk.total} stated.")
