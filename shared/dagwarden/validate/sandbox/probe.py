"""Which layers this host offers: each is tried by a process of its own, which dies of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import msgspec

from dagwarden.validate.sandbox import process
from dagwarden.validate.sandbox.layers import LAYERS, Confinement, Layer

MAX_REASON_BYTES = 512


class LayerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one layer can be raised here."""

    name: str
    what: str
    is_offered: bool
    reason: str = ""
    """Why not."""
    hint: str = ""
    """What to do about it."""


def probe_layers(confinement: Confinement) -> tuple[LayerReport, ...]:
    """Each layer tried alone (with no_new_privs, which some need), in the order of LAYERS."""
    return tuple(_report(layer, try_out(partial(_raise_alone, layer, confinement))) for layer in LAYERS)


def _report(layer: Layer, reason: str) -> LayerReport:
    hint = layer.hint if reason else ""
    return LayerReport(name=layer.name, what=layer.what, is_offered=not reason, reason=reason, hint=hint)


def _raise_alone(layer: Layer, confinement: Confinement) -> None:
    process.detach(confinement.parent_pid)
    if layer.name != "process":
        layer.raise_wall(confinement)


def try_out(trial: Callable[[], None]) -> str:
    """Why a process of its own cannot do something; empty where it can. The caller has one thread: it is forked."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _try_and_die(trial, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(MAX_REASON_BYTES)
    _, status = os.waitpid(pid, 0)
    if said == b"ok" and not status:
        return ""
    return said.decode("utf-8", "replace") or f"the trial ended with status {status}"


def _try_and_die(trial: Callable[[], None], pipe: int) -> None:
    said = b"ok"
    try:
        trial()
    except BaseException as error:  # noqa: BLE001 (whatever stops it is the answer)
        said = str(error).encode()[:MAX_REASON_BYTES] or type(error).__name__.encode()
    finally:
        os.write(pipe, said)
        os._exit(0)
