"""What is said of one DAG file: between engine, warm parent and child, and to whoever asked."""

from __future__ import annotations

import enum

import msgspec

from dagwarden.lint.finding import Finding
from dagwarden.names import ReleasePath
from dagwarden.validate.guarantees import DEFAULT_GUARANTEES, Guarantee
from dagwarden.validate.model import DagModel, FileModel
from dagwarden.validate.plain import Suspect
from dagwarden.validate.sandbox.probe import LayerReport

MIB = 1 << 20


class ValidateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much an import may take, and what must hold around it."""

    airflow: tuple[int, int] = (3, 3)
    """Of the environment, major and minor: how it searches for DAG files."""
    import_timeout_s: float = 30.0
    memory_bytes: int = 512 * MIB
    """Beyond what the warm parent has mapped."""
    scratch_bytes: int = 64 * MIB
    max_report_bytes: int = 8 * MIB
    slow_import_s: float = 2.0
    heavy_import_s: float = 0.5
    """What one imported module may cost before it is named."""
    required: tuple[Guarantee, ...] = DEFAULT_GUARANTEES
    opted_in: tuple[str, ...] = ()
    """Ids of rules on the model that are silent unless asked for."""


class DeedKind(enum.StrEnum):
    """What an import can be seen doing."""

    NETWORK = "network"
    SUBPROCESS = "subprocess"
    WRITE = "write"
    WRITE_OUTSIDE = "write-outside"
    READ_OUTSIDE = "read-outside"
    ENVIRONMENT = "environment"
    VARIABLE = "variable"
    CONNECTION = "connection"
    SIGNAL = "signal"
    THREAD = "thread"
    NATIVE = "native"
    TAMPER = "tamper"
    HEAVY = "heavy"


class Deed(msgspec.Struct, frozen=True, kw_only=True, tag="deed"):
    """One thing an import did, told before it was done: what follows cannot take it back."""

    kind: DeedKind
    subject: str
    file: str
    """Absolute path of the innermost file of the release tree that led to it."""
    line: int
    seconds: float = 0.0


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The exception an import ended with."""

    type: str
    message: str
    file: str = ""
    """Innermost file of the release tree on the way to it; empty where there is none."""
    line: int = 0
    missing: str = ""
    """Dotted name of a module that is neither installed nor in the tree."""


class ChildReport(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """The last word of a child."""

    model: FileModel | None = None
    """What the file defines; None where the import failed, or the file is a plugin."""
    suspects: tuple[Suspect, ...] = ()
    """Of what tasks are given: judged by who reads this, and kept by nobody."""
    failures: tuple[Failure, ...] = ()
    patched: tuple[str, ...] = ()
    """Airflow's or the validator's own functions and classes that are not what they were before the import."""
    reads: tuple[str, ...] | None = None
    """Files of the tree that were opened, and with a slash at the end folders that were listed; None: too many."""
    unconfined: str = ""
    """Why a layer of the sandbox could not be raised; then nothing was imported."""
    seconds: float = 0.0
    """That the import took."""
    peak_memory_bytes: int = 0


Message = Deed | ChildReport


class Job(msgspec.Struct, frozen=True, kw_only=True, tag="job"):
    """Files of one tree to import, and modules worth importing before they are."""

    root: str
    files: tuple[ReleasePath, ...]
    preload: tuple[str, ...]
    settings: ValidateSettings


class Ended(enum.StrEnum):
    """How a child ended."""

    REPORTED = "reported"
    TIMED_OUT = "timed-out"
    KILLED = "killed"
    EXITED = "exited"
    FORGED = "forged"
    TALKED_TOO_MUCH = "talked-too-much"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag="outcome"):
    """What became of one file's child, as the warm parent saw it."""

    path: ReleasePath
    ended: Ended
    status: int = 0
    """Exit code, or signal where it was killed."""
    deeds: tuple[Deed, ...] = ()
    report: ChildReport = ChildReport()
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0


class Walls(msgspec.Struct, frozen=True, kw_only=True, tag="walls"):
    """What this host offers: the first thing a warm parent says, before it imports Airflow."""

    layers: tuple[LayerReport, ...]


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The warm parent takes jobs, or has ended one."""

    forks: int
    memory_bytes: int
    threads: int = 1


Answer = Walls | Outcome | Ready


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one file."""

    path: ReleasePath
    model: FileModel | None = None
    """What the file defines; None where that is not known, and for a plugin."""
    findings: tuple[Finding, ...]
    reads: tuple[str, ...] | None = None
    """Paths in the release that the import opened, and with a slash at the end folders that it listed; None where that
    is not known."""
    seconds: float = 0.0
    """From fork to end, as the parent measured it."""
    peak_memory_bytes: int = 0

    @property
    def dags(self) -> tuple[DagModel, ...]:
        """The DAGs it defines, as far as is known."""
        return self.model.dags if self.model is not None else ()
