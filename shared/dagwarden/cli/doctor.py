"""`dagwarden doctor`: what this host offers of what Dagwarden needs."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.options import JsonOption, read_settings
from dagwarden.cli.output import format_duration, print_json, print_line, print_table
from dagwarden.errors import DagwardenError
from dagwarden.validate.engine import Validator
from dagwarden.validate.guarantees import DEFAULT_GUARANTEES
from dagwarden.validate.sandbox.layers import find_missing
from dagwarden.validate.sandbox.probe import LayerReport


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one thing that is needed is there."""

    name: str
    state: str
    reason: str = ""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    layers: tuple[LayerReport, ...]
    missing: tuple[str, ...]
    """Guarantees that no layer gives here."""
    services: tuple[Service, ...]


def doctor(
    services: Annotated[bool, typer.Option(help="Ask the buckets of the settings too.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Say what this host offers of what Dagwarden needs: layers of the sandbox, Airflow, services.

    Exit code: 0 all is well, 1 something is failing, 2 the settings mean nothing.
    """
    asked = _ask_services() if services else ()
    with Validator() as validator:
        layers = validator.probe()
        airflow = _ask_airflow(validator)
    missing = find_missing([layer.name for layer in layers if layer.is_offered], DEFAULT_GUARANTEES)
    found = Examination(layers=layers, missing=missing, services=(airflow, *asked))
    print_json(found) if as_json else _print(found)
    is_well = not missing and all(service.state != "failing" for service in found.services)
    raise typer.Exit(0 if is_well else 1)


def _ask_airflow(validator: Validator) -> Service:
    started = time.monotonic()
    try:
        ready = validator.wait_until_ready()
    except DagwardenError:
        return Service(name="airflow", state="failing", reason="cannot be imported: install apache-airflow here")
    took = format_duration(time.monotonic() - started)
    return Service(name="airflow", state="holds", reason=f"imported in {took}, {ready.memory_bytes >> 20} MiB")


def _ask_services() -> tuple[Service, ...]:
    from dagwarden.cloud.clients import Cloud

    settings = read_settings(needs=())
    cloud = Cloud(settings) if settings.project else None
    names = {name: getattr(settings, f"{name}_bucket") for name in ("inbox", "ledger", "store")}
    return tuple(_ask_bucket(cloud, f"{name} bucket", bucket) for name, bucket in names.items())


def _ask_bucket(cloud: object, name: str, bucket: str) -> Service:
    from dagwarden.cloud.clients import Cloud

    if not isinstance(cloud, Cloud) or not bucket:
        return Service(name=name, state="unknown", reason="not set")
    try:
        next(iter(cloud.bucket(bucket).list(prefix="doctor/")), None)
    except DagwardenError as error:
        return Service(name=name, state="failing", reason=str(error))
    return Service(name=name, state="holds")


def _print(found: Examination) -> None:
    rows = [
        (layer.name, "holds" if layer.is_offered else "failing", layer.reason or layer.what) for layer in found.layers
    ]
    rows += [(service.name, service.state, service.reason) for service in found.services]
    print_table(("what", "state", "why"), rows)
    for layer in found.layers:
        if layer.hint:
            print_line(f"{layer.name}: {layer.hint}")
    if found.missing:
        print_line(f"nothing is validated here: no layer gives {', '.join(found.missing)}", "bold red")
