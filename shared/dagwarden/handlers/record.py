"""What instances and Pub/Sub report back is kept: receipts as audit entry and status, dead letters as audit entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec

from dagwarden.audit.entries import event_dead_lettered, release_synced
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import Contended, InvalidInput, NotFound, PreconditionFailed
from dagwarden.events.messages import PubsubEvent
from dagwarden.names import (
    BUCKET_COMPONENT,
    Component,
    EnvironmentName,
    parse_digest,
    parse_environment,
    parse_instance,
    status_object,
)
from dagwarden.sync.notice import Receipt, ReceiptOutcome, Status
from dagwarden.wire import decode, encode

ATTEMPTS = 8
"""How often a status object that somebody else writes at the same moment is read again and written."""
MAX_AHEAD = dt.timedelta(minutes=5)
"""How far an instance's clock may run ahead: a receipt from the future would silence all that come after it."""


def handle_message(event: PubsubEvent, cloud: Cloud, audit: AuditWriter, now: Callable[[], dt.datetime]) -> None:
    """What the message tells is on record; a message of a foreign topic starts nothing.

    Raises:
        Transient: deliver the message again.
        InvalidInput: a receipt that is none.
    """
    settings = cloud.settings
    if event.topic == settings.receipts_topic:
        handle_receipt(read_receipt(event, now()), cloud, audit)
    elif event.topic == settings.dead_letters_topic:
        audit.write(event_dead_lettered(event))


def read_receipt(event: PubsubEvent, now: dt.datetime) -> Receipt:
    """The receipt in a message, with names that may stand in object names.

    Raises:
        InvalidInput: it is none.
    """
    receipt = decode(Receipt, event.data, subject=f"message {event.message_id}")
    parse_environment(receipt.environment)
    parse_instance(receipt.instance)
    parse_digest(receipt.digest)
    parse_digest(receipt.tree)
    if receipt.component not in {BUCKET_COMPONENT, *Component}:
        raise _invalid(f"{receipt.component!r} is no component", receipt)
    if receipt.release < 0 or (receipt.wanted is not None and receipt.wanted < 1):
        raise _invalid(f"there is no release {min(receipt.release, receipt.wanted or 0)}", receipt)
    if any(time is not None and time.tzinfo is None for time in (receipt.at, receipt.visible_at, receipt.pushed_at)):
        raise _invalid("a time has no time zone", receipt)
    if receipt.at > now + MAX_AHEAD:
        raise _invalid(f"it is dated {receipt.at}, but it is {now}", receipt, hint="set the instance's clock")
    return receipt


def handle_receipt(receipt: Receipt, cloud: Cloud, audit: AuditWriter) -> None:
    """The audit log has what the receipt tells (a sign of life tells nothing new), then the status object has it.

    Raises:
        Transient: deliver it again.
    """
    if receipt.outcome is not ReceiptOutcome.RUNNING:
        audit.write(release_synced(receipt))
    name = status_object(EnvironmentName(receipt.environment), receipt.component, receipt.instance)
    for _ in range(ATTEMPTS):
        standing, generation = _read_status(cloud, name)
        status = merge_status(standing, receipt)
        if status is None:
            return
        try:
            cloud.store.write(name, encode(status), generation=generation, content_type="application/json")
        except PreconditionFailed:
            continue
        return
    raise Contended(f"others wrote it {ATTEMPTS} times meanwhile", operation="write status", subject=name)


def merge_status(standing: Status | None, receipt: Receipt) -> Status | None:
    """The status after a receipt; None when what stands is as new or newer.

    A sign of life says less than the receipt of the apply did, so the times of the same release are kept.
    """
    if standing is None:
        return Status(receipt=receipt, failing_since=receipt.at if _is_failure(receipt) else None)
    old = standing.receipt
    if (receipt.at, receipt.release) <= (old.at, old.release):
        return None
    since = (standing.failing_since or receipt.at) if _is_failure(receipt) else None
    if receipt.release == old.release:
        receipt = _keep_times(receipt, old)
    return Status(receipt=receipt, failing_since=since)


def _keep_times(receipt: Receipt, old: Receipt) -> Receipt:
    names = ("visible_at", "push_id", "pushed_at", "committed_at", "noticed_at", "stages_ms")
    kept = {name: getattr(old, name) for name in names if not getattr(receipt, name)}
    return msgspec.structs.replace(receipt, **kept)


def _is_failure(receipt: Receipt) -> bool:
    return receipt.outcome is ReceiptOutcome.FAILED


def _read_status(cloud: Cloud, name: str) -> tuple[Status | None, int]:
    """The status that stands and its generation; generation 0 when there is none."""
    try:
        content, info = cloud.store.read_with_info(name)
    except NotFound:
        return None, 0
    try:
        return decode(Status, content, subject=name), info.generation
    except InvalidInput:
        return None, info.generation  # it says nothing to anyone: the receipt replaces it


def _invalid(message: str, receipt: Receipt, *, hint: str = "") -> InvalidInput:
    subject = f"{receipt.environment}/{receipt.component}/{receipt.instance}"
    return InvalidInput(message, operation="read receipt", subject=subject, hint=hint)
