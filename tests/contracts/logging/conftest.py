"""A running local cloud and the real Logging client."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import google.cloud.logging
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.logging import Resource
from google.cloud.logging_v2.logger import Logger

from localcloud.testing import RunningCloud, running_cloud

_PROJECTS = itertools.count(1)
_GLOBAL = Resource(type="global", labels={})


class OwnClient(google.cloud.logging.Client):
    """Asks no metadata server, which is not on this machine, where it runs."""

    def logger(self, name: str, *, labels: dict[str, str] | None = None, resource: Resource = _GLOBAL) -> Logger:
        return super().logger(name, labels=labels, resource=resource)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("state")) as cloud:
        yield cloud


@pytest.fixture
def cloud(running: RunningCloud) -> RunningCloud:
    """One cloud for all tests of a module, without faults and counts of others; each test has a project of its own."""
    running.admin.forget_faults()
    running.admin.reset_counts()
    return running


@pytest.fixture
def project() -> str:
    return f"proj-local-{next(_PROJECTS)}"


@pytest.fixture
def client(cloud: RunningCloud, project: str) -> Iterator[google.cloud.logging.Client]:
    with requests.Session() as http:
        yield OwnClient(
            project=project,
            credentials=AnonymousCredentials(),
            _use_grpc=False,
            _http=http,
            client_options={"api_endpoint": cloud.url},
        )


class RawLogs:
    """The HTTP API without a client between, for one project."""

    def __init__(self, http: requests.Session, url: str, project: str) -> None:
        self._http = http
        self.url = f"{url}/v2"
        self.parent = f"projects/{project}"
        self.log = f"{self.parent}/logs/dagwarden-audit"

    def post(self, method: str, body: Any) -> tuple[int, dict[str, Any]]:
        """POST JSON, or bytes as they are; status and answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self._http.post(f"{self.url}/entries:{method}", data=content, timeout=10)
        return response.status_code, response.json()

    def write(self, *entries: Any, **more: Any) -> tuple[int, dict[str, Any]]:
        return self.post("write", {"logName": self.log, "entries": entries, **more})

    def list_page(self, **more: Any) -> tuple[int, dict[str, Any]]:
        return self.post("list", {"resourceNames": [self.parent], **more})

    def texts(self) -> list[str]:
        _, answer = self.list_page()
        return [entry["textPayload"] for entry in answer.get("entries", [])]

    def get_logs(self, **query: str) -> Any:
        return self._http.get(f"{self.url}/{self.parent}/logs", params=query, timeout=10).json()


@pytest.fixture
def logs(cloud: RunningCloud, project: str) -> Iterator[RawLogs]:
    with requests.Session() as http:
        yield RawLogs(http, cloud.url, project)
