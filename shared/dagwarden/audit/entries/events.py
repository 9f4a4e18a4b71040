"""Entries on events that came to nothing: refused, given up on, replayed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from dagwarden.audit.entry import (
    UNKNOWN,
    AuditEntry,
    AuditOutcome,
    Kind,
    What,
    When,
    Where,
    explain,
    make_insert_id,
    shorten,
    take_within,
)
from dagwarden.errors import DagwardenError, InvalidInput
from dagwarden.events.messages import PubsubEvent
from dagwarden.names import parse_environment
from dagwarden.policy.verdict import Principal


def event_refused(
    error: DagwardenError, *, function: str, attributes: Mapping[str, str], at: dt.datetime, environment: str = ""
) -> AuditEntry:
    """An event meant nothing to a function: it is acknowledged and changes nothing.

    Args:
        attributes: the CloudEvent's context attributes.
        at: the present, for an event that carries no time.
    """
    event_id, source = str(attributes.get("id", "")), str(attributes.get("source", ""))
    return AuditEntry(
        kind=Kind.EVENT_REFUSED,
        severity="WARNING",
        who=UNKNOWN,
        what=What(action=f"handle {shorten(str(attributes.get('type', 'event')), 200)}", resource=shorten(source)),
        when=When(occurred_at=at),
        where=Where(source=shorten(source), function=function),
        outcome=AuditOutcome.REFUSED,
        why=explain(str(error)),
        environment=environment or _find_environment(str(attributes.get("subject", ""))),
        details={
            "error": type(error).__name__,
            "event_id": shorten(event_id),
            "subject": shorten(str(attributes.get("subject", ""))),
        },
        insert_id=make_insert_id(Kind.EVENT_REFUSED, function, source, shorten(event_id)),
    )


def _find_environment(subject: str) -> str:
    """The environment that an object's name begins with (`objects/ENV/…`); empty where it is of none."""
    name = subject.removeprefix("objects/")
    environment, slash, _ = name.partition("/")
    if name == subject or not slash:
        return ""
    try:
        return parse_environment(environment)
    except InvalidInput:
        return ""


def event_dead_lettered(event: PubsubEvent) -> AuditEntry:
    """A message was given up on after too many attempts; it waits in the dead-letter topic."""
    origin = event.attributes.get("CloudPubSubDeadLetterSourceSubscription", event.subscription)
    attempts = event.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "")
    return AuditEntry(
        kind=Kind.EVENT_DEAD_LETTERED,
        severity="ERROR",
        who=UNKNOWN,
        what=What(action="give up delivering", resource=shorten(event.message_id)),
        when=When(occurred_at=event.published_at),
        where=Where(source=shorten(origin)),
        outcome=AuditOutcome.FAILED,
        why=explain(f"no handler took it in {attempts or 'the allowed number of'} attempts"),
        details={
            "message_id": shorten(event.message_id),
            "attributes": dict(take_within((shorten(k), shorten(v)) for k, v in sorted(event.attributes.items()))),
        },
        insert_id=make_insert_id(Kind.EVENT_DEAD_LETTERED, event.message_id),
    )


def event_replayed(message_id: str, *, by: str, to: str, at: dt.datetime) -> AuditEntry:
    """Somebody hands a dead letter to its function once more.

    Args:
        by: who.
        to: where it is sent.
        at: when.
    """
    return AuditEntry(
        kind=Kind.EVENT_REPLAYED,
        severity="NOTICE",
        who=Principal(name=by),
        what=What(action="replay dead letter", resource=shorten(message_id)),
        when=When(occurred_at=at),
        where=Where(source=shorten(to)),
        outcome=AuditOutcome.BEGUN,
        why=explain("asked for on the command line"),
        insert_id=make_insert_id(Kind.EVENT_REPLAYED, message_id, at),
    )
