"""The children of the warm parent: forked, watched, ended, each told of in one outcome."""

from __future__ import annotations

import os
import resource
import secrets
import selectors
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from dagwarden.validate import child
from dagwarden.validate.frames import NONCE_BYTES, Forged, read_frames
from dagwarden.validate.report import ChildReport, Ended, Outcome

READ_BYTES = 1 << 18
GRACE_S = 0.2
"""How long a child that closed its pipe may take to exit by itself: its exit code says how it ended."""
POLL_S = 0.0005


class _Member(msgspec.Struct, kw_only=True):
    """One child under way."""

    pid: int
    task: child.Task
    nonce: bytes
    started_at: float
    said: bytearray = msgspec.field(default_factory=bytearray)
    stopped: Ended | None = None


class Crew:
    """Children under way; the process has one thread, since it forks."""

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}
        self._selector = selectors.DefaultSelector()
        self.forks = 0

    def __len__(self) -> int:
        return len(self._members)

    def start(self, task: child.Task) -> None:
        """One more child imports one more file."""
        reading, writing = os.pipe()
        nonce = secrets.token_bytes(NONCE_BYTES)
        pid = os.fork()
        if not pid:
            child.run(task, writing, nonce)
        os.close(writing)
        os.set_blocking(reading, False)
        self.forks += 1
        self._members[reading] = _Member(pid=pid, task=task, nonce=nonce, started_at=time.monotonic())
        self._selector.register(reading, selectors.EVENT_READ)

    def wait(self) -> Iterator[Outcome]:
        """Outcomes of the children that ended, after waiting for one to speak, to end or to outlive its time."""
        deadlines = [self._deadline(member) for member in self._members.values()]
        patience_s = max(0.0, min(deadlines) - time.monotonic()) if deadlines else 0.0
        ready = {int(key.fd) for key, _ in self._selector.select(patience_s)}
        now = time.monotonic()
        for pipe, member in list(self._members.items()):
            if pipe in ready and self._listen(pipe, member):
                yield self._finish(pipe, member)
            elif now >= self._deadline(member):
                member.stopped = Ended.TIMED_OUT
                yield self._finish(pipe, member)

    def _deadline(self, member: _Member) -> float:
        return member.started_at + member.task.settings.import_timeout_s

    def _listen(self, pipe: int, member: _Member) -> bool:
        """Whether there is nothing more to hear."""
        heard = os.read(pipe, READ_BYTES)
        member.said += heard
        if len(member.said) > member.task.settings.max_report_bytes:
            member.stopped = Ended.TALKED_TOO_MUCH
        return not heard or member.stopped is not None

    def _finish(self, pipe: int, member: _Member) -> Outcome:
        self._selector.unregister(pipe)
        os.close(pipe)
        del self._members[pipe]
        status, usage = _end(member.pid, must_kill=member.stopped is not None)
        return _tell(member, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _end(pid: int, *, must_kill: bool) -> tuple[int, resource.struct_rusage]:
    until = time.monotonic() + GRACE_S
    while not must_kill and time.monotonic() < until:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage
        time.sleep(POLL_S)
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return status, usage


def _tell(member: _Member, status: int, cpu_s: float, peak_memory_bytes: int) -> Outcome:
    ended, code, report = Ended.REPORTED, 0, None
    try:
        deeds, report = read_frames(member.nonce, bytes(member.said), is_whole=member.stopped is None)
    except Forged:
        deeds, ended = [], Ended.FORGED
    if ended is not Ended.FORGED and member.stopped is not None:
        ended, report = member.stopped, None
    elif ended is not Ended.FORGED and (report is None or status):
        ended = Ended.KILLED if os.WIFSIGNALED(status) else Ended.EXITED
        code = os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        report = None
    return Outcome(
        path=member.task.path,
        ended=ended,
        status=code,
        deeds=tuple(deeds),
        report=report or ChildReport(),
        seconds=time.monotonic() - member.started_at,
        cpu_s=cpu_s,
        peak_memory_bytes=peak_memory_bytes,
    )
