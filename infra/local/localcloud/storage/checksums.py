"""What identifies content: its size, MD5 and CRC32C, and whether they are what the client says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import google_crc32c
import msgspec

from localcloud.storage.errors import invalid


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Stored bytes: where they lie and what they sum up to. Composed content has no MD5."""

    blob: str
    size_bytes: int
    crc32c: str
    md5: str | None
    component_count: int | None = None


def crc32c_of(content: bytes) -> str:
    """Base64 of the big-endian CRC32C, as the API writes it."""
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def md5_of(content: bytes) -> str:
    """Base64 of the MD5, as the API writes it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def claimed_checksums(draft: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums the client states, by `crc32c` and `md5`: from the resource, else from `x-goog-hash`."""
    claims: dict[str, str] = {}
    for item in headers.get("x-goog-hash", "").split(","):
        kind, _, value = item.strip().partition("=")
        if kind in {"crc32c", "md5"} and value:
            claims[kind] = value
    for kind, field in (("crc32c", "crc32c"), ("md5", "md5Hash")):
        stated = draft.get(field)
        if isinstance(stated, str):
            claims[kind] = stated
    return claims


def check_claims(content: Content, claims: Mapping[str, str]) -> None:
    """The content is what the client meant to send.

    Raises:
        Refusal: 400, a checksum differs.
    """
    for kind, label, actual in (("crc32c", "CRC32C", content.crc32c), ("md5", "MD5 hash", content.md5)):
        claim = claims.get(kind)
        if claim is not None and actual is not None and claim != actual:
            raise invalid(f'Provided {label} "{claim}" doesn\'t match calculated {label} "{actual}".')
