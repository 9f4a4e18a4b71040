"""Makes HTTP calls obey planned faults: count the call, then answer, delay, refuse, hang up or crash as told.

A handler reads its whole request first, then returns `await answer(calls, call, work)`, where `work` does the call and
returns the response. Every API of the local cloud that speaks HTTP goes through here and nowhere else, so that a fault
means the same to all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from localcloud.calls import Calls, Fault, Service

Work = Callable[[], Awaitable[Response]]
Refuse = Callable[[int], Response]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One API call, as faults and counters know it: `objects.insert` by `gate@p.iam…` on `bucket/name`."""

    service: Service
    method: str
    caller: str
    subject: str = ""


class HangUp(Response):
    """Closes the connection instead of answering: the client sees a reset, never a status line.

    ASGI knows no hanging up, so this reaches for the transport behind uvicorn's `receive`; it must therefore be
    returned by a plain route (no middleware that replaces `receive` in between).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """The connection is aborted afterwards.

        Raises:
            ConnectionAbortedError: the server is not uvicorn, so there is no transport to abort.
        """
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionAbortedError("a planned fault hangs up, but the server shows no transport")
        transport.abort()
        # uvicorn answers 500 for an application that returns unanswered, unless it has seen the disconnect.
        while (await receive())["type"] != "http.disconnect":
            continue


def refuse_as_google(status: int) -> Response:
    """The error a Google JSON API answers with when it fails by itself."""
    message = f"planned fault: {status}"
    error = {"domain": "global", "reason": "backendError", "message": message}
    return JSONResponse({"error": {"code": status, "message": message, "errors": [error]}}, status_code=status)


async def answer(calls: Calls, call: Call, work: Work, refuse: Refuse = refuse_as_google) -> Response:
    """Count the call once and do it, or do what the planned fault says.

    Args:
        calls: the book of calls and faults.
        call: what is called, by whom, on what.
        work: does the call; turns its own errors into responses, so that `…_after` faults strike those as well.
        refuse: makes the response for a planned status.

    Returns:
        What to answer; `HangUp` when the connection is to be closed unanswered.
    """
    fault = calls.begin(call.service, call.method, call.caller, call.subject)
    if fault is None:
        return await work()
    before = await _strike_before(calls, call, fault, refuse)
    if before is not None:
        return before
    done = await work()
    return _strike_after(calls, call, fault, refuse) or done


async def _strike_before(calls: Calls, call: Call, fault: Fault, refuse: Refuse) -> Response | None:
    match fault.action:
        case "fail":
            return refuse(fault.status)
        case "drop":
            return HangUp()
        case "crash":
            calls.crash(call.caller)
            return HangUp()
        case "delay":
            await asyncio.sleep(fault.delay_s)
    return None


def _strike_after(calls: Calls, call: Call, fault: Fault, refuse: Refuse) -> Response | None:
    match fault.action:
        case "fail_after":
            return refuse(fault.status)
        case "drop_after":
            return HangUp()
        case "crash_after":
            calls.crash(call.caller)
            return HangUp()
    return None
