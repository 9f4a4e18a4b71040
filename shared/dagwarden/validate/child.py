"""One forked process: raises the walls, imports one file, says what it saw, and ends without a trace."""

from __future__ import annotations

import _thread
import gc
import os
import random
import select
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import msgspec

from dagwarden.names import ReleasePath
from dagwarden.validate import access
from dagwarden.validate.defined import define, read_model
from dagwarden.validate.extract.originals import Originals
from dagwarden.validate.frames import frame
from dagwarden.validate.integrity import Snapshot
from dagwarden.validate.loading import extend_path
from dagwarden.validate.report import ChildReport, Deed, DeedKind, Failure, Message, ValidateSettings
from dagwarden.validate.sandbox import process
from dagwarden.validate.sandbox.layers import Confinement, confine, peak_memory_bytes
from dagwarden.validate.watch import Watch

Say = Callable[[Message], None]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a child stands in, and what the warm parent knew before any stranger's code ran."""

    root: Path
    settings: ValidateSettings
    confinement: Confinement
    originals: Originals
    snapshot: Snapshot
    costs: Mapping[str, float]
    engines: Mapping[str, object]
    """What `airflow.settings` has of databases, and lacks in the warm parent."""
    validator: Mapping[str, ModuleType]
    """The validator's own modules by name: held on to, since to end a module costs as much as a small import."""


def run(around: Surroundings, orders: int, pipe: int, nonce: bytes) -> NoReturn:
    """The child's whole life; it ends with exit code 0 if its report was written.

    Args:
        orders: where it is told the file's path, once it is behind its walls; nothing told, it ends.
        pipe: where it tells what it sees.
    """
    end, say = os._exit, _make_speaker(pipe, nonce)
    try:
        gc.disable()
        try:
            confine(around.confinement)
            process.close_descriptors({orders, pipe})
        except (OSError, ValueError) as error:
            say(ChildReport(unconfined=str(error)))
            end(0)
        path = _hear(orders)
        if not path:
            end(0)
        report = _import_and_look(around, path, say)
        try:
            say(report)
        except MemoryError:
            say(ChildReport(failures=(Failure(type="MemoryError", message="no memory is left to tell"),)))
        end(0)
    finally:
        end(70)


def _hear(orders: int) -> ReleasePath:
    heard = bytearray()
    while part := os.read(orders, select.PIPE_BUF):
        heard += part
    os.close(orders)
    return ReleasePath(heard.decode("utf-8", "surrogateescape"))


def _make_speaker(pipe: int, nonce: bytes) -> Say:
    write = os.write

    def say(message: Message) -> None:
        content = memoryview(frame(nonce, message))
        while content:
            content = content[write(pipe, content) :]

    return say


def _import_and_look(around: Surroundings, path: ReleasePath, say: Say) -> ChildReport:
    find, is_as_it_was = around.snapshot.find_patched, around.snapshot.is_as_it_was
    measure = peak_memory_bytes
    count_threads = _thread._count  # noqa: SLF001 (what threading counts can be patched)
    _prepare(around)
    watch = _start_watch(around, say)
    _forget_validator(around.validator)
    found = define(around.root, path, around.originals)
    watch.is_on = False
    if count_threads():
        say(Deed(kind=DeedKind.THREAD, subject="", file=str(around.root / path), line=0))
    around.originals.is_as_it_was = is_as_it_was
    read_model(found, around.root, path, around.originals)
    return ChildReport(
        model=found.model,
        suspects=tuple(found.suspects),
        failures=tuple(found.failures),
        patched=find(found.classes),
        reads=watch.reads(),
        seconds=found.seconds,
        peak_memory_bytes=measure(),
    )


def _prepare(around: Surroundings) -> None:
    os.chdir(around.root)
    settings: Any = sys.modules["airflow.settings"]
    vars(settings).update(around.engines)
    settings.DAGS_FOLDER = os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(around.root / "dags")
    settings.PLUGINS_FOLDER = os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(around.root / "plugins")
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["HOME"] = str(around.confinement.scratch)
    random.seed()
    extend_path(around.root)
    context: Any = around.originals.dag_context
    context.autoregistered_dags.clear()


def _start_watch(around: Surroundings, say: Say) -> Watch:
    confinement = around.confinement
    watch = Watch(tree=around.root, scratch=confinement.scratch, readable=confinement.readable, tell=say)
    access.current[:] = [watch]
    access.listen_to_environment(watch)
    access.time_imports(watch, around.costs, around.settings.heavy_import_s, f"{around.root}/")
    watch.start()
    return watch


def _forget_validator(names: Iterable[str]) -> None:
    """The tree's code that imports the validator gets another copy of it, or none."""
    for name in names:
        del sys.modules[name]
