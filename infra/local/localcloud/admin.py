"""The admin endpoint: plan faults, read counters, name processes. Its own calls are neither counted nor struck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.calls import Calls, Fault


class Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A process that `crash` faults on `caller` kill."""

    caller: str
    pid: int


class Count(msgspec.Struct, frozen=True):
    """How often one method was called by one caller."""

    service: str
    method: str
    caller: str
    count: int


class PlannedFault(msgspec.Struct, frozen=True):
    """A fault, how many calls it matched, how many it struck."""

    fault: Fault
    seen: int
    struck: int


def routes(calls: Calls, endpoints: Mapping[str, Any]) -> list[Route]:
    """`/admin/faults`, `/admin/calls`, `/admin/processes`, `/admin/health`.

    Args:
        endpoints: what `/admin/health` tells.
    """
    admin = _Admin(calls, endpoints)
    return [
        Route("/admin/faults", admin.plan, methods=["POST"]),
        Route("/admin/faults", admin.show_faults, methods=["GET"]),
        Route("/admin/faults", admin.forget_faults, methods=["DELETE"]),
        Route("/admin/calls", admin.show_calls, methods=["GET"]),
        Route("/admin/calls", admin.reset_calls, methods=["DELETE"]),
        Route("/admin/processes", admin.register, methods=["POST"]),
        Route("/admin/health", admin.show_health, methods=["GET"]),
    ]


class _Admin:
    def __init__(self, calls: Calls, endpoints: Mapping[str, Any]) -> None:
        self._calls = calls
        self._endpoints = endpoints

    async def plan(self, request: Request) -> Response:
        """Body: a `Fault`. Answer: `{"id": …}`."""
        try:
            fault = msgspec.json.decode(await request.body(), type=Fault)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _refuse(error)
        return JSONResponse({"id": self._calls.plan(fault)})

    async def show_faults(self, request: Request) -> Response:  # noqa: ARG002
        """Answer: a list of `PlannedFault`."""
        return _json([PlannedFault(fault, seen, struck) for fault, seen, struck in self._calls.planned()])

    async def forget_faults(self, request: Request) -> Response:  # noqa: ARG002
        """No fault is planned afterwards."""
        self._calls.forget_faults()
        return Response(status_code=204)

    async def show_calls(self, request: Request) -> Response:  # noqa: ARG002
        """Answer: a list of `Count`."""
        counts = self._calls.counts().items()
        return _json([Count(key.service, key.method, key.caller, count) for key, count in counts])

    async def reset_calls(self, request: Request) -> Response:  # noqa: ARG002
        """All counters are zero afterwards."""
        self._calls.reset_counts()
        return Response(status_code=204)

    async def register(self, request: Request) -> Response:
        """Body: a `Process`."""
        try:
            process = msgspec.json.decode(await request.body(), type=Process)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _refuse(error)
        if process.pid <= 1:  # 0 and negative ids would kill whole groups
            return JSONResponse({"error": f"{process.pid} is no id of a process to kill"}, status_code=400)
        self._calls.register_process(process.caller, process.pid)
        return Response(status_code=204)

    async def show_health(self, request: Request) -> Response:  # noqa: ARG002
        """Answers as soon as all APIs do."""
        return JSONResponse({"status": "serving", **self._endpoints})


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _refuse(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
