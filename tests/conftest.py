"""What product tests share: a running local cloud, and a project of its own for each test."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import itertools
import json
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import hypothesis
import msgspec
import pytest
from google.auth.credentials import Credentials
from google.cloud import storage
from google.oauth2 import service_account

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import SCOPES
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.commit import Committed, Draft, commit
from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import LedgerState, empty_state
from dagwarden.names import Digest, EnvironmentName, PushId, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.settings import Settings
from dagwarden.wire import digest, md5_hex
from localcloud.testing import RunningCloud, running_cloud

PUSHED_AT = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)

LEFT: list[str] = []
"""What the running test tried to reach beyond this machine."""

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # no test asserts how fast anything is


def refuse_to_leave(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: connects and look-ups go to loopback or fail, here and (if that is swallowed) at the test's end."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not is_loopback(host):
        LEFT.append(f"{event} {host}")
        raise RuntimeError(f"a test tried to leave the machine: {event} {host}")


def is_loopback(host: object) -> bool:
    """Whether a host is this machine (no host at all is: that is how one listens)."""
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


sys.addaudithook(refuse_to_leave)


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    LEFT.clear()
    yield
    assert not LEFT, "a test tried to leave the machine"


@pytest.fixture(scope="session")
def cloud_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One local cloud for all tests of this process; each test has a project of its own in it."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def cloud_environ(cloud_server: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Google's clients made in this test speak to the local cloud; no fault of another test is planned any more."""
    environ = cloud_server.endpoints.to_environ()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    cloud_server.admin.forget_faults()
    return environ


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def project(cloud_server: RunningCloud) -> str:
    """A project of this test's own, with a service account `gate` that owns it."""
    name = f"proj-{uuid.uuid4().hex[:12]}"
    with httpx.Client(base_url=cloud_server.url, timeout=30.0) as http:
        http.post(f"/v1/projects/{name}/serviceAccounts", json={"accountId": "gate-sa"}).raise_for_status()
        members = [f"serviceAccount:gate-sa@{name}.iam.gserviceaccount.com"]
        roles = ("roles/owner", "roles/iam.serviceAccountTokenCreator")
        bindings = [{"role": role, "members": members} for role in roles]
        http.post(f"/v1/projects/{name}:setIamPolicy", json={"policy": {"bindings": bindings}}).raise_for_status()
    return name


@pytest.fixture
def settings(project: str, cloud_environ: dict[str, str]) -> Settings:
    """Settings of this test's project; its buckets and topics exist."""
    settings = Settings.load(
        {name: value for name, value in cloud_environ.items() if name.startswith("DAGWARDEN_")},
        project=project,
        inbox_bucket=f"{project}-inbox",
        ledger_bucket=f"{project}-ledger",
        store_bucket=f"{project}-store",
        gate_service_account=f"gate-sa@{project}.iam.gserviceaccount.com",
        service_account=f"gate-sa@{project}.iam.gserviceaccount.com",
        retry_deadline_s=10.0,
        caller="test",
    )
    owner = storage.Client(project=project, credentials=_anonymous())
    for name in (settings.inbox_bucket, settings.ledger_bucket, settings.store_bucket, f"{project}-prod"):
        bucket = owner.bucket(name)
        bucket.versioning_enabled = True
        owner.create_bucket(bucket)
    from google.cloud.pubsub_v1 import PublisherClient

    publisher = PublisherClient()
    for topic in (settings.notices_topic, settings.receipts_topic, settings.dead_letters_topic, settings.held_topic):
        publisher.create_topic(name=f"projects/{project}/topics/{topic}")
    publisher.transport.close()
    return settings


@pytest.fixture
def credentials(cloud_server: RunningCloud, project: str, tmp_path: Path) -> Credentials:
    """Credentials of the project's service account `gate`."""
    account = f"gate-sa@{project}.iam.gserviceaccount.com"
    with httpx.Client(base_url=cloud_server.url, timeout=30.0) as http:
        answer = http.post(f"/v1/projects/{project}/serviceAccounts/{account}/keys", json={}).raise_for_status()
    key = json.loads(base64.b64decode(answer.json()["privateKeyData"]))
    (tmp_path / "gate-key.json").write_text(json.dumps(key))
    found: Credentials = service_account.Credentials.from_service_account_info(key, scopes=SCOPES)
    return found


@pytest.fixture
def cloud(settings: Settings, credentials: Credentials) -> Cloud:
    """All of the test's project, as its gate."""
    return Cloud(settings, credentials)


@pytest.fixture
def release_files(cloud: Cloud) -> Callable[..., Committed]:
    """Commits a release of `prod` that puts these files on top of a state, of none if none is given."""

    numbers = itertools.count(1)

    def release(files: dict[str, str], state: LedgerState | None = None, **changes: object) -> Committed:
        plain = tuple(PlainFile(ReleasePath(path), "0644", text.encode()) for path, text in sorted(files.items()))
        number = next(numbers)
        draft = Draft(
            changes=tuple(
                PutFile(
                    path=file.path,
                    sha256=digest(file.content),
                    md5=md5_hex(file.content),
                    size_bytes=len(file.content),
                    mode=file.mode,
                )
                for file in plain
            ),
            files=plain,
            push_id=PushId(digest(str(number).encode())),
            source="https://git.example.com/etl.git",
            base_commit="",
            head_commit=f"{number:040x}",
            ref="refs/heads/main",
            authors=("Anna <anna@example.com>",),
            message="Load orders hourly",
            principal=Principal(name="anna@example.com", attested_by="jwt"),
            policy_digest=Digest("cd" * 32),
            warnings=0,
            forced=False,
            pushed_at=PUSHED_AT,
        )
        draft = msgspec.structs.replace(draft, **changes)
        committed = commit(
            cloud, state or empty_state(EnvironmentName("prod")), draft, attempt=f"a{number}", now=PUSHED_AT
        )
        assert committed is not None
        return committed

    return release


def _anonymous() -> Credentials:
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()  # type: ignore[no-untyped-call]
