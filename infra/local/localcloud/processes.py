"""A supervisor of child processes: ready when it says so, restarted when they die, gone when it is gone.

Linux only: children ask the kernel to be killed with their parent (prctl PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import httpx
import msgspec

_LOG = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # Source: linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_POLL_S = 0.02
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_STEADY_S = 10.0  # who ran this long is restarted without a long pause
_LOG_TAIL_CHARACTERS = 2000


class StartFailed(Exception):
    """A program died, or did not become ready in time; says which, and the end of its log."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One program to run.

    Args:
        env: the whole environment of the process.
        log: takes standard output and error, appended.
        health_url: ready when this answers with any status below 500.
        ready_file: ready when this exists; removed before each start. With neither, it is ready at once.
        restarts: whether it is started again when it dies by itself.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    health_url: str = ""
    ready_file: Path | None = None
    restarts: bool = True
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0


OnStart = Callable[[Program, int], None]
"""Told of each start and restart: the program and its process id."""


class Supervisor:
    """Runs programs until it is closed or dies."""

    def __init__(self, on_start: OnStart = lambda _program, _pid: None) -> None:
        self._on_start = on_start
        # The kernel ties "parent died" to the thread that forked, so one thread that lives on forks them all.
        self._forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")
        self._runs: dict[str, _Run] = {}

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, *programs: Program) -> None:
        """All of them run and are ready; they start side by side.

        Raises:
            StartFailed: one did not; all of them are stopped again.
        """
        for program in programs:
            assert program.name not in self._runs, f"{program.name} runs already"
            self._runs[program.name] = _Run(program, self._fork)
        try:
            for program in programs:
                self._runs[program.name].await_ready()
        except BaseException:
            self.stop(*(program.name for program in programs))
            raise

    def stop(self, *names: str) -> None:
        """These are gone: asked with SIGTERM, after their time with SIGKILL, with all that they started."""
        runs = [self._runs.pop(name) for name in names if name in self._runs]
        for run in runs:
            run.ask_to_stop()
        for run in runs:
            run.await_stop()

    def close(self) -> None:
        """Everything is stopped, the last started first asked."""
        self.stop(*reversed(list(self._runs)))
        self._forker.shutdown()

    def names(self) -> list[str]:
        """What is being run, in the order of starting."""
        return list(self._runs)

    def pid(self, name: str) -> int:
        """The process id a program has now."""
        return self._runs[name].pid

    def restart_count(self, name: str) -> int:
        """How often a program was started again."""
        return self._runs[name].restart_count

    def await_ready(self, name: str) -> None:
        """The program's present process is ready.

        Raises:
            StartFailed: it is not, in its time.
        """
        self._runs[name].await_ready()

    def _fork(self, program: Program) -> subprocess.Popen[bytes]:
        process = self._forker.submit(_fork, program).result()
        try:
            self._on_start(program, process.pid)
        except Exception:  # noqa: BLE001 a listener's fault must not leave the program unwatched
            _LOG.exception("whoever wanted to hear of the start of %s failed", program.name)
        return process


class _Run:
    """One program being run, and the thread that waits for it to die."""

    def __init__(self, program: Program, fork: Callable[[Program], subprocess.Popen[bytes]]) -> None:
        self.program = program
        self.restart_count = 0
        self._fork = fork
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # held to reap and to signal: no id is signalled that may be another's by now
        self._process = fork(program)
        self._keeper = threading.Thread(target=self._keep, name=f"keeper-{program.name}", daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_ready(self) -> None:
        deadline = time.monotonic() + self.program.start_timeout_s
        while not (self._keeper.is_alive() and _is_ready(self.program)):
            if not self._keeper.is_alive() or time.monotonic() > deadline:
                raise StartFailed(_describe(self.program, self._process.returncode))
            time.sleep(_POLL_S)

    def ask_to_stop(self) -> None:
        self._stopping.set()
        self._signal(os.kill, signal.SIGTERM)

    def await_stop(self) -> None:
        self._keeper.join(self.program.stop_timeout_s)
        self._signal(os.killpg, signal.SIGKILL)
        self._keeper.join()

    def _signal(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        with self._lock:
            if self._process.returncode is None:
                send(self._process.pid, number)

    def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started_at = time.monotonic()
            self._await_death()
            if time.monotonic() - started_at > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            if not self.program.restarts or self._stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._start_again()

    def _await_death(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # what it left behind
            self._process.wait()

    def _start_again(self) -> None:
        process = self._fork(self.program)
        with self._lock:
            self._process = process
        self.restart_count += 1
        if self._stopping.is_set():
            self._signal(os.kill, signal.SIGTERM)


def _fork(program: Program) -> subprocess.Popen[bytes]:
    if program.ready_file:
        program.ready_file.unlink(missing_ok=True)
    program.log.parent.mkdir(parents=True, exist_ok=True)
    parent = os.getpid()
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.argv,
            env=dict(program.env),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own group: a Ctrl-C is the supervisor's to handle, a stop reaches all of it
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 one forking thread, and nothing but system calls inside
        )


def _die_with(parent: int) -> None:
    """In the child: SIGKILL comes when the parent dies, also when it has died already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _is_ready(program: Program) -> bool:
    if program.ready_file and not program.ready_file.exists():
        return False
    if not program.health_url:
        return True
    try:
        return httpx.get(program.health_url, timeout=2.0, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def _describe(program: Program, code: int | None) -> str:
    what = f"exited with {code}" if code is not None else f"is not ready after {program.start_timeout_s:g} s"
    tail = program.log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
    return f"{program.name} {what}; the end of {program.log}:\n{tail}"
