"""`python -m localcloud` as users run it: announced, on loopback only, stopped cleanly, killed without loss."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from localcloud.admin_client import AdminClient
from localcloud.testing import running_cloud


@contextmanager
def _process(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    argv = (sys.executable, "-m", "localcloud", "--state", str(folder), *arguments)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_it_announces_its_endpoints_and_environment(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text("of an earlier run")
    with _process(tmp_path / "state", "--ready-file", str(ready)) as (_, told):
        assert told == json.loads(ready.read_text())
        assert told["environment"]["STORAGE_EMULATOR_HOST"] == told["http"]
        assert told["environment"]["PUBSUB_EMULATOR_HOST"] == told["pubsub"]
        health = requests.get(f"{told['http']}/admin/health", timeout=5).json()
    assert health == {"status": "serving", "http": told["http"], "pubsub": told["pubsub"]}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with _process(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(10) == 0


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with _process(tmp_path) as (process, _):
        inodes = {str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir() if _is_socket(fd)}
        lines = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
    listening = [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in inodes]
    assert len(listening) == 2
    assert {address.split(":")[0] for address in listening} <= {"0100007F", "0000000000000000FFFF00000100007F"}


def _is_socket(fd: Path) -> bool:
    try:
        return str(fd.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def test_kill_and_restart_lose_nothing(tmp_path: Path) -> None:
    project = "proj-local"
    with _process(tmp_path) as (process, told):
        url = told["http"]
        assert _post(url, f"/v1/projects/{project}/serviceAccounts", {"accountId": "gate-sa"})["email"]
        entry = {"logName": f"projects/{project}/logs/l", "textPayload": "kept"}
        _post(url, "/v2/entries:write", {"entries": [entry]})
        _post(url, f"/storage/v1/b?project={project}", {"name": "inbox"})
        _post(url, f"/v1/projects/{project}/locations/l/triggers?triggerId=gate", _trigger("inbox"))
        binding = {"role": "roles/viewer", "members": ["user:ann@example.com"]}
        policy = _post(url, f"/v1/projects/{project}:setIamPolicy", {"policy": {"bindings": [binding]}})
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with _process(tmp_path) as (_, told):
        url = told["http"]
        assert _post(url, f"/v1/projects/{project}:getIamPolicy", {}) == policy
        asked = {"resourceNames": [f"projects/{project}"], "filter": 'log_id("l")'}
        assert [each["textPayload"] for each in _post(url, "/v2/entries:list", asked)["entries"]] == ["kept"]
        accounts = requests.get(f"{url}/v1/projects/{project}/serviceAccounts", timeout=5).json()["accounts"]
        triggers = requests.get(f"{url}/v1/projects/{project}/locations/l/triggers", timeout=5).json()["triggers"]
        buckets = requests.get(f"{url}/storage/v1/b", params={"project": project}, timeout=5).json()["items"]
    assert (len(accounts), len(triggers), len(buckets)) == (1, 1, 1)


def test_two_clouds_never_share_a_folder(tmp_path: Path) -> None:
    with running_cloud(tmp_path), pytest.raises(BlockingIOError, match="another local cloud"), running_cloud(tmp_path):
        pass
    with running_cloud(tmp_path):
        pass


def test_a_taken_port_is_an_error_and_not_another_port(tmp_path: Path) -> None:
    with running_cloud(tmp_path / "a") as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), running_cloud(tmp_path / "b", http_port=port):
            pass
        grpc_port = int(first.endpoints.pubsub.rpartition(":")[2])
        with pytest.raises((OSError, RuntimeError)), running_cloud(tmp_path / "b", grpc_port=grpc_port):
            pass


def test_it_comes_back_on_the_ports_it_is_given(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        endpoints = cloud.endpoints
    ports = [int(each.rpartition(":")[2]) for each in (endpoints.http, endpoints.pubsub)]
    with running_cloud(tmp_path, *ports) as cloud:
        assert cloud.endpoints == endpoints
        assert cloud.admin.counts() is not None
    with AdminClient(endpoints.http) as admin, pytest.raises(httpx.ConnectError):
        admin.counts()


def _trigger(bucket: str) -> dict[str, Any]:
    return {
        "eventFilters": [
            {"attribute": "type", "value": "google.cloud.storage.object.v1.finalized"},
            {"attribute": "bucket", "value": bucket},
        ],
        "destination": {"httpEndpoint": {"uri": "http://127.0.0.1:9/"}},
    }


def _post(url: str, path: str, body: Any) -> dict[str, Any]:
    response = requests.post(url + path, json=body, timeout=10)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer
