"""Validating the files of a tree: a warm parent kept from call to call, renewed when it grew old or died."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from dagwarden.errors import Unavailable
from dagwarden.names import ReleasePath
from dagwarden.validate.import_rules import find
from dagwarden.validate.judge import judge
from dagwarden.validate.preload import find_imports
from dagwarden.validate.report import FileReport, Job, Outcome, Ready, ValidateSettings
from dagwarden.validate.sandbox.layers import HINTS, find_missing
from dagwarden.validate.sandbox.probe import LayerReport
from dagwarden.validate.warm import WarmParent

MAX_FORKS = 1000
MAX_GROWTH = 1.5
"""A parent is renewed past this many forks, or when it is this many times as large as after its first job."""
MAX_STARTS = 3
"""How many parents may die over one call."""
MAX_SOURCE_BYTES = 1 << 20


class Validator:
    """Imports DAG files in a sandbox. Not for two threads at once; close it when done.

    Args:
        python: the interpreter whose Airflow and packages are the environment's.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._parent: WarmParent | None = None
        self._first_memory_bytes = 0

    def __enter__(self) -> Validator:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """A warm parent is under way; nothing waits for it yet."""
        if self._parent is None:
            self._parent = WarmParent(self._python)
            self._first_memory_bytes = 0

    def close(self) -> None:
        """No process or folder of ours is left."""
        if self._parent is not None:
            self._parent.close()
            self._parent = None

    def probe(self) -> tuple[LayerReport, ...]:
        """The layers of the sandbox, and which of them this host offers.

        Raises:
            Unavailable: the warm parent cannot be started.
        """
        self.start()
        assert self._parent is not None
        return self._parent.walls()

    def wait_until_ready(self) -> Ready:
        """The warm parent has imported Airflow.

        Raises:
            Unavailable: it cannot.
        """
        self.start()
        assert self._parent is not None
        return self._parent.wait_until_ready()

    def validate_files(self, root: Path, files: Sequence[ReleasePath], settings: ValidateSettings) -> list[FileReport]:
        """What is known of each file, in the order given.

        Args:
            root: a folder with dags/ and plugins/.
            files: paths beneath it of the DAG files to import.

        Raises:
            Unavailable: no warm parent can be started.
        """
        root = root.resolve()
        layers = [layer.name for layer in self.probe() if layer.is_offered]
        if missing := find_missing(layers, settings.required):
            said = [(f"this host gives no `{each}`", HINTS[each]) for each in missing]
            return [_refuse(path, said) for path in files]
        preload = find_imports(_read(root / path) for path in files)
        reports: dict[ReleasePath, FileReport] = {}
        for _ in range(MAX_STARTS):
            left = tuple(path for path in files if path not in reports)
            if not left:
                break
            job = Job(root=str(root), files=left, preload=preload, settings=settings)
            for outcome in self._run(job):
                reports[outcome.path] = judge(outcome, root, settings, _read(root / outcome.path))
        self._renew_if_old()
        return [reports.get(path) or _give_up(path) for path in files]

    def _run(self, job: Job) -> Iterator[Outcome]:
        """The outcomes of what is done before the parent ends or dies, as they come; a dead one is replaced."""
        self.start()
        assert self._parent is not None
        try:
            yield from self._parent.run(job)
        except Unavailable:
            self.close()
            self.start()

    def _renew_if_old(self) -> None:
        state = self._parent.state if self._parent is not None else None
        if state is None:
            return
        self._first_memory_bytes = self._first_memory_bytes or state.memory_bytes
        has_grown = state.memory_bytes > MAX_GROWTH * self._first_memory_bytes
        if has_grown or state.forks >= MAX_FORKS or state.threads > 1:
            self.close()
            self.start()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SOURCE_BYTES)
    except OSError:
        return b""


def _refuse(path: ReleasePath, said: Sequence[tuple[str, str]]) -> FileReport:
    findings = tuple(find("sandbox-unavailable", path, message, hint=hint) for message, hint in said)
    return FileReport(path=path, findings=findings)


def _give_up(path: ReleasePath) -> FileReport:
    return FileReport(path=path, findings=(find("validator-failed", path),))
