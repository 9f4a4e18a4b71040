"""The tables of the storage service."""

from __future__ import annotations

from localcloud.state import State

_TABLES = (
    "CREATE TABLE IF NOT EXISTS storage_clock (id INTEGER PRIMARY KEY CHECK (id = 0), last_us INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS storage_buckets (
        name TEXT PRIMARY KEY,
        project TEXT NOT NULL,
        generation INTEGER NOT NULL,
        metageneration INTEGER NOT NULL,
        resource BLOB NOT NULL,        -- JSON, as the API shows it, without links
        policy BLOB NOT NULL,          -- JSON: the IAM policy without its etag
        policy_revision INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS storage_objects (
        bucket TEXT NOT NULL REFERENCES storage_buckets (name),
        name TEXT NOT NULL,
        generation INTEGER NOT NULL,
        metageneration INTEGER NOT NULL,
        live INTEGER NOT NULL,
        blob TEXT NOT NULL,            -- sha256 of the content
        resource BLOB NOT NULL,        -- JSON, as the API shows it, without links
        PRIMARY KEY (bucket, name, generation)
    ) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX IF NOT EXISTS storage_live ON storage_objects (bucket, name) WHERE live = 1",
    """CREATE TABLE IF NOT EXISTS storage_notifications (
        bucket TEXT NOT NULL REFERENCES storage_buckets (name) ON DELETE CASCADE,
        id INTEGER NOT NULL,
        resource BLOB NOT NULL,
        PRIMARY KEY (bucket, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS storage_uploads (
        id TEXT PRIMARY KEY,
        bucket TEXT NOT NULL,
        name TEXT NOT NULL,
        plan BLOB NOT NULL,            -- JSON: metadata, preconditions, stated length
        received_bytes INTEGER NOT NULL,
        generation INTEGER             -- of the object it became
    ) WITHOUT ROWID""",
)


def create_tables(state: State) -> None:
    """All tables exist afterwards."""
    for statement in _TABLES:
        state.db.execute(statement)
