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

from dagwarden.names import ReleasePath
from dagwarden.validate import child
from dagwarden.validate.frames import NONCE_BYTES, Forged, read_frames
from dagwarden.validate.report import ChildReport, Ended, Outcome
from dagwarden.validate.sandbox import kernel

READ_BYTES = 1 << 18
GRACE_S = 0.2
"""How long a child that closed its pipe may take to exit by itself: its exit code says how it ended."""
POLL_S = 0.0001


class _Member(msgspec.Struct, kw_only=True):
    """One child under way, or standing by."""

    pid: int
    around: child.Surroundings
    orders: int
    pipe: int
    nonce: bytes
    path: ReleasePath = ReleasePath("")
    started_at: float = 0.0
    said: bytearray = msgspec.field(default_factory=bytearray)
    stopped: Ended | None = None


class Crew:
    """Children under way; the process has one thread, since it forks."""

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}
        self._selector = selectors.DefaultSelector()
        self._standby: _Member | None = None
        self.forks = 0

    def __len__(self) -> int:
        return len(self._members)

    def stand_by(self, around: child.Surroundings) -> None:
        """A child raises its walls now, so that the next file need not wait for that."""
        if self._standby is None:
            self._standby = self._fork(around)

    def dismiss(self) -> None:
        """Nobody stands by."""
        if self._standby is not None:
            os.close(self._standby.orders)
            os.close(self._standby.pipe)
            _end(self._standby.pid, must_kill=True)
            self._standby = None

    def start(self, around: child.Surroundings, path: ReleasePath) -> None:
        """One more child imports one more file."""
        member = self._take_standby(around) or self._fork(around)
        member.path, member.started_at = path, time.monotonic()
        with suppress(BrokenPipeError):
            os.write(member.orders, path.encode("utf-8", "surrogateescape"))
        os.close(member.orders)
        self._members[member.pipe] = member
        self._selector.register(member.pipe, selectors.EVENT_READ)

    def _take_standby(self, around: child.Surroundings) -> _Member | None:
        """Who stands by in these surroundings, and lives."""
        member = self._standby
        if member is None or member.around is not around or _has_ended(member.pid):
            self.dismiss()
            return None
        self._standby = None
        return member

    def _fork(self, around: child.Surroundings) -> _Member:
        hearing, orders = os.pipe()
        pipe, telling = os.pipe()
        nonce = secrets.token_bytes(NONCE_BYTES)
        pid = kernel.fork()
        if not pid:
            os.close(orders)
            child.run(around, hearing, telling, nonce)
        os.close(hearing)
        os.close(telling)
        os.set_blocking(pipe, False)
        self.forks += 1
        return _Member(pid=pid, around=around, orders=orders, pipe=pipe, nonce=nonce)

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
        return member.started_at + member.around.settings.import_timeout_s

    def _listen(self, pipe: int, member: _Member) -> bool:
        """Whether there is nothing more to hear."""
        heard = os.read(pipe, READ_BYTES)
        member.said += heard
        if len(member.said) > member.around.settings.max_report_bytes:
            member.stopped = Ended.TALKED_TOO_MUCH
        return not heard or member.stopped is not None

    def _finish(self, pipe: int, member: _Member) -> Outcome:
        self._selector.unregister(pipe)
        os.close(pipe)
        del self._members[pipe]
        status, usage = _end(member.pid, must_kill=member.stopped is not None)
        return _tell(member, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


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
        path=member.path,
        ended=ended,
        status=code,
        deeds=tuple(deeds),
        report=report or ChildReport(),
        seconds=time.monotonic() - member.started_at,
        cpu_s=cpu_s,
        peak_memory_bytes=peak_memory_bytes,
    )
