"""A running local cloud, and a destination that answers as it is told and remembers what it got."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud.eventarc.triggers import Delivery
from localcloud.testing import RunningCloud, running_cloud

from .provisioner import Provisioner

_PROJECTS = itertools.count(1)
FAST = Delivery(min_backoff_s=0.05, max_backoff_s=0.2, ack_deadline_s=10)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("state")) as cloud:
        yield cloud


@pytest.fixture
def cloud(running: RunningCloud) -> RunningCloud:
    running.admin.forget_faults()
    running.admin.reset_counts()
    return running


@pytest.fixture
def project() -> str:
    return f"proj-local-{next(_PROJECTS)}"


@pytest.fixture
def provisioner(cloud: RunningCloud, project: str) -> Iterator[Provisioner]:
    with Provisioner(cloud.url, project) as made:
        yield made


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def owner(cloud: RunningCloud, project: str, http: requests.Session) -> storage.Client:
    return storage.Client(project, AnonymousCredentials(), _http=http, client_options={"api_endpoint": cloud.url})


@pytest.fixture
def bucket(owner: storage.Client, project: str) -> storage.Bucket:
    return owner.create_bucket(f"{project}-inbox")  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Received:
    """One request, header names in lower case."""

    headers: dict[str, str]
    body: bytes
    at_s: float = field(default_factory=time.monotonic)

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class Destination:
    """An HTTP endpoint. `statuses` are answered in turn, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> int:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def await_count(self, count: int, timeout_s: float = 15.0) -> list[Received]:
        """What came, once it is `count` requests at least."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, timeout_s), self.received
            return list(self.received)


@pytest.fixture
def destination() -> Iterator[Destination]:
    made = Destination()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status = made.take(Received({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()
