"""Log entries in the state: appended, found by time, told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from localcloud.logs.entries import Defaults, parent_of, read_entry
from localcloud.state import State
from localcloud.timestamps import now_ns, parse_ns

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, parent TEXT NOT NULL, log_name TEXT NOT NULL,
    timestamp_ns INTEGER NOT NULL, received_ns INTEGER NOT NULL, insert_id TEXT NOT NULL, entry BLOB NOT NULL,
    UNIQUE (timestamp_ns, insert_id, log_name)
) STRICT;
CREATE INDEX IF NOT EXISTS log_entries_received ON log_entries (received_ns);
CREATE INDEX IF NOT EXISTS log_entries_log ON log_entries (parent, log_name);
"""

Listener = Callable[[Mapping[str, Any]], None]

_NO_DEFAULTS = Defaults("", {}, {})
_MIN, _MAX = -(2**63), 2**63 - 1


class Position(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where an entry stands in the order of results: by time, then by insert id."""

    timestamp_ns: int
    insert_id: str
    log_name: str


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that every entry of a query lies in; nanoseconds, both ends included."""

    since_ns: int = _MIN
    until_ns: int = _MAX
    received_since_ns: int = _MIN
    received_until_ns: int = _MAX


class LogStore:
    """All logs of all projects."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._listeners: list[Listener] = []
        state.db.executescript(_SCHEMA)
        row = state.db.execute("SELECT max(received_ns) AS last FROM log_entries").fetchone()
        self._last_received_ns = int(row["last"] or 0)

    def listen(self, listener: Listener) -> None:
        """`listener` is given every entry written from now on, inside the transaction that writes it."""
        self._listeners.append(listener)

    def append_raw(self, raw: Mapping[str, Any]) -> None:
        """Write one entry of the cloud's own (an audit entry)."""
        self.append([read_entry(dict(raw), _NO_DEFAULTS, self.receive())])

    def receive(self) -> int:
        """The receive time of the next entry (ns): whole microseconds, no two alike, growing.

        A follower that asks for `receiveTimestamp > the last one seen` misses nothing and sees nothing twice.
        """
        self._last_received_ns = max(self._last_received_ns + 1000, now_ns() // 1000 * 1000)
        return self._last_received_ns

    def append(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """The entries (as `read_entry` makes them) are stored.

        One that has the log, time and insert id of another is stored no second time, yet listeners hear of it:
        duplicates are removed from query results and not from what is routed. Source: log_entry.proto, `insert_id`.
        """
        with self._state.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO log_entries (parent, log_name, timestamp_ns, received_ns, insert_id, entry)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [_to_row(entry) for entry in entries],
            )
            for entry in entries:
                for listener in self._listeners:
                    listener(entry)

    def scan(
        self, parents: Sequence[str], bounds: Range, *, after: Position | None, is_descending: bool
    ) -> Iterator[tuple[Position, dict[str, Any]]]:
        """The entries of `parents` within `bounds`, in order, after a position."""
        order, compare = ("DESC", "<") if is_descending else ("ASC", ">")
        # A follower asks for the newest by receive time: then that index, else the one that gives the order for free.
        index = "INDEXED BY log_entries_received" if bounds.received_since_ns > _MIN else ""
        rows = self._state.db.execute(
            f"SELECT timestamp_ns, insert_id, log_name, entry FROM log_entries {index}"  # noqa: S608
            " WHERE timestamp_ns BETWEEN ? AND ? AND received_ns BETWEEN ? AND ?"
            f" AND parent IN ({', '.join('?' * len(parents))})"
            + (f" AND (timestamp_ns, insert_id, log_name) {compare} (?, ?, ?)" if after else "")
            + f" ORDER BY timestamp_ns {order}, insert_id {order}, log_name {order}",
            (*msgspec.structs.astuple(bounds), *parents, *(msgspec.structs.astuple(after) if after else ())),
        )
        for row in rows:
            position = Position(row["timestamp_ns"], row["insert_id"], row["log_name"])
            yield position, msgspec.json.decode(row["entry"])

    def log_names(self, parent: str) -> list[str]:
        """The names of the logs of `parent` that hold entries."""
        rows = self._state.db.execute(
            "SELECT DISTINCT log_name FROM log_entries WHERE parent = ? ORDER BY log_name", (parent,)
        )
        return [str(row["log_name"]) for row in rows]

    def delete_log(self, log_name: str) -> int:
        """No entry of the log is left; returns how many there were."""
        with self._state.transaction() as db:
            deleted = db.execute(
                "DELETE FROM log_entries WHERE parent = ? AND log_name = ?", (parent_of(log_name), log_name)
            )
        return deleted.rowcount


def _to_row(entry: Mapping[str, Any]) -> tuple[str, str, int, int, str, bytes]:
    return (
        parent_of(entry["logName"]),
        entry["logName"],
        parse_ns(entry["timestamp"]),
        parse_ns(entry["receiveTimestamp"]),
        entry["insertId"],
        msgspec.json.encode(entry),
    )
