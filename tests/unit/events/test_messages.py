"""Pub/Sub messages and audit-log entries: real payloads become values, everything else becomes InvalidInput."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.events import PubsubEvent, read_audit_log_event, read_pubsub_event

EVENTS = Path(__file__).parents[2] / "events"
PUBLISHED = {
    "id": "1413058901901494",
    "type": "google.cloud.pubsub.topic.v1.messagePublished",
    "source": "//pubsub.googleapis.com/projects/proj-local/topics/my-topic",
    "time": "2021-02-05T04:06:14.109Z",
}
WRITTEN = {"id": "9", "type": "google.cloud.audit.log.v1.written", "source": "//cloudaudit.googleapis.com/x"}


def read_payload(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return payload


def test_text_message_is_read() -> None:
    assert read_pubsub_event(PUBLISHED, read_payload("pubsub/MessagePublishedData-text.json")) == PubsubEvent(
        topic="my-topic",
        subscription="my-subscription",
        message_id="message-id",
        data=b"test message 3",
        attributes={"attr1": "attr1-value"},
        published_at=dt.datetime(2021, 2, 5, 4, 6, 14, 109000, tzinfo=dt.UTC),
        delivery_attempt=None,
    )


@pytest.mark.parametrize("name", ["binary", "duplicatedFields"])
def test_binary_message_is_read_with_or_without_duplicated_fields(name: str) -> None:
    event = read_pubsub_event(PUBLISHED, read_payload(f"pubsub/MessagePublishedData-{name}.json"))
    assert (event.data, event.message_id) == (b"\x01\x02\x03\x04", "message-id")


@pytest.mark.parametrize("name", ["pubsub_text", "pubsub_binary", "legacy_pubsub"])
def test_conformance_events_are_read(name: str) -> None:
    structured = read_payload(f"conformance/{name}-cloudevent-input.json")
    event = read_pubsub_event(structured, structured["data"])
    assert event.topic == "gcf-test"


def test_message_with_fields_in_snake_case_only_is_read() -> None:
    message = {"data": "", "message_id": "m", "publish_time": "2021-02-05T04:06:14Z"}
    event = read_pubsub_event(PUBLISHED, {"message": message, "deliveryAttempt": 3})
    assert (event.message_id, event.data, event.delivery_attempt) == ("m", b"", 3)


def test_message_without_body_has_empty_data() -> None:
    assert read_pubsub_event(PUBLISHED, {"message": {"attributes": {"a": "b"}, "messageId": "m"}}).data == b""


@pytest.mark.parametrize("data", [None, b"", {}, {"message": None}, {"message": {"data": "%"}}, {"message": []}])
def test_data_that_is_no_message_is_refused(data: object) -> None:
    with pytest.raises(InvalidInput):
        read_pubsub_event(PUBLISHED, data)


def test_iam_change_of_a_bucket_is_read() -> None:
    event = read_audit_log_event(WRITTEN, read_payload("audit/LogEntryData-storageSetIamPermissions.json"))
    assert (event.service, event.method) == ("storage.googleapis.com", "storage.setIamPermissions")
    assert (event.principal, event.caller_ip) == ("admin@example.com", "203.0.113.7")
    assert event.resource == "projects/_/buckets/docs-bucket"
    assert event.succeeded


@pytest.mark.parametrize("name", ["bigqueryjobcompleted", "monitoringCreateTimeSeries", "pubsubCreateTopic"])
def test_official_audit_entries_are_read(name: str) -> None:
    event = read_audit_log_event(WRITTEN, read_payload(f"audit/LogEntryData-{name}.json"))
    assert event.method
    assert event.time.tzinfo is dt.UTC


def test_failed_call_is_told_from_a_done_one() -> None:
    payload = read_payload("audit/LogEntryData-storageSetIamPermissions.json")
    payload["protoPayload"]["status"] = {"code": 7, "message": "denied"}
    assert not read_audit_log_event(WRITTEN, payload).succeeded


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "data": JSON | st.sampled_from(["AQID", "AQ", "\u00e9"]),
        "attributes": JSON,
        "messageId": JSON,
        "publishTime": JSON | st.just("0001-01-01T00:00:00+14:00"),
    },
)


@given(data=JSON | st.fixed_dictionaries({"message": MESSAGE}), attributes=st.dictionaries(st.text(), JSON))
def test_any_json_is_a_message_or_invalid_input(data: object, attributes: Any) -> None:
    try:
        event = read_pubsub_event({**PUBLISHED, **attributes}, data)
    except InvalidInput:
        return
    assert event.message_id


@given(payload=st.fixed_dictionaries({"protoPayload": JSON, "timestamp": JSON}) | JSON)
def test_any_json_is_an_audit_entry_or_invalid_input(payload: object) -> None:
    with pytest.raises(InvalidInput):
        read_audit_log_event(WRITTEN, payload)
