"""Tells a service that nobody can reach from one that is busy, and tries calls again accordingly."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from google.api_core import exceptions as api

if TYPE_CHECKING:
    from google.api_core.retry import Retry

    from dagwarden.settings import Settings

UNREACHABLE_S = 1.0
"""How long nobody may answer at an address before that is told: a process that is being restarted is back by then."""

CONNECT_TIMEOUT_S = 5.0
"""Within which a connection is made or never will be."""

NO_CONNECTION = (ConnectionRefusedError, socket.gaierror, requests.ConnectTimeout)
NO_WAY_THERE = (errno.ENETUNREACH, errno.EHOSTUNREACH)
NO_CHANNEL = ("failed to connect to all addresses", "DNS resolution failed")
"""What gRPC says, in UNAVAILABLE, of a channel that was never made. Source: grpc 1.7x, pick_first.cc, dns_resolver."""

_CHANNEL = re.compile(r"ipv[46]:(?P<address>\S+): .*: (?P<reason>[^:]+)$")
"""Where it tried to, and why that failed."""

Retrying = Callable[[Callable[..., Any]], Callable[..., Any]]


def make_retrying(steady: Retry, settings: Settings) -> Retrying:
    """A `retry` for Google's clients: `steady` decides what is tried again for as long as the settings say, but what
    cannot be reached at all is an error after `UNREACHABLE_S`."""
    from google.api_core.retry import Retry

    deadline_s = settings.retry_deadline_s
    reaching = Retry(predicate=is_unreachable, initial=0.1, maximum=0.5, timeout=min(UNREACHABLE_S, deadline_s))
    patient = steady.with_timeout(deadline_s).with_delay(initial=0.1, maximum=5.0)
    return lambda call: patient(reaching(call))


def make_timeouts(settings: Settings) -> tuple[float, float]:
    """Seconds to connect, and to wait for each part of an answer."""
    return min(CONNECT_TIMEOUT_S, settings.request_timeout_s), settings.request_timeout_s


def is_unreachable(error: BaseException) -> bool:
    """Whether no connection was made: refused, no way there, no such name, nobody answers."""
    return any(map(_is_no_connection, _causes(error)))


def say_unreachable(error: BaseException) -> str:
    """`nothing answers at http://127.0.0.1:8080: Connection refused`."""
    address, reason = _find_address(error), _find_reason(error)
    return f"nothing answers{f' at {address}' if address else ''}{f': {reason}' if reason else ''}"


def say_way_there(error: BaseException) -> str:
    """What to do about it: another thing for what should run on this machine than for Google's services."""
    if _is_loopback(urlsplit(f"//{_find_address(error).rpartition('//')[2]}").hostname or ""):
        return 'start the local stack (make up), then say where it is: eval "$(dagwarden local env)"'
    return "look at the network, and at the endpoints in the settings: docs/settings.md"


def _is_no_connection(error: BaseException) -> bool:
    if isinstance(error, api.ServiceUnavailable):
        return any(said in str(error) for said in NO_CHANNEL)
    return isinstance(error, NO_CONNECTION) or (isinstance(error, OSError) and error.errno in NO_WAY_THERE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from or wraps."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, getattr(each, "reason", None), *each.args]


def _find_address(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, requests.RequestException) and cause.request is not None and cause.request.url:
            url = urlsplit(cause.request.url)
            return f"{url.scheme}://{url.netloc}"
        if channel := _find_channel(cause):
            return channel["address"]
    return ""


def _find_reason(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if channel := _find_channel(cause):
            return channel["reason"]
    return ""


def _find_channel(error: BaseException) -> re.Match[str] | None:
    return _CHANNEL.search(str(error)) if isinstance(error, api.ServiceUnavailable) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
