"""The gate in a process of its own, to be killed at a call."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from google.oauth2 import service_account

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import SCOPES
from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.gate import Gate
from dagwarden.settings import Settings
from localcloud.calls import Fault
from localcloud.testing import RunningCloud

TIMEOUT_S = 60.0

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.scenarios.gate.killed", "google.cloud.storage", "google.cloud.logging", "dagwarden.lint.lint"]
)


def take(settings: Settings, key: Path, event: ObjectEvent, environ: dict[str, str], may_begin: Connection) -> None:
    """What the process does: one delivery of one event."""
    os.environ.update(environ)
    may_begin.recv()
    credentials = service_account.Credentials.from_service_account_file(str(key), scopes=SCOPES)
    Gate(Cloud(settings, credentials)).handle(event)


def is_killed(
    server: RunningCloud, settings: Settings, event: ObjectEvent, fault: Fault, *, key: Path, environ: dict[str, str]
) -> bool:
    """Deliver an event to a process that the fault may kill; whether it was."""
    near, far = _FORKS.Pipe()
    process = _FORKS.Process(target=take, args=(settings, key, event, environ, far))
    process.start()
    assert process.pid is not None
    server.admin.register_process(settings.service_account, process.pid)
    server.admin.plan_fault(fault)
    near.send("begin")
    process.join(TIMEOUT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    near.close()
    far.close()
    server.admin.forget_faults()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0
