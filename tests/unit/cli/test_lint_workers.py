"""Work spread over processes is done whole, whatever single files do to their worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from dagwarden.cli.linting.workers import Watch, map_files

HANGING, DEADLY, RAISING = "hang", "die", "raise"


def task(paths: Sequence[str], watch: Watch) -> list[str]:
    for path in paths:
        watch(path)
        if path.startswith(HANGING):
            threading.Event().wait()
        if path.startswith(DEADLY):
            os.kill(os.getpid(), signal.SIGKILL)
        if path.startswith(RAISING):
            os._exit(1)
    return [f"{path} done" for path in paths]


def run(paths: Sequence[str], *, processes: int = 2) -> dict[str, str]:
    results = map_files(task, paths, give_up=lambda path, why: f"{path} {why}", processes=processes, deadline_s=0.5)
    told = list(results)
    assert len(told) == len(paths)
    return {result.split()[0]: result for result in told}


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_each_file_has_one_result(processes: int) -> None:
    paths = [f"f{number}" for number in range(50)]
    assert run(paths, processes=processes) == {path: f"{path} done" for path in paths}


def test_nothing_to_do_is_done() -> None:
    assert run([]) == {}


def test_a_file_that_hangs_or_kills_costs_its_own_result_only() -> None:
    paths = [*(f"f{number}" for number in range(20)), "hang1", "die1", "raise1", "die2"]
    results = run(sorted(paths))
    assert results["hang1"] == "hang1 it was not read within 0.5 s"
    assert {results[path] for path in ("die1", "die2", "raise1")} == {
        f"{path} whoever read it died of it" for path in ("die1", "die2", "raise1")
    }
    assert all(results[f"f{number}"] == f"f{number} done" for number in range(20))


def die_outside(paths: Sequence[str], watch: Watch) -> list[str]:
    watch("")
    if "bad" in paths:
        os._exit(1)
    return [f"{path} done" for path in paths]


def test_a_batch_is_halved_where_nobody_knows_which_file_is_to_blame() -> None:
    paths = [f"f{number}" for number in range(30)] + ["bad"]
    results = map_files(die_outside, paths, give_up=lambda path, _: f"{path} died", processes=1, deadline_s=5)
    told = sorted(results)
    assert told == sorted([f"f{number} done" for number in range(30)] + ["bad died"])


def test_no_process_is_left() -> None:
    before = set(os.listdir("/proc")) if os.path.isdir("/proc") else set()  # noqa: PTH112, PTH208
    run(["a", "die1", "b"])
    left = [
        pid
        for pid in set(os.listdir("/proc")) - before  # noqa: PTH208
        if pid.isdigit() and _parent(pid) == os.getpid()
    ]
    assert left == []


def die_beside_ruff(_paths: Sequence[str], _watch: Watch) -> list[str]:
    tempfile.mkdtemp(prefix=f"dagwarden-ruff-{os.getpid()}-")
    os._exit(1)


def test_what_a_killed_worker_gave_to_ruff_is_swept_away() -> None:
    before = set(Path(tempfile.gettempdir()).glob("dagwarden-ruff-*"))
    assert list(map_files(die_beside_ruff, ["a"], give_up=lambda path, _: path, processes=1, deadline_s=5)) == ["a"]
    assert set(Path(tempfile.gettempdir()).glob("dagwarden-ruff-*")) <= before


HANGING_POOL = """
import os, threading
from dagwarden.cli.linting.workers import map_files

def task(paths, watch):
    os.write(1, b"%d\\n" % os.getpid())
    threading.Event().wait()

list(map_files(task, ["a", "b"], give_up=lambda path, why: why, processes=2, deadline_s=60))
"""


def test_an_interrupt_ends_all_workers_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING_POOL], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as pool:
        assert pool.stdout is not None
        workers = [pool.stdout.readline().strip() for _ in range(2)]
        assert all(_parent(worker) == pool.pid for worker in workers)
        pool.send_signal(signal.SIGINT)
        pool.wait(timeout=5)
    assert [worker for worker in workers if os.path.isdir(f"/proc/{worker}")] == []  # noqa: PTH112


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0
