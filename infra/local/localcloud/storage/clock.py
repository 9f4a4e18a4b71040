"""Time as the storage service writes it: RFC 3339 stamps, generations and etags."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from localcloud.state import State

Now = Callable[[], int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def stamp(at_us: int) -> str:
    """RFC 3339 with milliseconds, as in resources."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_exact(at_us: int) -> str:
    """RFC 3339 with microseconds, as in notifications."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_stamp(text: str) -> datetime:
    """The moment an RFC 3339 stamp names."""
    return datetime.fromisoformat(text)


def read_stamp(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 stamp; the inverse of `stamp`."""
    return (parse_stamp(text) - _EPOCH) // timedelta(microseconds=1)


def etag_of(*numbers: int) -> str:
    """The etag the real service gives: base64 of the numbers as protobuf fields 1, 2, ….

    >>> etag_of(1)
    'CAE='
    """
    fields = b"".join(bytes([field << 3]) + _varint(number) for field, number in enumerate(numbers, start=1))
    return base64.b64encode(fields).decode()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Generations:
    """Hands out generations: microseconds since the epoch, strictly growing, also over restarts."""

    def __init__(self, state: State, now: Now) -> None:
        self._db = state.db
        self._now = now

    def next(self) -> int:
        """A generation no object or bucket has had; call it inside a transaction."""
        row = self._db.execute(
            "INSERT INTO storage_clock (id, last_us) VALUES (0, ?) "
            "ON CONFLICT (id) DO UPDATE SET last_us = max(last_us + 1, excluded.last_us) RETURNING last_us",
            (self._now(),),
        ).fetchone()
        return int(row[0])
