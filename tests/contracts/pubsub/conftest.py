"""The local Pub/Sub, and Google's emulator where one is found, as the real clients see them.

Contract cases take `cloud`: they run against the local server and, where PUBSUB_EMULATOR_HOST names one or Google's
emulator is installed, against that one as well. What only the local one can show (faults, tokens) takes `local`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from .clouds import Cloud, LocalServer

_GIVEN_HOST = os.environ.get("PUBSUB_EMULATOR_HOST", "")
_INSTALLED = shutil.which("cloud-pubsub-emulator") or next(
    (
        str(path)
        for gcloud in [shutil.which("gcloud")]
        if gcloud
        for path in [Path(gcloud).resolve().parents[1] / "platform/pubsub-emulator/bin/cloud-pubsub-emulator"]
        if path.exists() and shutil.which("java")
    ),
    "",
)

# Cases Google's emulator (0.8.20) is known not to answer as the service does: test name -> what it does instead.
UNSUPPORTED_BY_GOOGLES = {
    "test_subscription_gets_only_what_its_filter_wants": "filters are ignored",
    "test_faulty_filter_is_refused_at_creation": "filters are not parsed",
    "test_late_acknowledgement_still_counts": "an acknowledgement after a nack is lost",
    "test_retry_policy_spaces_deliveries_further_and_further": "the first redelivery is immediate, later ones take 2 s",
    "test_message_that_fails_too_often_goes_to_the_dead_letter_topic": "the copy does not come within 8 s",
    "test_subscription_expires_after_31_idle_days_unless_told_otherwise": "no expiration policy is filled in",
    "test_topic_labels_and_retention_can_change": "UpdateTopic knows no labels",
    "test_detached_subscription_neither_holds_nor_gets_messages": "DetachSubscription is not implemented",
    "test_snapshot_is_made_listed_changed_and_deleted": "labels of snapshots are dropped",
    "test_snapshot_serves_another_subscription_of_the_topic": "the seek brings nothing",
    "test_stream_holds_back_what_flow_control_forbids": "max_outstanding_messages is ignored",
    "test_two_streams_share_the_messages": "max_outstanding_messages is ignored",
    "test_refused_message_of_a_key_comes_again_with_all_later_ones": "later messages are not sent again",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("pubsub"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def googles_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if _GIVEN_HOST:
        yield _GIVEN_HOST
        return
    port = free_port()
    host = f"127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("googles")
    command = [_INSTALLED, "--host=127.0.0.1", f"--port={port}", f"--data-dir={folder}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        with grpc.insecure_channel(host) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield host
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@pytest.fixture(params=["local", "googles"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    is_local = request.param == "local"
    if not is_local:
        if not (_GIVEN_HOST or _INSTALLED):
            pytest.skip("Google's emulator is not here: give PUBSUB_EMULATOR_HOST or install it")
        reason = UNSUPPORTED_BY_GOOGLES.get(request.node.originalname)
        if reason:
            pytest.skip(f"Google's emulator: {reason}")
    host = request.getfixturevalue("local_server").host if is_local else request.getfixturevalue("googles_host")
    found = Cloud(host, is_local=is_local)
    yield found
    found.close()


@pytest.fixture
def local(local_server: LocalServer) -> Iterator[Cloud]:
    found = Cloud(local_server.host, is_local=True)
    yield found
    found.close()
    local_server.on_loop(local_server.calls.forget_faults)
