"""Children are ready when they say so, come back when they die, and are gone when their supervisor is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.processes import Program, StartFailed, Supervisor

ENV = {"PATH": os.environ["PATH"]}
SLEEPER = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text('x'); time.sleep(60)"


def _program(folder: Path, name: str = "sleeper", code: str = SLEEPER, **more: object) -> Program:
    ready = folder / f"{name}.ready"
    whole: dict[str, object] = {
        "name": name,
        "argv": (sys.executable, "-S", "-c", code, str(ready)),
        "env": ENV,
        "log": folder / "logs" / f"{name}.log",
        "ready_file": ready,
        "stop_timeout_s": 5.0,
    }
    return Program(**{**whole, **more})  # type: ignore[arg-type]


def _await(is_so: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_is_ready_when_its_file_is_there_and_gone_when_stopped(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(_program(tmp_path, "a"), _program(tmp_path, "b"))
        assert (tmp_path / "a.ready").exists()
        assert supervisor.names() == ["a", "b"]
        pids = [supervisor.pid("a"), supervisor.pid("b")]
        assert all(map(_is_alive, pids))
        supervisor.stop("a")
        assert [_is_alive(pid) for pid in pids] == [False, True]
    assert not any(map(_is_alive, pids))


def test_what_dies_is_started_again_and_told_of(tmp_path: Path) -> None:
    told: list[int] = []
    with Supervisor(lambda _program, pid: told.append(pid)) as supervisor:
        supervisor.start(_program(tmp_path))
        first = supervisor.pid("sleeper")
        os.kill(first, signal.SIGKILL)
        _await(lambda: supervisor.restart_count("sleeper") == 1)
        supervisor.await_ready("sleeper")
        second = supervisor.pid("sleeper")
        assert told == [first, second]
        assert _is_alive(second)


def test_what_shall_not_be_restarted_stays_dead(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(_program(tmp_path, restarts=False))
        pid = supervisor.pid("sleeper")
        os.kill(pid, signal.SIGKILL)
        _await(lambda: not _is_alive(pid))
        assert supervisor.restart_count("sleeper") == 0


def test_a_program_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = _program(tmp_path, "broken", "raise SystemExit('no such bucket')", restarts=False)
    with Supervisor() as supervisor:
        with pytest.raises(StartFailed, match=r"(?s)broken exited with 1.*no such bucket"):
            supervisor.start(_program(tmp_path), broken)
        assert supervisor.names() == []


def test_a_program_that_is_never_ready_fails_in_its_time(tmp_path: Path) -> None:
    silent = _program(tmp_path, "silent", "import time; time.sleep(60)", start_timeout_s=0.2)
    with Supervisor() as supervisor, pytest.raises(StartFailed, match=r"silent is not ready after 0\.2 s"):
        supervisor.start(silent)


def test_who_ignores_sigterm_is_killed_with_all_it_started(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']);"
        "pathlib.Path(sys.argv[1] + '.child').write_text(str(child.pid));"
        "pathlib.Path(sys.argv[1]).write_text('x'); time.sleep(60)"
    )
    with Supervisor() as supervisor:
        supervisor.start(_program(tmp_path, code=code, stop_timeout_s=0.2))
        pids = [supervisor.pid("sleeper"), int((tmp_path / "sleeper.ready.child").read_text())]
        assert all(map(_is_alive, pids))
    _await(lambda: not any(map(_is_alive, pids)))


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys, time
from localcloud.processes import Program, Supervisor
folder = pathlib.Path(sys.argv[1])
supervisor = Supervisor()
supervisor.start(Program(name="child", argv=(sys.executable, "-S", "-c", {SLEEPER!r}, str(folder / "child.ready")),
    env={{}}, log=folder / "child.log", ready_file=folder / "child.ready"))
(folder / "pid.draft").write_text(str(supervisor.pid("child")))
(folder / "pid.draft").rename(folder / "pid")
time.sleep(60)
"""
    with subprocess.Popen((sys.executable, "-c", code, str(tmp_path))) as parent:
        try:
            _await((tmp_path / "pid").exists)
            child = int((tmp_path / "pid").read_text())
            assert _is_alive(child)
        finally:
            parent.kill()
    _await(lambda: not _is_alive(child))


def test_a_listener_that_fails_does_not_stop_the_program(tmp_path: Path) -> None:
    def fail(_program: Program, _pid: int) -> None:
        raise ConnectionError("nobody listens")

    with Supervisor(fail) as supervisor:
        supervisor.start(_program(tmp_path))
        assert _is_alive(supervisor.pid("sleeper"))
