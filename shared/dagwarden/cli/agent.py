"""`dagwarden agent`: keeps one instance's DAGs at what the ledger says."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.names import Component

if TYPE_CHECKING:
    from dagwarden.sync.loop import Loop
    from dagwarden.sync.metrics import Metrics

_LINE = threading.Lock()


def agent(  # noqa: PLR0917 typer passes options by name
    environment: Annotated[str, typer.Option(help="Environment whose releases to apply.")],
    component: Annotated[Component, typer.Option(help="Kind of Airflow process this is for.")],
    root: Annotated[Path, typer.Option(help="Folder to keep the releases in; Airflow reads ROOT/current/dags.")],
    instance: Annotated[str, typer.Option(help="Name of this instance; default: the host's name.")] = "",
    folders: Annotated[str, typer.Option(help="Folders to hold, e.g. dags,plugins; default: by component.")] = "",
    port: Annotated[int | None, typer.Option(help="Serve /healthz and /metrics here (0: a free port).")] = None,
    once: Annotated[bool, typer.Option("--once", help="Catch up and end, e.g. in an init container.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte of the live tree at start.")] = False,
) -> None:
    """Keep one instance at the newest release of its environment, until told to stop."""
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.identity import utc_now
    from dagwarden.names import parse_environment, parse_instance
    from dagwarden.settings import Settings
    from dagwarden.sync.instance import Instance, parse_folders
    from dagwarden.sync.loop import Loop
    from dagwarden.sync.metrics import Metrics

    settings = Settings.load(
        os.environ,
        needs=("project", "ledger_bucket", "store_bucket", "gate_service_account"),
        caller=f"agent-{component}",
    )
    who = Instance(
        environment=parse_environment(environment),
        component=component,
        name=parse_instance(instance or _host_name()),
        folders=parse_folders(folders),
    )
    metrics = Metrics(who.environment, who.component)
    loop = Loop(Cloud(settings), root.absolute(), who, now=utc_now, say=_say, metrics=metrics)
    if once:
        loop.run_once(reads_bytes=verify)
        return
    endings = _stop_when_told(loop)
    _serve(loop, metrics, port)
    loop.run(reads_bytes=verify)
    if signal.SIGINT in endings:
        raise KeyboardInterrupt


def _stop_when_told(loop: Loop) -> list[int]:
    """What is under way is brought to its end first; the list gets the signals that come."""
    endings: list[int] = []

    def end(number: int, _frame: object) -> None:
        endings.append(number)
        loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return endings


def _serve(loop: Loop, metrics: Metrics, port: int | None) -> None:
    if port is not None:
        from dagwarden.sync.probe import Probe

        _say("serving /healthz and /metrics", port=Probe(port, metrics, loop.find_fault).port)


def _say(message: str, *, severity: str = "INFO", **fields: object) -> None:
    """One JSON line, in the field names Cloud Logging reads from a container's stderr."""
    line: dict[str, object] = {"time": dt.datetime.now(dt.UTC).isoformat(), "severity": severity, "message": message}
    line |= {name: value for name, value in fields.items() if value not in (None, "")}
    with _LINE:
        print(json.dumps(line, default=str), file=sys.stderr, flush=True)


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9]+$|^[^A-Za-z0-9]+|[^-._A-Za-z0-9]", "", socket.gethostname()) or "instance"
