"""Reads values out of JSON that strangers sent: a shape or `InvalidInput`, whatever came in."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

from dagwarden.errors import InvalidInput

T = TypeVar("T")

Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]
"""A moment with its time zone; `to_utc` makes it UTC."""

_OPERATION = "read event"


def read_attribute(attributes: Mapping[str, str], name: str) -> str:
    """One context attribute of a CloudEvent.

    Raises:
        InvalidInput: it is absent, empty or no text.
    """
    value = attributes.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"the CloudEvent has no attribute {name!r}", attributes)
    return value


def read_shape(kind: type[T], data: object, attributes: Mapping[str, str]) -> T:
    """The event's data as a value of `kind`.

    functions-framework hands malformed JSON over as bytes and an absent body as None, so both are looked at here.
    Numbers may come as text: Cloud Storage sends `"generation": "1587627537231057"` where its JSON schema says integer.

    Raises:
        InvalidInput: it is no such thing.

    Source: functions-framework 3.10 and google-cloudevents StorageObjectData-simple.json.
    """
    try:
        content = data if isinstance(data, bytes | str) else msgspec.json.encode(data)
        return msgspec.json.decode(content, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, TypeError) as error:
        raise invalid(f"the data is no {kind.__name__.lstrip('_')}: {error}", attributes) from error


def read_base64(text: str, attributes: Mapping[str, str]) -> bytes:
    """Bytes sent as base64.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"no base64: {error}", attributes) from error


def to_utc(time: dt.datetime, attributes: Mapping[str, str]) -> dt.datetime:
    """The same moment in UTC.

    Raises:
        InvalidInput: it lies before the year 1 or after 9999 there.
    """
    try:
        return time.astimezone(dt.UTC)
    except OverflowError as error:
        raise invalid(f"{time} is no moment: {error}", attributes) from error


def invalid(message: str, attributes: Mapping[str, str]) -> InvalidInput:
    """The error for an event that means nothing, naming the event by its id."""
    return InvalidInput(message, operation=_OPERATION, subject=str(attributes.get("id", "")))
