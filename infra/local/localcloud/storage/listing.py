"""Listing objects: a walk over the name index that skips whole folders, page by page."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from collections.abc import Callable

import msgspec

from localcloud.storage.errors import invalid
from localcloud.storage.glob import compile_glob

MAX_PAGE = 1000  # Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list (maxResults)

LIVE_FROM = """SELECT name, generation, resource FROM storage_objects
    WHERE bucket = ? AND live = 1 AND name >= ? ORDER BY name"""
VERSIONS_FROM = """SELECT name, generation, resource FROM storage_objects
    WHERE bucket = ? AND (name, generation) >= (?, ?) ORDER BY name, generation"""

Place = tuple[str, int]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What to list. Names compare by their UTF-8 bytes; `end_offset` itself is not listed."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    start_offset: str = ""
    end_offset: str = ""
    match_glob: str = ""
    versions: bool = False
    include_trailing_delimiter: bool = False
    page_size: int = MAX_PAGE
    page_token: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Up to `page_size` objects and prefixes, and where the next page begins, if there is one."""

    items: list[bytes]  # JSON resources without links
    prefixes: list[str]
    next_token: str | None


def list_page(db: sqlite3.Connection, listing: Listing) -> Page:
    """One page of the bucket's objects.

    Raises:
        Refusal: 400, the page token or the glob is not valid.
    """
    wanted = _glob_test(listing.match_glob)
    start: Place | None = max(_first_place(listing), _decode_token(listing.page_token))
    items: list[bytes] = []
    prefixes: list[str] = []
    while start is not None:
        resume: Place | None = None
        for name, generation, resource in _rows(db, listing, start):
            if not name.startswith(listing.prefix) or (listing.end_offset and _at_or_past(name, listing.end_offset)):
                break
            if not wanted(name):
                continue
            if len(items) + len(prefixes) >= listing.page_size:
                return Page(items=items, prefixes=prefixes, next_token=_encode_token((name, generation)))
            folder = _folder(name, listing.prefix, listing.delimiter)
            if folder is None:
                items.append(resource)
                continue
            prefixes.append(folder)
            if listing.include_trailing_delimiter and folder == name:
                items.append(resource)
            behind = name_after(folder)
            resume = None if behind is None else (behind, 0)
            break
        start = resume
    return Page(items=items, prefixes=prefixes, next_token=None)


def _rows(db: sqlite3.Connection, listing: Listing, start: Place) -> sqlite3.Cursor:
    if listing.versions:
        return db.execute(VERSIONS_FROM, (listing.bucket, *start))
    return db.execute(LIVE_FROM, (listing.bucket, start[0]))


def _first_place(listing: Listing) -> Place:
    offset = listing.start_offset
    return (offset if _at_or_past(offset, listing.prefix) else listing.prefix, 0)


def _at_or_past(name: str, other: str) -> bool:
    return name.encode() >= other.encode()


def _folder(name: str, prefix: str, delimiter: str) -> str | None:
    """The part of `name` up to the first delimiter behind the prefix."""
    if not delimiter:
        return None
    at = name.find(delimiter, len(prefix))
    return None if at < 0 else name[: at + len(delimiter)]


def name_after(prefix: str) -> str | None:
    """The least name greater than all that start with `prefix`; `None` when there is none.

    >>> name_after("dags/")
    'dags0'
    """
    while prefix:
        point = ord(prefix[-1]) + 1
        if point == 0xD800:
            point = 0xE000  # surrogates are no characters
        if point <= 0x10FFFF:
            return prefix[:-1] + chr(point)
        prefix = prefix[:-1]
    return None


def _glob_test(glob: str) -> Callable[[str], object]:
    if not glob:
        return lambda _: True
    try:
        return compile_glob(glob).fullmatch
    except re.error:
        raise invalid(f"Invalid glob pattern: {glob}") from None


def _encode_token(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _decode_token(token: str) -> Place:
    if not token:
        return ("", 0)
    try:
        place: Place = msgspec.json.decode(base64.urlsafe_b64decode(token), type=Place)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise invalid(f"Invalid page token: {token}") from None
    return place
