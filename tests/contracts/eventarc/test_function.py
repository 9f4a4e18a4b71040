"""A function under the real functions-framework, run by the supervisor, gets the events of a trigger."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

from google.cloud import storage

from localcloud.processes import Program, Supervisor

from .conftest import FAST, Destination
from .provisioner import Provisioner

FINALIZED = "google.cloud.storage.object.v1.finalized"

MAIN = """
import pathlib, urllib.request, json
import functions_framework

@functions_framework.cloud_event
def handle(event):
    marker = pathlib.Path("failed-once")
    if not marker.exists():
        marker.touch()
        raise RuntimeError("not yet")
    told = {**{k: event[k] for k in ("id", "type", "source", "subject", "bucket")}, "name": event.data["name"]}
    urllib.request.urlopen("%s", json.dumps(told).encode()).close()
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_function_that_fails_once_gets_the_event_again(
    tmp_path: Path, provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    (tmp_path / "main.py").write_text(MAIN % destination.url)
    url = f"http://127.0.0.1:{_free_port()}/"
    function = Program(
        name="gate",
        argv=(
            *(sys.executable, "-m", "functions_framework", "--target", "handle", "--signature-type", "cloudevent"),
            *("--source", str(tmp_path / "main.py"), "--host", "127.0.0.1", "--port", url.split(":")[2].rstrip("/")),
        ),
        env={**os.environ, "THREADS": "2"},
        cwd=tmp_path,
        log=tmp_path / "gate.log",
        health_url=url,
    )
    account = provisioner.account("gate-sa")
    provisioner.trigger(
        "gate", FINALIZED, url, attributes={"bucket": bucket.name}, service_account=account, delivery=FAST
    )
    with Supervisor() as supervisor:
        supervisor.start(function)
        bucket.blob("prod/dags/a.py").upload_from_string(b"a")
        [received] = destination.await_count(1, timeout_s=30)
    told = json.loads(received.body)
    assert told["type"] == FINALIZED
    assert told["source"] == f"//storage.googleapis.com/projects/_/buckets/{bucket.name}"
    assert told["subject"] == "objects/prod/dags/a.py"
    assert told["bucket"] == bucket.name
    assert told["name"] == "prod/dags/a.py"
    assert (tmp_path / "failed-once").exists()
