"""How values become JSON bytes and come back: one canonical encoding, one strict decoding."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, TypeVar

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.names import Digest

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(value: Any) -> bytes:
    """The canonical JSON of a value: UTF-8, keys sorted, no spaces. Equal values give equal bytes."""
    return _ENCODER.encode(value)


def decode(kind: type[T], content: bytes, *, subject: str = "") -> T:
    """Read a value of `kind`, refusing unknown shapes.

    Args:
        subject: what is being read, for the message.

    Raises:
        InvalidInput: the bytes are no JSON, or no such value.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"no {kind.__name__}: {error}", operation="read", subject=subject) from error


def digest(content: bytes) -> Digest:
    """The sha256 of some bytes, in hex."""
    return Digest(hashlib.sha256(content).hexdigest())


def md5_hex(content: bytes) -> str:
    """The md5 of some bytes, in hex: what Cloud Storage tells of an object unread. No security rests on it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5_hex_of_base64(text: str) -> str:
    """Cloud Storage's base64 `md5Hash` as hex; empty stays empty (composed objects have none)."""
    return base64.b64decode(text).hex() if text else ""
