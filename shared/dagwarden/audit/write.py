"""Writes audit entries so that they are durable before anything follows from them."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from dagwarden.audit.entry import AuditEntry
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.cloud.logs import Entry

OLDEST = dt.timedelta(days=29)
NEWEST = dt.timedelta(hours=23)
"""Cloud Logging silently drops entries dated before a log's retention (30 days at the least) or a day ahead.

Source: cloud.google.com/logging/quotas, timestamps that are too old or too far in the future."""


class AuditWriter:
    """Writes to the audit log of one project, in the name of one process."""

    def __init__(self, cloud: Cloud, *, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._cloud = cloud
        self._now = now

    def write(self, *entries: AuditEntry) -> None:
        """All entries are durably stored when this returns: only then may what they tell of take effect.

        Raises:
            Transient: they are not (or nobody knows): do not go on.
            Permanent: the log refuses them: do not go on.
        """
        if entries:
            self._cloud.audit_log.write(*(self._prepare(entry) for entry in entries))

    def _prepare(self, entry: AuditEntry) -> Entry:
        recorded_at = self._now()
        settings = self._cloud.settings
        where = msgspec.structs.replace(
            entry.where,
            function=entry.where.function or settings.caller,
            instance=f"{socket.gethostname()}/{os.getpid()}",
        )
        when = msgspec.structs.replace(entry.when, recorded_at=recorded_at)
        return Entry(
            payload=to_payload(msgspec.structs.replace(entry, where=where, when=when)),
            severity=entry.severity,
            insert_id=entry.insert_id,
            timestamp=pick_timestamp(entry.when.occurred_at, recorded_at),
            labels=make_labels(entry),
            trace=entry.trace,
        )


def to_payload(entry: AuditEntry) -> dict[str, Any]:
    """The entry as the JSON object that is logged."""
    payload: dict[str, Any] = msgspec.to_builtins(entry)
    return payload


def make_labels(entry: AuditEntry) -> dict[str, str]:
    """What an entry is found by; absent rather than empty."""
    labels = {
        "kind": str(entry.kind),
        "environment": entry.environment,
        "push_id": entry.push_id or "",
        "release": "" if entry.release is None else str(entry.release),
    }
    return {name: value for name, value in labels.items() if value}


def pick_timestamp(occurred_at: dt.datetime, recorded_at: dt.datetime) -> dt.datetime:
    """When it occurred, unless that lies where the log would drop the entry: then when it is recorded."""
    is_kept = recorded_at - OLDEST < occurred_at < recorded_at + NEWEST
    return occurred_at if is_kept else recorded_at
