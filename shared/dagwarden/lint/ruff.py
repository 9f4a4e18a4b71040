"""ruff, asked once about many files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from dagwarden.lint.ruff_rules import HEAVY_MODULES
from dagwarden.names import ReleasePath

TIMEOUT_S = 10.0
"""And 10 ms a file: ruff reads a thousand of them in a second. What takes longer hangs."""

MEMORY, ROOM_FACTOR = "/dev/shm", 8  # noqa: S108
"""Where files are made in a tenth of the time that a disk takes, and how many bytes must be free there for each
character: it has four at the most, and others write there too."""

_BANNED = f"lint.flake8-tidy-imports.banned-module-level-imports={list(HEAVY_MODULES)}"


class Spot(msgspec.Struct, frozen=True):
    """A place in a file: both count from 1, the column in characters."""

    row: int
    column: int


class RuffEdit(msgspec.Struct, frozen=True):
    """Text that takes the place of other text."""

    content: str
    location: Spot
    end_location: Spot


class RuffFix(msgspec.Struct, frozen=True):
    """How ruff would mend something: all edits or none."""

    applicability: str
    edits: tuple[RuffEdit, ...]
    message: str | None = None
    """In words, e.g. "Use `schedule` instead"."""


class Diagnostic(msgspec.Struct, frozen=True):
    """What ruff says of one place, as its `json` output has it (the other formats leave the code out)."""

    code: str | None
    message: str
    location: Spot
    end_location: Spot
    filename: str = ""
    fix: RuffFix | None = None


def run_ruff(
    texts: Mapping[ReleasePath, str], codes: Collection[str], *, timeout_s: float = TIMEOUT_S
) -> dict[ReleasePath, list[Diagnostic] | None]:
    """What ruff says under these codes, by file; None for a file that it dies of. `# noqa` has no effect."""
    paths = list(texts)
    if not paths:
        return {}
    diagnostics = _ask(texts, codes, timeout_s + len(texts) / 100)
    if diagnostics is not None:
        return diagnostics
    if len(paths) == 1:
        return {paths[0]: None}
    halves = paths[: len(paths) // 2], paths[len(paths) // 2 :]
    said: dict[ReleasePath, list[Diagnostic] | None] = {}
    for half in halves:
        said |= run_ruff({path: texts[path] for path in half}, codes, timeout_s=timeout_s)
    return said


def _ask(
    texts: Mapping[ReleasePath, str], codes: Collection[str], timeout_s: float
) -> dict[ReleasePath, list[Diagnostic] | None] | None:
    """One process for all; None when it fails. One file goes through the pipe, many through a folder of their own."""
    if len(texts) == 1:
        ((path, text),) = texts.items()
        output = _run(["-", "--stdin-filename", "0.py"], codes, _encode(text), timeout_s)
        return None if output is None else {path: list(_read(output))}
    said: dict[ReleasePath, list[Diagnostic] | None] = {path: [] for path in texts}
    with tempfile.TemporaryDirectory(prefix=_prefix(os.getpid()), dir=_find_memory(texts.values())) as given:
        folder = os.path.realpath(given)
        names = {f"{folder}/{number}.py": path for number, path in enumerate(texts)}
        for name, path in names.items():
            with open(name, "wb") as file:  # noqa: PTH123 (a Path a file takes longer than the writing)
                file.write(_encode(texts[path]))
        output = _run([folder], codes, b"", timeout_s)
    if output is None:
        return None
    for diagnostic in _read(output):
        told = said[names[diagnostic.filename]]
        if told is not None:
            told.append(diagnostic)
    return said


def sweep(pid: int) -> None:
    """No folder is left that a process made for ruff before it was killed."""
    for base in (MEMORY, tempfile.gettempdir()):
        for left in Path(base).glob(f"{_prefix(pid)}*"):
            shutil.rmtree(left, ignore_errors=True)


def _prefix(pid: int) -> str:
    return f"dagwarden-ruff-{pid}-"


def _find_memory(texts: Iterable[str]) -> str | None:
    """The folder in memory, where there is one with room."""
    try:
        about = os.statvfs(MEMORY)
    except OSError:
        return None
    needed = ROOM_FACTOR * sum(len(text) + about.f_frsize for text in texts)
    return MEMORY if os.access(MEMORY, os.W_OK) and about.f_bavail * about.f_frsize > needed else None


def _run(arguments: list[str], codes: Collection[str], stdin: bytes, timeout_s: float) -> bytes | None:
    command = [
        find_ruff_bin(), "check", "--isolated", "--no-cache", "--preview", "--ignore-noqa", "--exit-zero", "--quiet",
        "--output-format", "json", "--select", ",".join(codes), "--config", _BANNED, *arguments,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a declared encoding may give halves of surrogate pairs


def _read(output: bytes) -> Iterator[Diagnostic]:
    return iter(msgspec.json.decode(output, type=list[Diagnostic]))
