"""The storage service served on a loopback port, with fakes of the services it speaks to.

Contract cases take `client` and `bucket`: they run against the local storage and, where STORAGE_EMULATOR_HOST names
another server, against that one as well. What only the local one can show (faults, events, restarts) takes `local`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2.credentials import Credentials
from starlette.applications import Starlette

from localcloud.calls import Calls
from localcloud.state import State
from localcloud.storage import routes

PROJECT = "proj-local"

# Cases that Google's storage-testbench (@e8c8507), the usual other server, does not support: test -> why.
UNSUPPORTED_ELSEWHERE = {
    "test_a_batch_deletes_and_patches": "no batches",
    "test_one_failure_in_a_batch_stops_none_of_the_others": "no batches",
    "test_a_bucket_with_objects_is_not_deleted": "deletes a bucket that holds noncurrent versions only",
    "test_a_policy_is_read_changed_and_guarded_by_its_etag": "ignores the etag of a policy over HTTP",
    "test_a_conditional_binding_needs_version_three": "takes any policy",
    "test_public_access_prevention_keeps_everybody_out": "takes any policy",
    "test_a_retained_object_is_neither_deleted_nor_replaced": "does not enforce retention",
    "test_a_locked_retention_policy_is_never_shortened": "does not enforce retention",
    "test_a_held_object_stays": "does not enforce holds",
    "test_etags_guard_reads": "ignores If-None-Match on resources",
    "test_a_rewrite_is_done_in_one_call_and_takes_new_metadata": "merges custom metadata into the source's",
    "test_a_composition_joins_in_order_and_counts_its_components": "counts no components",
    "test_pages_join_to_the_whole": "has one page only",
    "test_max_results_limits_the_whole": "has one page only",
    "test_a_glob_selects": "matches globs as pathlib does",
    "test_an_unbalanced_glob_is_refused": "matches globs as pathlib does",
    "test_any_name_is_kept_to_the_letter[/leading]": "drops a leading slash",
    "test_a_name_the_service_does_not_take_is_refused": "takes any name",
    "test_empty_content_is_content": "shows no size of empty objects",
    "test_the_resource_says_what_is_stored": "shows no storage class",
    "test_content_that_is_not_what_the_client_says_is_refused": "answers 412",
    "test_a_wrong_checksum_on_the_last_chunk_stores_nothing": "answers 412",
    "test_a_gap_is_refused": "answers 308",
    "test_a_replaced_version_stays_readable_and_is_dated": "does not date noncurrent versions",
    "test_a_deleted_live_version_becomes_noncurrent": "deletes for good",
    "test_an_unversioned_bucket_keeps_only_the_newest": "is always versioned",
    "test_generations_grow_with_each_write_and_pin_reads": "is always versioned",
}


class FakeBroker:
    """Keeps what is published; knows every topic but those called `gone`."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, dict[str, str]]] = []

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> str:
        if topic.endswith("/gone"):
            raise KeyError(topic)
        self.published.append((topic, data, dict(attributes)))
        return str(len(self.published))


class FakeEvents:
    """Keeps what is emitted; `breaks` makes the next event fail, as a full disk would."""

    def __init__(self) -> None:
        self.emitted: list[tuple[str, dict[str, Any]]] = []
        self.breaks = False

    def emit(self, event_type: str, resource: Mapping[str, Any]) -> None:
        if self.breaks:
            self.breaks = False
            raise OSError("no space left on device")
        self.emitted.append((event_type, dict(resource)))

    def kinds(self) -> list[tuple[str, str]]:
        return [(kind, resource["name"]) for kind, resource in self.emitted]


