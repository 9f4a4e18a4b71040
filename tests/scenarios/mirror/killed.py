"""The function in a process of its own, to be killed at a call and started again, as Cloud Run would."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials

from dagwarden.cloud.clients import Cloud
from dagwarden.errors import Transient
from dagwarden.handlers.mirror import MirrorHandler
from dagwarden.settings import Settings
from localcloud.calls import Fault

if TYPE_CHECKING:
    from tests.scenarios.mirror.house import House, Message

CALLERS = ("anonymous", "mirror")
"""Who the process is to HTTP services, which know identities, and to Pub/Sub, which knows user agents."""
TIMEOUT_S = 60.0

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.scenarios.mirror.killed", "google.cloud.storage", "google.cloud.logging", "google.cloud.pubsub_v1"]
)


def take(settings: Settings, event: Message, environ: dict[str, str], may_begin: Connection) -> None:
    """What the process does: one event, until it is acknowledged."""
    import os

    os.environ.update(environ)
    may_begin.recv()
    handler = MirrorHandler(Cloud(settings, AnonymousCredentials()))
    for _ in range(5):
        try:
            return handler.take(event["attributes"], event["data"])
        except Transient:
            continue
    raise SystemExit(3)


def run_until_it_ends(house: House, event: Message, fault: Fault) -> bool:
    """Deliver an event to a process that the fault may kill, and again to a new one; whether it was killed."""
    house.admin.plan_fault(fault)
    codes = []
    for _ in range(5):
        codes.append(_run_once(house, event))
        if codes[-1] == 0:
            house.admin.forget_faults()
            return codes[0] == -signal.SIGKILL
        assert codes[-1] == -signal.SIGKILL, codes
    raise AssertionError(f"never acknowledged: {codes}")


def _run_once(house: House, event: Message) -> int | None:
    near, far = _FORKS.Pipe()
    process = _FORKS.Process(target=take, args=(house.settings, event, house.environ, far))
    process.start()
    assert process.pid is not None
    for caller in CALLERS:
        house.admin.register_process(caller, process.pid)
    near.send("begin")
    process.join(TIMEOUT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    near.close()
    far.close()
    return process.exitcode
