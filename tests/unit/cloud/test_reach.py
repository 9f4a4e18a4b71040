"""A service that is not there is told of at once; one that is busy is asked again."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable

import msgspec
import pytest
import requests
from google.api_core import exceptions as api
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.failures import to_error
from dagwarden.cloud.topics import Outgoing
from dagwarden.errors import NotFound, Unavailable, Unreachable
from localcloud.testing import RunningCloud

PATIENT_S = 60.0
TOLD_WITHIN_S = 5.0
"""Far from the deadline of requests, on a machine however busy; it takes a second on one that is not."""


@pytest.fixture
def lonely(cloud: Cloud, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud whose services are down."""
    for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"):
        scheme = "http://" if name.startswith("STORAGE") else ""
        monkeypatch.setenv(name, f"{scheme}127.0.0.1:{closed_port}")
    url = f"http://127.0.0.1:{closed_port}"
    settings = msgspec.structs.replace(
        cloud.settings,
        retry_deadline_s=PATIENT_S,
        logging_endpoint=url,
        iam_endpoint=url,
        certificates_endpoint=url,
    )
    return Cloud(settings, cloud.credentials)


CALLS: dict[str, Callable[[Cloud], object]] = {
    "read": lambda cloud: cloud.store.read("a"),
    "write": lambda cloud: cloud.store.write("a", b"1", generation=None, content_type="text/plain"),
    "list": lambda cloud: list(cloud.ledger.list("a")),
    "publish": lambda cloud: cloud.topics.publish("dagwarden-notices", Outgoing(b"", {})),
    "pull": lambda cloud: cloud.subscription("a").pull(1),
    "sign": lambda cloud: cloud.signer.sign(b"1"),
    "read certificates": lambda cloud: cloud.certificates.key("a@b.example", "1"),
    "read log": lambda cloud: list(cloud.audit_log.read("")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nobody_waits_for_a_service_that_is_down(call: Callable[[Cloud], object], lonely: Cloud) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        call(lonely)
    assert time.monotonic() - started < TOLD_WITHIN_S
    assert caught.value.message.startswith("nothing answers")


def test_what_is_down_on_this_machine_is_the_local_stack(lonely: Cloud, closed_port: int) -> None:
    with pytest.raises(Unreachable) as caught:
        lonely.store.read("a")
    assert caught.value.message == f"nothing answers at http://127.0.0.1:{closed_port}: Connection refused"
    assert "make up" in caught.value.hint


def test_what_is_down_elsewhere_is_the_network() -> None:
    url = "https://storage.googleapis.com/storage/v1/b/x"
    looked_up = socket.gaierror(-3, "Temporary failure in name resolution")
    unknown = NameResolutionError("storage.googleapis.com", HTTPSConnection("x"), looked_up)
    unknown.__cause__ = looked_up
    error = requests.ConnectionError(
        MaxRetryError(HTTPSConnectionPool("x"), url, unknown), request=requests.Request("GET", url).prepare()
    )
    told = to_error(error, "read object", "gs://x/a")
    assert isinstance(told, Unreachable)
    assert told.message == "nothing answers at https://storage.googleapis.com: Temporary failure in name resolution"
    assert "network" in told.hint


def test_what_is_told_while_another_service_is_down_stays_what_it_is() -> None:
    """Who cleans up after a call that reached nobody may be told other things."""
    told = api.NotFound("no such object")
    told.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    assert isinstance(to_error(told, "stat object", "gs://x/a"), NotFound)


def test_a_service_that_starts_anew_is_waited_for(cloud: Cloud, cloud_server: RunningCloud) -> None:
    cloud.store.write("a", b"1", generation=None, content_type="text/plain")
    cloud_server.admin.plan("storage", "fail", method="objects.*", status=503, times=3)
    assert cloud.store.read("a") == b"1"
    cloud_server.admin.plan("storage", "drop", method="objects.*", times=2)
    assert cloud.store.read("a") == b"1"
    cloud_server.admin.plan("iam", "fail", status=503, times=3)
    assert cloud.signer.sign(b"1").signature


def test_a_service_that_stays_busy_is_given_up_at_the_deadline(cloud: Cloud, cloud_server: RunningCloud) -> None:
    hasty = Cloud(msgspec.structs.replace(cloud.settings, retry_deadline_s=0.3), cloud.credentials)
    cloud_server.admin.plan("storage", "fail", method="objects.*", status=503, times=99)
    with pytest.raises(Unavailable) as caught:
        hasty.store.read("a")
    assert type(caught.value) is Unavailable
