"""Object events: real payloads become values, everything else becomes InvalidInput."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.events import ObjectEvent, ObjectEventKind, read_object_event

EVENTS = Path(__file__).parents[2] / "events"
FINALIZED = {
    "id": "12761621150588617",
    "type": "google.cloud.storage.object.v1.finalized",
    "source": "//storage.googleapis.com/projects/_/buckets/some-bucket",
    "time": "2020-04-23T07:38:57.230000Z",
}
PUBLISHED = {
    "id": "7",
    "type": "google.cloud.pubsub.topic.v1.messagePublished",
    "source": "//pubsub.googleapis.com/projects/proj-local/topics/changes",
    "time": "2020-04-23T07:38:58Z",
}


def read_payload(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return payload


def notification(payload: dict[str, Any], event_type: str) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(payload).encode()).decode()
    attributes = {"eventType": event_type, "eventTime": "2020-04-23T07:39:00Z", "payloadFormat": "JSON_API_V1"}
    return {"message": {"data": data, "attributes": attributes, "messageId": "7"}, "subscription": "projects/p/x/s"}


def test_official_payload_with_numbers_as_text_is_read() -> None:
    assert read_object_event(FINALIZED, read_payload("storage/StorageObjectData-simple.json")) == ObjectEvent(
        bucket="some-bucket",
        name="folder/Test.cs",
        generation=1587627537231057,
        kind=ObjectEventKind.FINALIZED,
        size_bytes=352,
        md5="905f0cb89e7e093271bf28474b5c7346",
        metadata={},
        time=dt.datetime(2020, 4, 23, 7, 38, 57, 230000, tzinfo=dt.UTC),
        event_id="12761621150588617",
        created_at=dt.datetime(2020, 4, 23, 7, 38, 57, 230000, tzinfo=dt.UTC),
    )


def test_official_payload_with_numbers_as_integers_is_read() -> None:
    event = read_object_event(FINALIZED, read_payload("storage/StorageObjectData-complex.json"))
    assert (event.name, event.generation, event.size_bytes) == ("MyFile", 96883251, 0)


def test_conformance_event_is_read() -> None:
    structured = read_payload("conformance/storage-cloudevent-input.json")
    event = read_object_event(structured, structured["data"])
    assert event.resource == "gs://some-bucket/folder/Test.cs#1587627537231057"


@pytest.mark.parametrize("kind", list(ObjectEventKind))
def test_each_kind_is_told_by_the_event_type(kind: ObjectEventKind) -> None:
    attributes = {**FINALIZED, "type": f"google.cloud.storage.object.v1.{kind}"}
    assert read_object_event(attributes, read_payload("storage/StorageObjectData-simple.json")).kind is kind


def test_deletion_happened_when_storage_says_it_was_deleted() -> None:
    payload = read_payload("storage/StorageObjectData-complex.json")
    event = read_object_event({**FINALIZED, "type": "google.cloud.storage.object.v1.deleted"}, payload)
    assert event.time == dt.datetime(2020, 5, 18, 9, 7, 51, 799000, tzinfo=dt.UTC)


def test_name_comes_from_data_because_subject_arrives_garbled() -> None:
    payload = {**read_payload("storage/StorageObjectData-simple.json"), "name": "prod/dags/größe.py"}
    event = read_object_event({**FINALIZED, "subject": "objects/prod/dags/grÃ¶Ã\x9fe.py"}, payload)
    assert event.name == "prod/dags/größe.py"


def test_composed_object_has_no_md5() -> None:
    payload = read_payload("storage/StorageObjectData-simple.json")
    del payload["md5Hash"]
    assert read_object_event(FINALIZED, payload).md5 == ""


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("OBJECT_FINALIZE", ObjectEventKind.FINALIZED),
        ("OBJECT_DELETE", ObjectEventKind.DELETED),
        ("OBJECT_ARCHIVE", ObjectEventKind.ARCHIVED),
        ("OBJECT_METADATA_UPDATE", ObjectEventKind.METADATA_UPDATED),
    ],
)
def test_notification_over_pubsub_tells_the_same(event_type: str, kind: ObjectEventKind) -> None:
    payload = read_payload("storage/StorageObjectData-simple.json")
    event = read_object_event(PUBLISHED, notification(payload, event_type))
    assert (event.kind, event.name, event.event_id) == (kind, "folder/Test.cs", "7")


def test_notification_without_deletion_time_takes_the_event_time() -> None:
    payload = read_payload("storage/StorageObjectData-simple.json")
    event = read_object_event(PUBLISHED, notification(payload, "OBJECT_DELETE"))
    assert event.time == dt.datetime(2020, 4, 23, 7, 39, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generation": "latest"}, "generation"),
        ({"generation": -1}, "generation"),
        ({"generation": 1.5}, "generation"),
        ({"generation": None}, "generation"),
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"bucket": ["b"]}, "bucket"),
        ({"md5Hash": "%%%"}, "base64"),
        ({"md5Hash": "AAAA"}, "16"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"timeCreated": "yesterday"}, "timeCreated"),
        ({"timeCreated": "2020-04-23T07:38:57"}, "timeCreated"),
        ({"timeCreated": "0001-01-01T00:00:00+14:00"}, "moment"),
    ],
)
def test_fields_that_mean_nothing_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_object_event(FINALIZED, {**read_payload("storage/StorageObjectData-simple.json"), **change})


@pytest.mark.parametrize("data", [None, b"", b"{", b"\xff\xfe", "text", 7, [], {}])
def test_data_that_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(InvalidInput):
        read_object_event(FINALIZED, data)


def test_json_that_arrived_as_bytes_is_read() -> None:
    content = (EVENTS / "storage/StorageObjectData-simple.json").read_bytes()
    assert read_object_event(FINALIZED, content).name == "folder/Test.cs"


@pytest.mark.parametrize("attributes", [{}, {"type": ""}, {"type": "google.cloud.storage.bucket.v1.finalized"}])
def test_other_event_types_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        read_object_event(attributes, read_payload("storage/StorageObjectData-simple.json"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TIMES = st.sampled_from(["2020-04-23T07:38:57.237027213Z", "9999-12-31T23:59:59-12:00", "-1", "1e999", "null"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "bucket": JSON | st.just("b"),
        "name": JSON | st.just("n"),
        "generation": JSON | st.integers().map(str) | st.just(1),
        "size": JSON | st.integers().map(str),
        "md5Hash": JSON,
        "metadata": JSON,
        "timeCreated": JSON | TIMES,
        "timeDeleted": JSON | TIMES,
        "updated": JSON | TIMES,
    },
)


@given(kind=st.sampled_from([FINALIZED, PUBLISHED]), data=JSON | FIELDS, attributes=st.dictionaries(st.text(), JSON))
def test_any_json_is_a_value_or_invalid_input(kind: dict[str, str], data: object, attributes: Any) -> None:
    try:
        event = read_object_event({**kind, **attributes}, data)
    except InvalidInput:
        return
    assert event.time.tzinfo is dt.UTC


@given(payload=FIELDS, event_type=st.sampled_from(["OBJECT_FINALIZE", "OBJECT_DELETE", ""]))
def test_any_notification_is_a_value_or_invalid_input(payload: dict[str, Any], event_type: str) -> None:
    plain = {name: value for name, value in payload.items() if not isinstance(value, bytes)}
    try:
        data = notification(plain, event_type)
    except (TypeError, ValueError):
        return
    try:
        event = read_object_event(PUBLISHED, data)
    except InvalidInput:
        return
    assert event.generation >= 0
