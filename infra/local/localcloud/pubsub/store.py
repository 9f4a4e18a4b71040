"""What Pub/Sub keeps in SQLite: resources, messages, and who still has to acknowledge which message.

A *cursor* is a subscription or a snapshot: both hold a set of unacknowledged messages and get every later one; a
snapshot never acknowledges. A message lives while a cursor has a row for it or its topic retains it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from localcloud.state import State

from .names import Kind
from .resources import Message, Snapshot, Subscription, Topic

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pubsub_resources (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    used_us INTEGER NOT NULL, UNIQUE (kind, name));
CREATE TABLE IF NOT EXISTS pubsub_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL, data BLOB NOT NULL, attributes BLOB NOT NULL,
    ordering_key TEXT NOT NULL, published_us INTEGER NOT NULL, kept_until_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pubsub_deliveries (
    message_id INTEGER NOT NULL, cursor_id INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0,
    is_acked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (message_id, cursor_id)) WITHOUT ROWID;
"""

ResourceT = TypeVar("ResourceT", Topic, Subscription, Snapshot)


class Waiting(NamedTuple):
    """An unacknowledged message of one cursor, without its body."""

    message_id: int
    ordering_key: str
    size_bytes: int
    failures: int


class Stored(NamedTuple):
    """Row id of a resource and when it was last used (microseconds since 1970)."""

    id: int
    used_us: int


