"""A client of the admin endpoint, for tests, the demo and benchmarks."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx
import msgspec

from localcloud.admin import Count, PlannedFault, Process
from localcloud.calls import Action, Fault, Service


class AdminClient:
    """Plans faults in a running local cloud and reads its counters.

    Args:
        url: of the local cloud's HTTP APIs.
    """

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No connection is left."""
        self._http.close()

    def plan(self, service: Service, action: Action, **details: Any) -> str:
        """Plan a fault; returns its id.

        Args:
            details: further fields of `Fault`: method, caller, subject, nth, times, status, delay_s, id.

        Raises:
            TypeError: there is no such field.
        """
        return self.plan_fault(Fault(service=service, action=action, **details))

    def plan_fault(self, fault: Fault) -> str:
        """Plan a fault; returns its id."""
        return str(self._send("POST", "/admin/faults", msgspec.json.encode(fault)).json()["id"])

    def faults(self) -> list[PlannedFault]:
        """All planned faults, each with how many calls it matched and how many it struck."""
        return msgspec.json.decode(self._send("GET", "/admin/faults").content, type=list[PlannedFault])

    def struck(self, fault_id: str) -> int:
        """How many calls a fault struck so far."""
        return next(planned.struck for planned in self.faults() if planned.fault.id == fault_id)

    def forget_faults(self) -> None:
        """No fault is planned afterwards."""
        self._send("DELETE", "/admin/faults")

    def counts(self) -> list[Count]:
        """Every counter above zero."""
        return msgspec.json.decode(self._send("GET", "/admin/calls").content, type=list[Count])

    def count(self, service: str = "", method: str = "", caller: str = "") -> int:
        """How many calls there were; an empty argument means any."""
        return sum(
            each.count
            for each in self.counts()
            if service in ("", each.service) and method in ("", each.method) and caller in ("", each.caller)
        )

    def reset_counts(self) -> None:
        """All counters are zero afterwards."""
        self._send("DELETE", "/admin/calls")

    def register_process(self, caller: str, pid: int) -> None:
        """`crash` faults on calls of `caller` kill the process `pid`."""
        self._send("POST", "/admin/processes", msgspec.json.encode(Process(caller, pid)))

    def _send(self, verb: str, path: str, content: bytes | None = None) -> httpx.Response:
        response = self._http.request(verb, path, content=content)
        response.raise_for_status()
        return response
