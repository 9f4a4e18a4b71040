"""Points in time as Google's JSON APIs write them: RFC 3339 in UTC, to the nanosecond."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import time

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
MIN_NS, MAX_NS = -(2**63), 2**63 - 1


def now_ns() -> int:
    """Nanoseconds since the epoch."""
    return time.time_ns()


def format_ns(at_ns: int) -> str:
    """`at_ns` as RFC 3339 with as many of 0, 3, 6 or 9 decimals as it needs, as proto JSON does."""
    seconds, nanos = divmod(at_ns, 1_000_000_000)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    decimals = f"{nanos:09d}"
    while decimals.endswith("000"):
        decimals = decimals[:-3]
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if decimals else ''}{decimals}Z"


def parse_ns(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time; without a zone it is UTC, without a time midnight.

    Raises:
        ValueError: it is no time, or not within the years 1678 to 2261 (what 64 bits of nanoseconds hold).
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    moment = dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)
    leap_s = 1 if second == 60 else 0
    if second > 60:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    seconds = calendar.timegm(moment.timetuple()) + leap_s - _offset_s(match[8] or "Z")
    at_ns = seconds * 1_000_000_000 + int((match[7] or "").ljust(9, "0"))
    if not MIN_NS <= at_ns <= MAX_NS:
        raise ValueError(f"{text!r} is too far away")
    return at_ns


def _offset_s(zone: str) -> int:
    if zone in "Zz":
        return 0
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