class Store:
    """Rows in, values out. Every writing method joins the transaction under way, or makes its own."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._db = state.db
        self._db.executescript(_SCHEMA)

    # resources

    def resources(self, kind: Kind, as_type: type[ResourceT]) -> list[tuple[Stored, ResourceT]]:
        """All resources of one kind, oldest first."""
        rows = self._db.execute("SELECT id, used_us, body FROM pubsub_resources WHERE kind = ? ORDER BY id", (kind,))
        return [(Stored(row["id"], row["used_us"]), msgspec.json.decode(row["body"], type=as_type)) for row in rows]

    def add_resource(self, kind: Kind, name: str, value: Topic | Subscription | Snapshot, now_us: int) -> int:
        """The row id of a new resource."""
        with self._state.transaction() as db:
            row = db.execute(
                "INSERT INTO pubsub_resources (kind, name, body, used_us) VALUES (?, ?, ?, ?)",
                (kind, name, msgspec.json.encode(value), now_us),
            )
        return row.lastrowid or 0

    def replace_resource(self, row_id: int, value: Topic | Subscription | Snapshot) -> None:
        """The resource in that row is `value` now."""
        with self._state.transaction() as db:
            db.execute("UPDATE pubsub_resources SET body = ? WHERE id = ?", (msgspec.json.encode(value), row_id))

    def remove_resource(self, row_id: int) -> None:
        """Neither the resource nor, if it was a cursor, anything that waited for it is there."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM pubsub_resources WHERE id = ?", (row_id,))
            db.execute("DELETE FROM pubsub_deliveries WHERE cursor_id = ?", (row_id,))

    def note_use(self, used_us_by_id: Mapping[int, int]) -> None:
        """Each cursor's last use is known after a restart."""
        with self._state.transaction() as db:
            db.executemany(
                "UPDATE pubsub_resources SET used_us = ? WHERE id = ?",
                [(us, row_id) for row_id, us in used_us_by_id.items()],
            )

    # messages

    def add_message(
        self,
        topic_id: int,
        cursors: Sequence[int],
        *,
        data: bytes,
        attributes: Mapping[str, str],
        ordering_key: str,
        published_us: int,
        kept_until_us: int,
    ) -> int:
        """The id of a new message that waits for each of `cursors`; ids grow and are never used twice."""
        with self._state.transaction() as db:
            row = db.execute(
                "INSERT INTO pubsub_messages (topic_id, data, attributes, ordering_key, published_us, kept_until_us)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (topic_id, data, msgspec.json.encode(dict(attributes)), ordering_key, published_us, kept_until_us),
            )
            message_id = row.lastrowid or 0
            db.executemany(
                "INSERT INTO pubsub_deliveries (message_id, cursor_id) VALUES (?, ?)",
                [(message_id, cursor) for cursor in cursors],
            )
            if not cursors and not kept_until_us:
                db.execute("DELETE FROM pubsub_messages WHERE id = ?", (message_id,))
        return message_id

    def messages(self, message_ids: Sequence[int]) -> dict[int, Message]:
        """The messages with these ids, as far as they still exist."""
        rows = self._db.execute(
            "SELECT id, data, attributes, ordering_key, published_us FROM pubsub_messages"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(message_ids),),
        )
        return {row["id"]: _message(row) for row in rows}

    # what waits for whom

    def backlog(self, cursor_id: int) -> list[Waiting]:
        """What a cursor has not acknowledged, oldest first."""
        rows = self._db.execute(
            "SELECT m.id, m.ordering_key, length(m.data) + length(m.attributes), d.failures"
            " FROM pubsub_deliveries d JOIN pubsub_messages m ON m.id = d.message_id"
            " WHERE d.cursor_id = ? AND d.is_acked = 0 ORDER BY m.id",
            (cursor_id,),
        )
        return [Waiting(*row) for row in rows]

    def settle(self, cursor_id: int, message_ids: Sequence[int], *, retains: bool, now_us: int) -> None:
        """The cursor has acknowledged these; what nobody needs any more is gone."""
        with self._state.transaction() as db:
            pairs = [(message_id, cursor_id) for message_id in message_ids]
            if retains:
                db.executemany(
                    "UPDATE pubsub_deliveries SET is_acked = 1 WHERE message_id = ? AND cursor_id = ?", pairs
                )
                return
            db.executemany("DELETE FROM pubsub_deliveries WHERE message_id = ? AND cursor_id = ?", pairs)
            db.executemany(
                "DELETE FROM pubsub_messages WHERE id = ? AND kept_until_us <= ?"
                " AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = pubsub_messages.id)",
                [(message_id, now_us) for message_id in message_ids],
            )

    def note_failures(self, cursor_id: int, failures_by_message: Mapping[int, int]) -> None:
        """How often each message failed is known after a restart."""
        with self._state.transaction() as db:
            db.executemany(
                "UPDATE pubsub_deliveries SET failures = ? WHERE message_id = ? AND cursor_id = ?",
                [(failures, message_id, cursor_id) for message_id, failures in failures_by_message.items()],
            )

    def copy_backlog(self, source_id: int, target_id: int) -> None:
        """What waits for `source_id` waits for `target_id` too."""
        with self._state.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO pubsub_deliveries (message_id, cursor_id)"
                " SELECT message_id, ? FROM pubsub_deliveries WHERE cursor_id = ? AND is_acked = 0",
                (target_id, source_id),
            )

    def oldest_us(self, cursor_id: int) -> int | None:
        """When the oldest message that waits for a cursor was published."""
        row = self._db.execute(
            "SELECT min(m.published_us) FROM pubsub_deliveries d JOIN pubsub_messages m ON m.id = d.message_id"
            " WHERE d.cursor_id = ? AND d.is_acked = 0",
            (cursor_id,),
        ).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    # seek

    def candidates(self, topic_id: int, since_us: int, now_us: int) -> list[Message]:
        """What a topic still retains of all that was published since."""
        rows = self._db.execute(
            "SELECT id, data, attributes, ordering_key, published_us FROM pubsub_messages"
            " WHERE topic_id = ? AND published_us >= ? AND kept_until_us > ?",
            (topic_id, since_us, now_us),
        )
        return [_message(row) for row in rows]

    def waiting_messages(self, cursor_id: int) -> list[Message]:
        """What a cursor has not acknowledged, with bodies."""
        return list(self.messages([waiting.message_id for waiting in self.backlog(cursor_id)]).values())

    def replay(self, cursor_id: int, since_us: int, *, retains: bool, extra: Iterable[int], now_us: int) -> None:
        """The cursor has acknowledged all published before `since_us`, and of the rest nothing that is still kept."""
        with self._state.transaction() as db:
            rows = db.execute(
                "SELECT d.message_id FROM pubsub_deliveries d JOIN pubsub_messages m ON m.id = d.message_id"
                " WHERE d.cursor_id = ? AND d.is_acked = 0 AND m.published_us < ?",
                (cursor_id, since_us),
            ).fetchall()
            self.settle(cursor_id, [row[0] for row in rows], retains=retains, now_us=now_us)
            db.execute(
                "UPDATE pubsub_deliveries SET is_acked = 0, failures = 0 WHERE cursor_id = ?"
                " AND (SELECT published_us FROM pubsub_messages m WHERE m.id = message_id) >= ?",
                (cursor_id, since_us),
            )
            self._await(cursor_id, extra)

    def restore(self, cursor_id: int, message_ids: Iterable[int], *, retains: bool, now_us: int) -> None:
        """The cursor has acknowledged everything but `message_ids`."""
        with self._state.transaction():
            waiting = [waiting.message_id for waiting in self.backlog(cursor_id)]
            wanted = list(message_ids)
            self._await(cursor_id, wanted)
            self.settle(cursor_id, sorted(set(waiting) - set(wanted)), retains=retains, now_us=now_us)

    def _await(self, cursor_id: int, message_ids: Iterable[int]) -> None:
        self._db.executemany(
            "INSERT INTO pubsub_deliveries (message_id, cursor_id) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET is_acked = 0, failures = 0",
            [(message_id, cursor_id) for message_id in message_ids],
        )

    # retention

    def retain(self, topic_id: int, retention_us: int) -> None:
        """Every message of a topic is kept as long as the topic says now."""
        with self._state.transaction() as db:
            db.execute(
                "UPDATE pubsub_messages SET kept_until_us = CASE WHEN ?1 = 0 THEN 0 ELSE published_us + ?1 END"
                " WHERE topic_id = ?2",
                (retention_us, topic_id),
            )

    def oldest_message_us(self) -> float:
        """When the oldest message kept was published; infinitely late where there is none."""
        row = self._db.execute("SELECT published_us FROM pubsub_messages ORDER BY id LIMIT 1").fetchone()
        return float(row[0]) if row else float("inf")

    def forget_before(self, cursor_id: int, before_us: int) -> list[int]:
        """The ids of messages a cursor no longer waits for, or retains, since they were published before."""
        with self._state.transaction() as db:
            rows = db.execute(
                "DELETE FROM pubsub_deliveries WHERE cursor_id = ? AND message_id IN"
                " (SELECT id FROM pubsub_messages WHERE published_us < ?) RETURNING message_id",
                (cursor_id, before_us),
            ).fetchall()
        return [row[0] for row in rows]

    def purge(self, now_us: int) -> None:
        """No message is left that nobody needs."""
        with self._state.transaction() as db:
            db.execute(
                "DELETE FROM pubsub_messages WHERE kept_until_us <= ?"
                " AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = pubsub_messages.id)",
                (now_us,),
            )


def _message(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        data=row["data"],
        attributes=msgspec.json.decode(row["attributes"], type=dict[str, str]),
        ordering_key=row["ordering_key"],
        published_us=row["published_us"],
    )
