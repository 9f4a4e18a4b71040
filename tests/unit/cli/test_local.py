"""The local stack, started and stopped from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = "from dagwarden.cli.main import main; main()"
PATIENCE_S = 60.0
Up = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the stack keeps everything."""
    return tmp_path / "local"


@pytest.fixture
def up(folder: Path) -> Iterator[Up]:
    """Runs `dagwarden local up`, the local cloud alone, as somebody at a terminal does."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        arguments = ["local", "up", "--cloud-only", "--folder", str(folder)]
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def await_file(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert time.monotonic() < deadline, file
        time.sleep(0.02)


@pytest.mark.parametrize("file", ["pid", "cloud.ready.json", "up"])
def test_ctrl_c_stops_the_stack_whole_however_far_it_has_come(up: Up, folder: Path, file: str) -> None:
    process = up()
    await_file(folder / file)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert not (folder / "pid").exists()
    assert not (folder / "up").exists()


def test_down_stops_what_up_started_and_says_so_once(up: Up, folder: Path) -> None:
    process = up()
    await_file(folder / "up")
    for said in ("down\n", "not up\n"):
        arguments = ["local", "down", "--folder", str(folder)]
        done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout == said
    assert process.wait(PATIENCE_S) == 0
