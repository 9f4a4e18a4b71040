"""Entries written with the real client come back as they were, once, in order."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import google.cloud.logging
import pytest
import requests
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud.logging_v2 import Resource

from localcloud.logs.query import SCAN_LIMIT
from localcloud.testing import RunningCloud, running_cloud

from .conftest import RawLogs

NOON = dt.datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=dt.UTC)


def test_an_entry_comes_back_as_it_was_written(client: google.cloud.logging.Client) -> None:
    client.logger("dagwarden-audit").log_struct(
        {"event": "verdict", "findings": [{"rule": "x"}], "nothing": None},
        severity="WARNING",
        labels={"environment": "prod", "a/b": "c"},
        insert_id="verdict-1",
        timestamp=NOON,
        trace="projects/p/traces/0af7651916cd43dd8448eb211c80319c",
        resource=Resource(type="cloud_run_revision", labels={"service_name": "gate"}),
    )
    [entry] = _list(client)
    assert entry.payload == {"event": "verdict", "findings": [{"rule": "x"}], "nothing": None}
    assert (entry.severity, entry.insert_id, entry.timestamp) == ("WARNING", "verdict-1", NOON)
    assert entry.labels == {"environment": "prod", "a/b": "c"}
    assert entry.trace == "projects/p/traces/0af7651916cd43dd8448eb211c80319c"
    assert entry.resource.type == "cloud_run_revision"
    assert entry.resource.labels == {"service_name": "gate", "project_id": client.project}
    assert entry.log_name == f"projects/{client.project}/logs/dagwarden-audit"
    assert entry.received_timestamp > NOON


def test_what_an_entry_leaves_out_is_filled_in(client: google.cloud.logging.Client) -> None:
    client.logger("l").log_text("hello")
    client.logger("l").log_empty()
    text, empty = _list(client)
    assert text.payload == "hello"
    for entry in (text, empty):
        assert entry.insert_id
        assert entry.timestamp == entry.received_timestamp
        assert entry.resource.type == "global"
    assert text.insert_id != empty.insert_id


def test_the_same_insert_id_and_time_is_one_entry(client: google.cloud.logging.Client) -> None:
    for attempt in range(3):
        client.logger("l").log_struct({"attempt": attempt}, insert_id="a", timestamp=NOON)
    client.logger("l").log_struct({}, insert_id="a", timestamp=NOON + dt.timedelta(seconds=1))
    client.logger("other").log_struct({}, insert_id="a", timestamp=NOON)
    entries = _list(client)
    assert len(entries) == 3
    assert [e.payload for e in entries if e.timestamp == NOON and e.log_name.endswith("/l")] == [{"attempt": 0}]


@pytest.mark.parametrize("order", ["timestamp asc", "timestamp desc"])
def test_pages_follow_one_another_in_order(client: google.cloud.logging.Client, order: str) -> None:
    batch = client.logger("l").batch()
    for number in range(25):
        batch.log_struct({"n": number}, insert_id=f"{number:03}", timestamp=NOON + dt.timedelta(seconds=number // 5))
    batch.commit()
    entries = list(client.list_entries(filter_=_ALL, order_by=order, page_size=4))
    numbers = [entry.payload["n"] for entry in entries]
    assert numbers == sorted(range(25), reverse=order.endswith("desc"))


def test_a_search_goes_on_where_one_request_stopped_looking(client: google.cloud.logging.Client) -> None:
    for hundreds in range(5):
        with client.logger("l").batch() as batch:
            for number in range(900):
                batch.log_struct({"n": hundreds * 900 + number}, timestamp=NOON)
    assert SCAN_LIMIT < 5 * 900
    found = client.list_entries(filter_=f"{_ALL} jsonPayload.n>=4499")
    assert [entry.payload for entry in found] == [{"n": 4499}]


def test_a_page_token_is_good_for_its_own_question_only(logs: RawLogs) -> None:
    logs.write(*({"textPayload": str(n)} for n in range(3)))
    status, page = logs.list_page(pageSize=1)
    assert status == 200
    assert len(page["entries"]) == 1
    token = page["nextPageToken"]
    assert logs.list_page(pageSize=1, pageToken=token)[0] == 200
    assert logs.list_page(pageToken=token, filter="other")[0] == 400
    assert logs.list_page(pageToken="AAAA")[0] == 400


def test_a_follower_misses_nothing_and_sees_nothing_twice(client: google.cloud.logging.Client) -> None:
    seen: list[int] = []
    last = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for number in range(12):
        # what is written late with an early timestamp is new to a follower all the same
        client.logger("l").log_struct({"n": number}, timestamp=NOON - dt.timedelta(days=number))
        if number % 3 == 0:
            continue
        fresh = list(client.list_entries(filter_=f'{_ALL} receiveTimestamp>"{last.isoformat()}"'))
        seen += sorted(entry.payload["n"] for entry in fresh)
        last = max([last, *(entry.received_timestamp for entry in fresh)])
    assert seen == list(range(12))


def test_one_bad_entry_spoils_all_unless_partial_success(logs: RawLogs) -> None:
    entries = ({"textPayload": "good"}, {"textPayload": "bad", "severity": "LOUD"})
    status, answer = logs.write(*entries)
    assert status == 400
    assert "LOUD" in answer["error"]["message"]
    assert logs.texts() == []
    status, answer = logs.write(*entries, partialSuccess=True)
    assert status == 400
    assert answer["error"]["details"][0]["logEntryErrors"]["1"]["code"] == 3
    assert logs.texts() == ["good"]


def test_a_dry_run_writes_nothing(logs: RawLogs) -> None:
    assert logs.write({"textPayload": "x"}, dryRun=True)[0] == 200
    assert logs.texts() == []


def test_an_entry_of_256_kib_is_refused(client: google.cloud.logging.Client) -> None:
    client.logger("l").log_text("x" * 255_000)
    with pytest.raises(BadRequest, match="exceeds maximum size"):
        client.logger("l").log_text("x" * 262_144)


BAD_ENTRIES: dict[str, Any] = {
    "no object": 7,
    "unknown field": {"colour": "red"},
    "two payloads": {"textPayload": "a", "jsonPayload": {}},
    "payload of another kind": {"jsonPayload": "a"},
    "proto without type": {"protoPayload": {"a": 1}},
    "no time": {"timestamp": "yesterday"},
    "number as time": {"timestamp": 12},
    "two days ahead": {"timestamp": "2999-01-01T00:00:00Z"},
    "a year beyond counting": {"timestamp": "0001-01-01T00:00:00Z"},
    "label that is no text": {"labels": {"a": 1}},
    "labels that are none": {"labels": [1]},
    "65 labels": {"labels": {str(n): "" for n in range(65)}},
    "long label key": {"labels": {"k" * 513: ""}},
    "resource that is none": {"resource": "global"},
    "resource type that is none": {"resource": {"type": 5}},
    "insertId that is none": {"insertId": 5},
    "severity that is none": {"severity": {"a": 1}},
    "boolean severity": {"severity": True},
    "log name of nobody": {"logName": "projects//logs/x"},
    "log name that is none": {"logName": 5},
}


@pytest.mark.parametrize("entry", BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
def test_a_bad_entry_is_refused_with_its_reason(logs: RawLogs, entry: Any) -> None:
    status, answer = logs.write(entry)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert answer["error"]["message"]


BAD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe\x00",
    "no object": b"[]",
    "too deep": b"[" * 100_000,
    "a lone surrogate": b'{"logName": "\\ud800", "entries": []}',
    "not a number": b'{"logName": NaN}',
    "entries of another kind": b'{"entries": {"a": 1}}',
    "resource of another kind": b'{"entries": [], "resource": 7}',
    "labels of another kind": b'{"entries": [], "labels": "a"}',
    "a huge number": b'{"entries": [{"severity": 1' + b"0" * 5000 + b"}]}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("method", ["write", "list"])
def test_a_hostile_body_is_refused(logs: RawLogs, method: str, body: bytes) -> None:
    status, answer = logs.post(method, body)
    assert status == 400
    assert answer["error"]["code"] == 400


@pytest.mark.parametrize(
    "asked",
    [
        {"resourceNames": []},
        {"resourceNames": ["proj-local"]},
        {"resourceNames": "projects/p"},
        {"resourceNames": ["projects/p"], "pageSize": -1},
        {"resourceNames": ["projects/p"], "pageSize": "many"},
        {"resourceNames": ["projects/p"], "orderBy": "severity"},
        {"resourceNames": ["projects/p"], "pageToken": "é"},
        {"resourceNames": ["projects/p"], "filter": 7},
    ],
)
def test_a_bad_question_is_refused(logs: RawLogs, asked: dict[str, Any]) -> None:
    assert logs.post("list", asked)[0] == 400


def test_a_deleted_log_is_empty_and_the_others_are_not(client: google.cloud.logging.Client) -> None:
    slashed = client.logger("cloud.example.com%2Factivity")
    slashed.log_text("a")
    client.logger("l").log_text("b")
    slashed.delete()
    assert [entry.payload for entry in _list(client)] == ["b"]
    with pytest.raises(NotFound):
        slashed.delete()


def test_logs_are_listed_page_by_page(logs: RawLogs) -> None:
    for name in ("a", "b%2Fc", "d"):
        logs.write({"textPayload": "x"}, logName=f"{logs.parent}/logs/{name}")
    first = logs.get_logs(pageSize="2")
    rest = logs.get_logs(pageToken=first["nextPageToken"])
    assert [name.rpartition("/")[2] for name in first["logNames"] + rest["logNames"]] == ["a", "b%2Fc", "d"]
    assert "nextPageToken" not in rest


def test_entries_of_other_projects_are_not_shown(logs: RawLogs) -> None:
    logs.write({"textPayload": "x"}, logName="projects/other-proj/logs/l")
    assert logs.texts() == []


def test_entries_outlive_a_restart(tmp_path: Path) -> None:
    with requests.Session() as http:
        with running_cloud(tmp_path) as cloud:
            assert RawLogs(http, cloud.url, "proj-local").write({"textPayload": "kept"})[0] == 200
        with running_cloud(tmp_path) as cloud:
            assert RawLogs(http, cloud.url, "proj-local").texts() == ["kept"]


def test_a_write_answered_with_503_has_still_been_done(logs: RawLogs, cloud: RunningCloud) -> None:
    cloud.admin.plan("logging", "fail_after", method="entries.write")
    entry = {"textPayload": "x", "insertId": "i", "timestamp": "2026-01-01T00:00:00Z"}
    assert logs.write(entry)[0] == 503
    assert logs.write(entry)[0] == 200
    assert logs.texts() == ["x"]
    assert cloud.admin.count("logging", "entries.write") == 2


# The client asks for the last day unless told otherwise, and adds a diagnostic entry to a process's first write.
_ALL = 'timestamp>="2020-01-01T00:00:00Z" -jsonPayload."logging.googleapis.com/diagnostic":*'


def _list(client: google.cloud.logging.Client) -> list[Any]:
    return list(client.list_entries(filter_=_ALL))