class FakeIdentity:
    """The bearer token is the caller's name; `denied` holds what is refused."""

    def __init__(self) -> None:
        self.denied: set[tuple[str, str]] = set()
        self.policy_changes: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = []

    def caller(self, headers: Mapping[str, str]) -> str:
        return headers.get("authorization", "").removeprefix("Bearer ") or "anonymous"

    def is_allowed(self, caller: str, permission: str, bucket: str, object_name: str = "") -> bool:
        return (caller, permission) not in self.denied and (caller, f"{permission} {object_name}") not in self.denied

    def bucket_changed(self, caller: str, bucket: str, method: str) -> None:
        """Nobody listens to that here."""

    def object_created(self, caller: str, bucket: str, name: str) -> None:
        """Nor to that."""

    def bucket_policy_changed(
        self, caller: str, bucket: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        self.policy_changes.append((caller, bucket, before, after))


class PromptServer(uvicorn.Server):
    """Sees at once that it shall stop, not a tenth of a second later."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 (`should_exit` is set from another thread)
            await asyncio.sleep(0.01)


class LocalStorage:
    """A storage server in a thread; stopping and starting it again keeps nothing but the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ahead_us = 0
        self.port = 0
        self.calls, self.broker = Calls(), FakeBroker()
        self.events, self.identity = FakeEvents(), FakeIdentity()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.state = State(self.folder)
        app = Starlette(
            routes=routes(self.state, self.calls, self.broker, self.events, self.identity, now=self._now_us)
        )
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = PromptServer(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()
        self.state.close()

    def pass_time(self, seconds: float) -> None:
        self.ahead_us += int(seconds * 1_000_000)

    def _now_us(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


@pytest.fixture(scope="session")
def shared_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStorage]:
    server = LocalStorage(tmp_path_factory.mktemp("storage"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStorage]:
    """A local storage of the test's own."""
    server = LocalStorage(tmp_path / "state")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., storage.Client]]:
    """Makes real clients for a URL; `caller` becomes the bearer token."""
    clients: list[storage.Client] = []

    def make(url: str, caller: str = "") -> storage.Client:
        credentials = Credentials(caller) if caller else AnonymousCredentials()
        client = storage.Client(project=PROJECT, credentials=credentials, client_options={"api_endpoint": url})
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture(params=["local", *(["other"] if "STORAGE_EMULATOR_HOST" in os.environ else [])])
def url(request: pytest.FixtureRequest) -> str:
    """The server a contract case runs against."""
    if request.param == "local":
        return str(request.getfixturevalue("shared_local").url)
    case = request.node.name.replace("[other-", "[")
    reason = UNSUPPORTED_ELSEWHERE.get(case) or UNSUPPORTED_ELSEWHERE.get(request.function.__name__)
    if reason is not None:
        pytest.skip(f"the other server {reason}")
    return os.environ["STORAGE_EMULATOR_HOST"]


@pytest.fixture
def client(url: str, connect: Callable[..., storage.Client]) -> storage.Client:
    return connect(url)


def _make_bucket(client: storage.Client, *, versioned: bool) -> storage.Bucket:
    bucket = client.bucket(f"test-{uuid.uuid4().hex[:16]}")
    bucket.versioning_enabled = versioned
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.create(location="US")
    return bucket


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    """A new unversioned bucket."""
    return _make_bucket(client, versioned=False)


@pytest.fixture
def versioned(client: storage.Client) -> storage.Bucket:
    """A new versioned bucket."""
    return _make_bucket(client, versioned=True)


@pytest.fixture
def own_client(local: LocalStorage, connect: Callable[..., storage.Client]) -> storage.Client:
    """A client of `local`."""
    return connect(local.url)


@pytest.fixture
def own_bucket(own_client: storage.Client) -> storage.Bucket:
    """A new unversioned bucket of `local`."""
    return _make_bucket(own_client, versioned=False)


@pytest.fixture
def own_versioned(own_client: storage.Client) -> storage.Bucket:
    """A new versioned bucket of `local`."""
    return _make_bucket(own_client, versioned=True)


@pytest.fixture
def custom() -> Callable[[storage.Blob], dict[str, str]]:
    """An object's custom metadata, without what Google's testbench adds of its own."""
    added = ("x_emulator_", "x_testbench_")
    return lambda blob: {key: value for key, value in (blob.metadata or {}).items() if not key.startswith(added)}


@pytest.fixture
def reason() -> Callable[[GoogleAPICallError], str]:
    """The machine-readable reason inside an API error."""
    return lambda error: str(error.errors[0]["reason"])
