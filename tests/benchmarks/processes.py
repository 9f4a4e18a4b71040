"""Runs a command and tells what it cost, with all processes that it started."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

_POLL_S = 0.02


class Cost(msgspec.Struct, frozen=True):
    """Of one run."""

    wall_s: float
    cpu_s: float
    """Of the process and all it waited for, user and system."""
    peak_bytes: int = 0
    """The most that its processes held together, pages they share counted once; 0 where that was not watched."""


def run_timed(
    command: Sequence[str],
    folder: Path,
    *,
    cores: Iterable[int],
    watches_memory: bool = False,
    ends_with: int = 1,
    environ: Mapping[str, str] | None = None,
) -> Cost:
    """Run it to its end on these cores.

    Args:
        watches_memory: looking takes time of its own: no figure but the memory is then worth telling.
        ends_with: the highest exit code that is no failure.
        environ: of its own; this process's when None.
    """
    before, begun, peak = _children_s(), time.perf_counter(), 0
    process = subprocess.Popen(
        ["taskset", "--cpu-list", ",".join(map(str, cores)), *command],
        cwd=folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while watches_memory and process.poll() is None:
        peak = max(peak, _held_bytes(process.pid))
        time.sleep(_POLL_S)
    code = process.wait()
    wall_s = time.perf_counter() - begun
    if code > ends_with or code < 0:
        raise RuntimeError(f"{command[0]} ended with {code}")
    return Cost(wall_s, _children_s() - before, peak)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _held_bytes(session: int) -> int:
    """What the processes of a session hold, each page they share divided among those that share it."""
    return sum(
        _read_pss(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit() and _is_in(folder, session)
    )


def _is_in(folder: Path, session: int) -> bool:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == session
    except (OSError, IndexError, ValueError):
        return False


def _read_pss(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
