"""`multipart/related` and `multipart/mixed` bodies, as uploads and batches use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from localcloud.storage.errors import parse_error

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_DELIMITER_TAIL = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_LINE_END = re.compile(rb"\r?\n")
_HEADERS_END = re.compile(rb"\r?\n\r?\n")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part; header names are lower case."""

    headers: Mapping[str, str]
    content: memoryview


def parse_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body, none of their bytes copied.

    Raises:
        Refusal: 400, there is no boundary, or the body is not divided by it and closed.
    """
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise parse_error("Failed to parse the multipart body: the content type has no boundary.")
    delimiters = _delimiters(body, b"--" + (match[1] or match[2]).encode("latin-1", "replace"))
    if len(delimiters) < 2 or not delimiters[-1].is_final:
        raise parse_error("Failed to parse the multipart body: it is not closed by its boundary.")
    view = memoryview(body)
    return [_parse_part(body, view, one.end, two.start) for one, two in pairwise(delimiters)]


class _Delimiter(msgspec.Struct, frozen=True):
    start: int  # where the content before it ends
    end: int  # where the part behind it begins
    is_final: bool


def _delimiters(body: bytes, marker: bytes) -> list[_Delimiter]:
    """All delimiter lines up to the final one."""
    found: list[_Delimiter] = []
    at = body.find(marker)
    while at >= 0:
        tail = _DELIMITER_TAIL.match(body, at + len(marker))
        if tail is not None and (at == 0 or body[at - 1] == ord("\n")):
            start = max(0, at - (2 if body[max(0, at - 2) : at] == b"\r\n" else 1))
            found.append(_Delimiter(start, tail.end(), tail[1] is not None))
            if found[-1].is_final:
                break
        at = body.find(marker, at + len(marker))
    return found


def parse_headers(block: bytes) -> dict[str, str]:
    """Header lines as a mapping; names in lower case."""
    pairs = (line.partition(b":") for line in _LINE_END.split(block) if b":" in line)
    return {name.strip().lower().decode("latin-1"): value.strip().decode("latin-1") for name, _, value in pairs}


def _parse_part(body: bytes, view: memoryview, start: int, end: int) -> Part:
    first_line = _LINE_END.match(body, start, end)
    if first_line is not None:  # no headers at all
        return Part(headers={}, content=view[first_line.end() : end])
    gap = _HEADERS_END.search(body, start, end)
    if gap is None:
        raise parse_error("Failed to parse the multipart body: a part has no content.")
    return Part(headers=parse_headers(body[start : gap.start()]), content=view[gap.end() : end])
