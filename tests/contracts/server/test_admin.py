"""Faults planned through the admin endpoint strike the calls they mean, and counters count every call."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from localcloud.admin import Count
from localcloud.calls import Fault
from localcloud.testing import RunningCloud, running_cloud

LOGS = {"resourceNames": ["projects/proj-local"]}
ENTRY = {"logName": "projects/proj-local/logs/l", "entries": [{"textPayload": "x"}]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("state")) as cloud:
        yield cloud


@pytest.fixture
def cloud(running: RunningCloud) -> RunningCloud:
    running.admin.forget_faults()
    running.admin.reset_counts()
    _send(running, "DELETE", "/v2/projects/proj-local/logs/l")
    running.admin.reset_counts()
    return running


def _send(cloud: RunningCloud, verb: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(verb, cloud.url + path, json=body, timeout=10)


def _write(cloud: RunningCloud) -> int:
    return _send(cloud, "POST", "/v2/entries:write", ENTRY).status_code


def _count_entries(cloud: RunningCloud) -> int:
    return len(_send(cloud, "POST", "/v2/entries:list", LOGS).json().get("entries", []))


def test_the_third_call_fails_and_no_other(cloud: RunningCloud) -> None:
    fault = cloud.admin.plan("logging", "fail", method="entries.write", nth=3, status=429)
    assert [_write(cloud) for _ in range(5)] == [200, 200, 429, 200, 200]
    assert _count_entries(cloud) == 4
    assert cloud.admin.struck(fault) == 1
    [planned] = cloud.admin.faults()
    assert (planned.seen, planned.fault.id) == (5, fault)


def test_work_may_be_done_and_answered_with_an_error(cloud: RunningCloud) -> None:
    cloud.admin.plan("logging", "fail_after", method="entries.write")
    assert _write(cloud) == 503
    assert _count_entries(cloud) == 1


@pytest.mark.parametrize(("action", "entries"), [("drop", 0), ("drop_after", 1)])
def test_a_connection_may_be_dropped(cloud: RunningCloud, action: Any, entries: int) -> None:
    cloud.admin.plan("logging", action, method="entries.write")
    with pytest.raises(requests.ConnectionError):
        _write(cloud)
    assert _count_entries(cloud) == entries


def test_a_call_may_be_delayed(cloud: RunningCloud) -> None:
    cloud.admin.plan("logging", "delay", method="entries.write", delay_s=0.2)
    started = time.monotonic()
    assert _write(cloud) == 200
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("action", "entries"), [("crash", 0), ("crash_after", 1)])
def test_a_registered_process_may_be_killed_by_its_own_call(cloud: RunningCloud, action: Any, entries: int) -> None:
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(60)")) as victim:
        try:
            cloud.admin.register_process("anonymous", victim.pid)
            cloud.admin.plan("logging", action, method="entries.write")
            with pytest.raises(requests.ConnectionError):
                _write(cloud)
            assert victim.wait(10) == -9
        finally:
            victim.kill()
    assert _count_entries(cloud) == entries


def test_faults_may_be_forgotten(cloud: RunningCloud) -> None:
    cloud.admin.plan_fault(Fault(service="logging", action="fail", times=100))
    assert _write(cloud) == 503
    cloud.admin.forget_faults()
    assert _write(cloud) == 200


def test_calls_are_counted_by_service_method_and_caller(cloud: RunningCloud) -> None:
    _write(cloud)
    _write(cloud)
    _send(cloud, "GET", "/v1/projects/proj-local/serviceAccounts")
    assert sorted(cloud.admin.counts(), key=lambda each: each.service) == [
        Count("iam", "serviceAccounts.list", "anonymous", 1),
        Count("logging", "entries.write", "anonymous", 2),
    ]
    assert cloud.admin.count() == 3
    cloud.admin.reset_counts()
    assert cloud.admin.counts() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"service": "logging"}',
        b'{"service": "logging", "action": "explode"}',
        b'{"service": "logging", "action": "fail", "colour": "red"}',
        b'{"caller": "gate", "pid": 0}',
        b'{"caller": "gate", "pid": -1}',
        b'{"caller": "gate", "pid": "1"}',
    ],
)
@pytest.mark.parametrize("path", ["/admin/faults", "/admin/processes"])
def test_what_is_no_instruction_is_refused(cloud: RunningCloud, path: str, body: bytes) -> None:
    assert requests.post(cloud.url + path, data=body, timeout=5).status_code == 400


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("POST", "/v2/entries:tail"),
        ("PUT", "/v2/entries:write"),
        ("GET", "/v1/projects//serviceAccounts"),
        ("DELETE", "/v2/projects/p/logs/%00"),
        ("DELETE", "/v2/projects/p/logs/%ff%fe"),
        ("GET", "/v1/projects/p/serviceAccounts/%2F..%2F"),
        ("GET", "/v1/projects/%F0%9F%98%80/locations/%20/triggers/%0A"),
        ("GET", "/service_accounts/v1/metadata/x509/%00"),
        ("GET", "/v2/projects/p/logs?pageSize=x"),
    ],
)
def test_a_hostile_path_is_never_a_server_error(cloud: RunningCloud, verb: str, path: str) -> None:
    assert requests.request(verb, cloud.url + path, timeout=5).status_code < 500
