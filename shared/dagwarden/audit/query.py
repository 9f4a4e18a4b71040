"""Finds audit entries: a question becomes a Logging filter, log entries become values again."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import msgspec

from dagwarden.audit.entry import (
    UNKNOWN,
    AuditEntry,
    AuditOutcome,
    AuditSeverity,
    Kind,
    What,
    When,
    Where,
    explain,
    shorten,
)
from dagwarden.cloud.logs import Entry, Log
from dagwarden.errors import InvalidInput
from dagwarden.names import EnvironmentName, ReleaseNumber
from dagwarden.wire import encode

_PUSH = re.compile(r"[0-9a-f]{4,64}")


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; what is None does not matter."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    environment: EnvironmentName | None = None
    release: ReleaseNumber | None = None
    push: str | None = None
    """A push id or the first digits of one, four at least."""
    kind: Kind | None = None
    principal: str | None = None
    severity: AuditSeverity | None = None
    """Entries at least as severe."""


def build_filter(query: AuditQuery) -> str:
    """The Logging filter that asks for these entries; empty when all are wanted.

    Raises:
        InvalidInput: a value cannot be what it is meant to be.
    """
    terms = [
        query.since and f"timestamp >= {quote(query.since.astimezone(dt.UTC).isoformat())}",
        query.until and f"timestamp < {quote(query.until.astimezone(dt.UTC).isoformat())}",
        query.environment and f"labels.environment = {quote(query.environment)}",
        query.kind and f"labels.kind = {quote(query.kind)}",
        query.release is not None and f"labels.release = {quote(str(query.release))}",
        query.push is not None and _ask_push(query.push),
        query.severity and f"severity >= {query.severity}",
        query.principal and f"jsonPayload.who.name = {quote(query.principal)}",
    ]
    return " AND ".join(term for term in terms if term)


def _ask_push(push: str) -> str:
    if not _PUSH.fullmatch(push):
        raise InvalidInput(
            f"{push!r} is no push id", operation="query audit log", hint="give 4 to 64 of its hexadecimal digits"
        )
    return f"labels.push_id = {quote(push)}" if len(push) == 64 else f"labels.push_id =~ {quote('^' + push)}"


def quote(text: str) -> str:
    """Text as a string literal of the Logging query language, whatever is in it.

    Raises:
        InvalidInput: it holds control characters, which no value of ours does.

    Source: cloud.google.com/logging/docs/view/logging-query-language, strings are double-quoted, backslash escapes.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise InvalidInput(f"{text!r} holds control characters", operation="query audit log")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_entries(
    log: Log, query: AuditQuery, *, newest_first: bool = False, limit: int | None = None
) -> Iterator[AuditEntry]:
    """The entries that answer a query, in order of time.

    Raises:
        InvalidInput: a value of the query cannot be what it is meant to be.
        AccessDenied: this identity may not read the log.
    """
    for entry in log.read(build_filter(query), newest_first=newest_first, limit=limit):
        yield to_entry(entry)


def to_entry(entry: Entry) -> AuditEntry:
    """A log entry as a value; one that is none of ours comes out as kind `foreign`."""
    try:
        return msgspec.convert(entry.payload, AuditEntry, strict=False)
    except msgspec.ValidationError as error:
        return AuditEntry(
            kind=Kind.FOREIGN,
            severity=entry.severity,
            who=UNKNOWN,
            what=What(action="write to the audit log", resource=entry.insert_id),
            when=When(occurred_at=entry.timestamp),
            where=Where(),
            outcome=AuditOutcome.FOUND,
            why=explain(f"no entry of Dagwarden's: {error}"),
            details={"payload": shorten(encode(entry.payload).decode())},
            insert_id=entry.insert_id,
        )
