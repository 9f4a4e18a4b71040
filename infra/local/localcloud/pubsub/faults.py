"""What planned faults mean for Pub/Sub: for its RPCs, and for the deliveries it makes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import grpc
import msgspec

from localcloud.calls import Action, Calls, Fault

from .errors import Interrupted

ResponseT = TypeVar("ResponseT")

ANONYMOUS: Final = "anonymous"
REORDER_S: Final = 0.5
"""How long a reordered delivery is held back at most, where the fault names no `delay_s`."""

_CALLER = re.compile(r"dagwarden/[^ ]+ \(([^)]+)\)")

_STATUS: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ABORTED,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def status_of(http_status: int) -> grpc.StatusCode:
    """The gRPC status for an HTTP one; UNAVAILABLE for those that have none."""
    return _STATUS.get(http_status, grpc.StatusCode.UNAVAILABLE)


def caller_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Who calls, by the product token the clients add to their user agent: `dagwarden/VERSION (CALLER)`.

    >>> caller_of([("x-goog-api-client", "gl-python/3.11 dagwarden/1.0 (gate) gapic/2.44.0")])
    'gate'
    >>> caller_of([])
    'anonymous'
    """
    for key, value in metadata:
        if key in ("x-goog-api-client", "user-agent") and isinstance(value, str):
            found = _CALLER.search(value)
            if found:
                return found[1]
    return ANONYMOUS


async def obey(
    fault: Fault | None, work: Callable[[], Awaitable[ResponseT]], *, calls: Calls, caller: str
) -> ResponseT:
    """The answer of `work`, disturbed as `fault` says.

    Raises:
        Interrupted: the caller is to see an error, whether or not the work was done.
    """
    if fault is None:
        return await work()
    if fault.action == "fail":
        raise Interrupted(status_of(fault.status))
    if fault.action == "drop":
        raise Interrupted(grpc.StatusCode.UNAVAILABLE)
    if fault.action == "crash":
        calls.crash(caller)
        raise Interrupted(grpc.StatusCode.UNAVAILABLE)
    if fault.action == "delay":
        await asyncio.sleep(fault.delay_s)
    response = await work()
    if fault.action == "crash_after":
        calls.crash(caller)
    if fault.action in ("fail_after", "drop_after", "crash_after"):
        raise Interrupted(status_of(fault.status) if fault.action == "fail_after" else grpc.StatusCode.UNAVAILABLE)
    return response


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one delivery: lost (`copies` is 0), held back, refused before, or delivered `copies` times."""

    copies: int = 1
    hold_s: float | None = None
    is_overtaken: bool = False
    """The hold ends as soon as another delivery has passed."""
    refuses: grpc.StatusCode | None = None
    breaks_after: grpc.StatusCode | None = None
    """It is delivered, and then the connection breaks."""
    crashes: bool = False


UNTROUBLED: Final = Fate()


def fate_of(fault: Fault | None) -> Fate:
    """What `fault` makes of a delivery."""
    if fault is None:
        return UNTROUBLED
    status, unavailable = status_of(fault.status), grpc.StatusCode.UNAVAILABLE
    fates: dict[Action, Fate] = {
        "fail": Fate(refuses=status),
        "fail_after": Fate(breaks_after=status),
        "delay": Fate(hold_s=fault.delay_s),
        "drop": Fate(refuses=unavailable),
        "drop_after": Fate(breaks_after=unavailable),
        "crash": Fate(refuses=unavailable, crashes=True),
        "crash_after": Fate(breaks_after=unavailable, crashes=True),
        "duplicate": Fate(copies=2),
        "reorder": Fate(hold_s=fault.delay_s or REORDER_S, is_overtaken=True),
        "lose": Fate(copies=0),
    }
    return fates[fault.action]
