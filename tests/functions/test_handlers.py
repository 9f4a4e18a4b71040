"""notify and record against the local cloud: what they do, and what they do not do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import Contended, InvalidInput, Unavailable
from dagwarden.events import ObjectEvent, ObjectEventKind, PubsubEvent
from dagwarden.handlers.notify import handle_release
from dagwarden.handlers.record import handle_message, merge_status, read_receipt
from dagwarden.ledger.commit import Committed
from dagwarden.ledger.read import Ledger
from dagwarden.names import Component, Digest, EnvironmentName, ReleaseNumber, release_object, status_object
from dagwarden.sync.notice import Notice, Receipt, ReceiptOutcome, Status
from dagwarden.wire import decode, encode
from localcloud.testing import RunningCloud

PROD = EnvironmentName("prod")
AT = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)
RECEIPT = Receipt(
    environment=PROD,
    component="worker",
    instance="w-1",
    outcome=ReceiptOutcome.APPLIED,
    release=ReleaseNumber(1),
    digest=Digest("ab" * 32),
    tree=Digest("cd" * 32),
    at=AT,
    visible_at=AT,
    pushed_at=AT - dt.timedelta(seconds=0.31),
)
STATUS = status_object(PROD, "worker", "w-1")


def now() -> dt.datetime:
    return AT + dt.timedelta(hours=1)


def event_of(cloud: Cloud, committed: Committed, **changes: Any) -> ObjectEvent:
    info = cloud.ledger.stat(release_object(PROD, committed.release.number))
    assert info is not None
    event = ObjectEvent(
        bucket=info.bucket,
        name=info.name,
        generation=info.generation,
        kind=ObjectEventKind.FINALIZED,
        size_bytes=info.size_bytes,
        md5=info.md5,
        metadata=info.metadata,
        time=AT,
        event_id="1",
    )
    return msgspec.structs.replace(event, **changes)


def pull_notices(cloud: Cloud) -> list[Notice]:
    return [decode(Notice, message.data) for _, message in cloud.subscription(cloud.settings.notices_topic).pull(100)]


def kinds(cloud: Cloud) -> list[Kind]:
    return [entry.kind for entry in read_entries(cloud.audit_log, AuditQuery())]


def make_message(topic: str, content: bytes, **attributes: str) -> PubsubEvent:
    return PubsubEvent(
        topic=topic,
        subscription="s",
        message_id="m1",
        data=content,
        attributes=attributes,
        published_at=AT,
        delivery_attempt=1,
    )


def message_of(cloud: Cloud, receipt: Receipt) -> PubsubEvent:
    return make_message(cloud.settings.receipts_topic, encode(receipt))


def read_status(cloud: Cloud) -> Status:
    return decode(Status, cloud.store.read(STATUS))


# ---- notify ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("notices")
def test_each_component_class_is_told_of_a_release_in_one_request(
    cloud: Cloud,
    ledger: Ledger,
    audit: AuditWriter,
    release_files: Callable[..., Committed],
    cloud_server: RunningCloud,
) -> None:
    committed = release_files({"dags/a.py": "a = 1\n"})
    before = cloud_server.admin.count("pubsub", "Publish")
    handle_release(event_of(cloud, committed), cloud, ledger, audit)
    notices = pull_notices(cloud)
    assert {notice.component for notice in notices} == set(Component)
    assert {(notice.release, notice.digest) for notice in notices} == {(1, committed.digest)}
    assert cloud_server.admin.count("pubsub", "Publish") - before == 1
    assert kinds(cloud) == [Kind.RELEASE_NOTIFIED]


@pytest.mark.usefixtures("notices")
def test_event_delivered_three_times_shows_one_audit_entry(
    cloud: Cloud,
    ledger: Ledger,
    audit: AuditWriter,
    release_files: Callable[..., Committed],
) -> None:
    event = event_of(cloud, release_files({"dags/a.py": "a = 1\n"}))
    for _ in range(3):
        handle_release(event, cloud, ledger, audit)
    assert kinds(cloud) == [Kind.RELEASE_NOTIFIED]


def test_what_is_no_new_release_starts_nothing(
    cloud: Cloud, ledger: Ledger, audit: AuditWriter, release_files: Callable[..., Committed]
) -> None:
    event = event_of(cloud, release_files({"dags/a.py": "1"}))
    changes: list[dict[str, Any]] = [
        {"bucket": "somebody-elses"},
        {"name": "prod/releases/1.json"},
        {"name": "prod/deltas/x.tar.gz"},
        {"name": "PROD/releases/0000000001.json"},
        {"kind": ObjectEventKind.METADATA_UPDATED},
    ]
    for change in changes:
        handle_release(msgspec.structs.replace(event, **change), cloud, ledger, audit)
    assert kinds(cloud) == []


@pytest.mark.usefixtures("notices")
def test_forged_release_is_recorded_and_never_announced(cloud: Cloud, ledger: Ledger, audit: AuditWriter) -> None:
    name = release_object(PROD, ReleaseNumber(1))
    info = cloud.ledger.write(name, b'{"payload":""}', generation=0, content_type="application/json")
    event = ObjectEvent(
        bucket=info.bucket,
        name=name,
        generation=info.generation,
        kind=ObjectEventKind.FINALIZED,
        size_bytes=1,
        md5="",
        metadata={},
        time=AT,
        event_id="1",
    )
    handle_release(event, cloud, ledger, audit)
    assert kinds(cloud) == [Kind.HISTORY_TAMPERED]
    assert pull_notices(cloud) == []


@pytest.mark.parametrize("change", [{"generation": 1}, {"kind": ObjectEventKind.ARCHIVED}])
def test_release_that_is_gone_or_replaced_is_recorded(
    cloud: Cloud,
    ledger: Ledger,
    audit: AuditWriter,
    release_files: Callable[..., Committed],
    change: dict[str, Any],
) -> None:
    handle_release(event_of(cloud, release_files({"dags/a.py": "1"}), **change), cloud, ledger, audit)
    assert kinds(cloud) == [Kind.HISTORY_TAMPERED]


@pytest.mark.usefixtures("notices")
def test_nothing_is_announced_unless_the_audit_entry_is_written(
    cloud: Cloud,
    ledger: Ledger,
    audit: AuditWriter,
    release_files: Callable[..., Committed],
    cloud_server: RunningCloud,
) -> None:
    event = event_of(cloud, release_files({"dags/a.py": "1"}))
    cloud_server.admin.plan("logging", "fail", status=503, times=1000)
    with pytest.raises(Unavailable):
        handle_release(event, cloud, ledger, audit)
    assert pull_notices(cloud) == []


# ---- record ------------------------------------------------------------------------------------------------------


def test_receipt_becomes_audit_entry_and_status(cloud: Cloud, audit: AuditWriter) -> None:
    handle_message(message_of(cloud, RECEIPT), cloud, audit, now)
    assert read_status(cloud) == Status(receipt=RECEIPT)
    assert kinds(cloud) == [Kind.RELEASE_SYNCED]


def test_receipt_delivered_three_times_is_recorded_once(cloud: Cloud, audit: AuditWriter) -> None:
    for _ in range(3):
        handle_message(message_of(cloud, RECEIPT), cloud, audit, now)
    assert kinds(cloud) == [Kind.RELEASE_SYNCED]
    assert read_status(cloud).receipt == RECEIPT


def test_sign_of_life_is_no_audit_entry(cloud: Cloud, audit: AuditWriter) -> None:
    alive = msgspec.structs.replace(RECEIPT, outcome=ReceiptOutcome.RUNNING)
    handle_message(message_of(cloud, alive), cloud, audit, now)
    assert kinds(cloud) == []
    assert read_status(cloud).receipt.outcome is ReceiptOutcome.RUNNING


def test_older_receipt_never_replaces_a_newer_one(cloud: Cloud, audit: AuditWriter) -> None:
    newer = msgspec.structs.replace(RECEIPT, release=ReleaseNumber(2), at=AT + dt.timedelta(seconds=1))
    for receipt in (newer, RECEIPT):
        handle_message(message_of(cloud, receipt), cloud, audit, now)
    assert read_status(cloud).receipt.release == 2


def test_sign_of_life_keeps_the_times_of_the_apply() -> None:
    alive = msgspec.structs.replace(
        RECEIPT, outcome=ReceiptOutcome.RUNNING, at=AT + dt.timedelta(minutes=2), visible_at=None, pushed_at=None
    )
    merged = merge_status(Status(receipt=RECEIPT), alive)
    assert merged is not None
    assert (merged.receipt.visible_at, merged.receipt.at) == (RECEIPT.visible_at, alive.at)


def test_failing_since_is_the_first_failure_and_ends_with_success() -> None:
    def later(minutes: int, outcome: ReceiptOutcome) -> Receipt:
        return msgspec.structs.replace(RECEIPT, outcome=outcome, at=AT + dt.timedelta(minutes=minutes))

    first = merge_status(Status(receipt=RECEIPT), later(1, ReceiptOutcome.FAILED))
    second = merge_status(first, later(2, ReceiptOutcome.FAILED))
    third = merge_status(second, later(3, ReceiptOutcome.APPLIED))
    assert second is not None
    assert third is not None
    assert second.failing_since == AT + dt.timedelta(minutes=1)
    assert third.failing_since is None


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "../prod"},
        {"environment": ""},
        {"instance": "a/b"},
        {"instance": ".."},
        {"component": "kitchen"},
        {"release": -1},
        {"digest": "x"},
        {"tree": ""},
        {"at": AT + dt.timedelta(days=1)},
        {"at": dt.datetime(2026, 11, 22)},  # noqa: DTZ001 the fault
    ],
)
def test_receipt_with_impossible_values_is_refused(change: dict[str, Any]) -> None:
    content = encode(msgspec.structs.replace(RECEIPT, **change))
    with pytest.raises(InvalidInput):
        read_receipt(make_message("receipts", content), now())


@given(st.binary() | st.dictionaries(st.text(), st.text() | st.integers()).map(encode))
def test_any_bytes_are_a_receipt_or_invalid_input(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_receipt(make_message("receipts", content), now())


def test_status_that_others_keep_writing_is_left_for_the_next_delivery(
    cloud: Cloud, audit: AuditWriter, cloud_server: RunningCloud
) -> None:
    handle_message(message_of(cloud, RECEIPT), cloud, audit, now)
    cloud_server.admin.plan("storage", "fail", method="objects.insert", status=412, times=1000)
    newer = msgspec.structs.replace(RECEIPT, at=AT + dt.timedelta(seconds=1))
    with pytest.raises(Contended):
        handle_message(message_of(cloud, newer), cloud, audit, now)


def test_status_written_but_answered_503_is_known_as_ones_own(
    cloud: Cloud, audit: AuditWriter, cloud_server: RunningCloud
) -> None:
    fault = cloud_server.admin.plan("storage", "fail_after", method="objects.insert", status=503, times=1)
    handle_message(message_of(cloud, RECEIPT), cloud, audit, now)
    assert cloud_server.admin.struck(fault) == 1
    assert read_status(cloud).receipt == RECEIPT


def test_dead_letter_is_recorded(cloud: Cloud, audit: AuditWriter) -> None:
    topic = cloud.settings.dead_letters_topic
    message = make_message(topic, b"{", CloudPubSubDeadLetterSourceSubscription="gate-sub")
    handle_message(message, cloud, audit, now)
    assert kinds(cloud) == [Kind.EVENT_DEAD_LETTERED]


def test_message_of_a_foreign_topic_starts_nothing(cloud: Cloud, audit: AuditWriter) -> None:
    handle_message(make_message("somebody-elses", encode(RECEIPT)), cloud, audit, now)
    assert kinds(cloud) == []
