"""Counts every API call and says which planned fault, if any, befalls it.

A fault is an instruction given to the server, as in Google's storage testbench: clients and product stay untouched.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import signal
from collections import Counter
from typing import Literal

import msgspec

Service = Literal["storage", "pubsub", "logging", "iam", "eventarc", "composer"]

Action = Literal[
    "fail",  # answer `status` without doing the work
    "fail_after",  # do the work, then answer `status`
    "delay",  # wait `delay_s`, then do the work
    "drop",  # close the connection without doing the work
    "drop_after",  # do the work, then close the connection unanswered
    "crash",  # SIGKILL the caller's registered process, the work undone
    "crash_after",  # do the work, then SIGKILL the caller's registered process
    "duplicate",  # deliveries only: deliver twice
    "reorder",  # deliveries only: hold this one back until another has passed it (or `delay_s` is over)
    "lose",  # deliveries only: never deliver
]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One planned fault: which calls it means, when it strikes, what it does.

    `method`, `caller` and `subject` are shell globs; `nth` counts matching calls from the moment the fault was planned,
    starting at 1; the fault strikes on calls nth .. nth+times-1.
    """

    service: Service
    action: Action
    method: str = "*"
    caller: str = "*"
    subject: str = "*"
    nth: int = 1
    times: int = 1
    status: int = 503
    delay_s: float = 0.0
    id: str = ""


class CallKey(msgspec.Struct, frozen=True):
    """What calls are counted by."""

    service: str
    method: str
    caller: str


class _Planned:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0


class Calls:
    """The book of all API calls: counters by (service, method, caller), and the faults still planned."""

    def __init__(self) -> None:
        self._counts: Counter[CallKey] = Counter()
        self._planned: dict[str, _Planned] = {}
        self._ids = itertools.count(1)
        self._processes: dict[str, set[int]] = {}

    def begin(self, service: Service, method: str, caller: str, subject: str = "") -> Fault | None:
        """Count one call and return the fault that strikes it, if any (the first planned wins)."""
        self._counts[CallKey(service, method, caller)] += 1
        struck: Fault | None = None
        for planned in self._planned.values():
            fault = planned.fault
            if not (
                fault.service == service
                and fnmatch.fnmatchcase(method, fault.method)
                and fnmatch.fnmatchcase(caller, fault.caller)
                and fnmatch.fnmatchcase(subject, fault.subject)
            ):
                continue
            planned.seen += 1
            if struck is None and fault.nth <= planned.seen < fault.nth + fault.times:
                planned.struck += 1
                struck = fault
        return struck

    def plan(self, fault: Fault) -> str:
        """Plan a fault; returns its id."""
        fault_id = fault.id or f"fault-{next(self._ids)}"
        self._planned[fault_id] = _Planned(msgspec.structs.replace(fault, id=fault_id))
        return fault_id

    def planned(self) -> list[tuple[Fault, int, int]]:
        """All planned faults, each with how many calls it matched and how many it struck."""
        return [(p.fault, p.seen, p.struck) for p in self._planned.values()]

    def forget_faults(self) -> None:
        """No fault is planned afterwards."""
        self._planned.clear()

    def counts(self) -> dict[CallKey, int]:
        """How often each (service, method, caller) was called since the last reset."""
        return dict(self._counts)

    def reset_counts(self) -> None:
        """All counters are zero afterwards."""
        self._counts.clear()

    def register_process(self, caller: str, pid: int) -> None:
        """Make `pid` (and earlier ones of the same caller) what a `crash` fault on `caller` kills."""
        self._processes.setdefault(caller, set()).add(pid)

    def crash(self, caller: str) -> None:
        """SIGKILL every process registered for `caller`; forget them."""
        for pid in self._processes.pop(caller, set()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
