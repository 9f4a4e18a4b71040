"""Spans of time as policies write them: `90m`, `36h`, `3d`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta

Duration = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]{0,4}[smhdw]$", examples=["90m", "36h", "3d"], description="e.g. `90m`, `36h`, `3d`")
]
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(text: str) -> dt.timedelta:
    """The span a text names.

    >>> read_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
