"""A running local cloud, and its IAM over HTTP."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import pytest
import requests

from localcloud.testing import RunningCloud, running_cloud

_PROJECTS = itertools.count(1)
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"


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
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def transport(http: requests.Session) -> google.auth.transport.requests.Request:
    """How google-auth speaks HTTP."""
    return google.auth.transport.requests.Request(session=http)


class Iam:
    """The HTTP API for one project, as the machine's owner unless a token is given."""

    def __init__(self, http: requests.Session, url: str, project: str) -> None:
        self._http = http
        self.url = url
        self.project = project

    def send(self, verb: str, path: str, body: Any = None, token: str = "") -> tuple[int, dict[str, Any]]:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = self._http.request(verb, self.url + path, data=content, headers=headers, timeout=10)
        return response.status_code, response.json()

    def account(self, account_id: str) -> str:
        """Create a service account; its e-mail."""
        status, made = self.send("POST", f"/v1/projects/{self.project}/serviceAccounts", {"accountId": account_id})
        assert status == 200, made
        return str(made["email"])

    def key(self, email: str) -> dict[str, Any]:
        """Create a key; the credentials file."""
        status, made = self.send("POST", f"{self.path(email)}/keys", {})
        assert status == 200, made
        credentials: dict[str, Any] = json.loads(base64.b64decode(made["privateKeyData"]))
        return credentials

    def token(self, email: str) -> str:
        """An access token, as the machine's owner may make them."""
        body = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
        status, made = self.send("POST", f"{self.path(email, '-')}:generateAccessToken", body)
        assert status == 200, made
        return str(made["accessToken"])

    def grant(self, resource: str, role: str, member: str, condition: str = "") -> None:
        """Add one binding to the policy of `projects/…` or `projects/…/serviceAccounts/…`."""
        _, policy = self.send("POST", f"/v1/{resource}:getIamPolicy", {})
        binding: dict[str, Any] = {"role": role, "members": [member]}
        if condition:
            binding["condition"] = {"title": "t", "expression": condition}
        policy = {**policy, "version": 3, "bindings": [*policy.get("bindings", []), binding]}
        status, answer = self.send("POST", f"/v1/{resource}:setIamPolicy", {"policy": policy})
        assert status == 200, answer

    def path(self, email: str, project: str = "") -> str:
        return f"/v1/projects/{project or self.project}/serviceAccounts/{email}"

    def audit(self) -> list[dict[str, Any]]:
        """The admin-activity log, oldest first."""
        asked = {"resourceNames": [f"projects/{self.project}"], "filter": 'logName:"activity"'}
        _, answer = self.send("POST", "/v2/entries:list", asked)
        entries: list[dict[str, Any]] = answer.get("entries", [])
        return entries


@pytest.fixture
def iam(cloud: RunningCloud, http: requests.Session) -> Iam:
    return Iam(http, cloud.url, f"proj-local-{next(_PROJECTS)}")


@pytest.fixture
def key_file(iam: Iam, tmp_path: Path) -> Path:
    """A key of a new account `gate-sa`, as GOOGLE_APPLICATION_CREDENTIALS points at."""
    path = tmp_path / "key.json"
    # In Google's own universe the auth library exchanges its assertion at the token endpoint, which is asked here.
    path.write_text(json.dumps({**iam.key(iam.account("gate-sa")), "universe_domain": "googleapis.com"}))
    return path
