"""Answers a query over the logs, page by page."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from localcloud.logs.matching import compile_tree
from localcloud.logs.store import LogStore, Position, Range
from localcloud.logs.syntax import And, Comparison, FilterError, Node, parse
from localcloud.rest import ApiError
from localcloud.timestamps import parse_ns

SCAN_LIMIT = 4_000
"""Entries one request looks at; then it answers with what it found and a token, as the real service does in time."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the logs."""

    parents: tuple[str, ...]
    filter: str = ""
    is_descending: bool = False
    page_size: int = 50
    page_token: str = ""


class _Token(msgspec.Struct, frozen=True, array_like=True):
    question: str
    last: Position


def list_page(store: LogStore, query: Query) -> dict[str, Any]:
    """One page: `entries` where there are some, `nextPageToken` where there may be more.

    Raises:
        ApiError: the filter is none, or the token is not one of this question.
    """
    try:
        tree = parse(query.filter)
        matches = compile_tree(tree)
    except FilterError as error:
        raise ApiError("INVALID_ARGUMENT", _say_where(query.filter, error)) from None
    found: list[dict[str, Any]] = []
    last: Position | None = None
    scanned = store.scan(query.parents, bounds_of(tree), after=_read_token(query), is_descending=query.is_descending)
    for looked_at, (position, entry) in enumerate(scanned, start=1):
        if len(found) == query.page_size or looked_at > SCAN_LIMIT:
            assert last is not None
            return {**_shown(found), "nextPageToken": _write_token(query, last)}
        if matches(entry):
            found.append(entry)
        last = position
    return _shown(found)


def bounds_of(node: Node) -> Range:
    """The time bounds that a query's outermost conjunction sets."""
    bounds = Range()
    for part in _conjuncts(node):
        if part.path == ("timestamp",):
            since, until = _interval(part)
            bounds = msgspec.structs.replace(
                bounds, since_ns=max(bounds.since_ns, since), until_ns=min(bounds.until_ns, until)
            )
        elif part.path == ("receiveTimestamp",):
            since, until = _interval(part)
            bounds = msgspec.structs.replace(
                bounds,
                received_since_ns=max(bounds.received_since_ns, since),
                received_until_ns=min(bounds.received_until_ns, until),
            )
    return bounds


def _conjuncts(node: Node) -> Iterator[Comparison]:
    match node:
        case Comparison():
            yield node
        case And(parts):
            for part in parts:
                yield from _conjuncts(part)


def _interval(node: Comparison) -> tuple[int, int]:
    """The times a comparison admits, or a little more; everything where that cannot be said."""
    whole = Range()
    match node.operator:
        case ">" | ">=":
            return parse_ns(node.value), whole.until_ns
        case "<" | "<=":
            return whole.since_ns, parse_ns(node.value)
        case "=":
            return parse_ns(node.value), parse_ns(node.value)
    return whole.since_ns, whole.until_ns


def _shown(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"entries": list(found)} if found else {}


def _say_where(text: str, error: FilterError) -> str:
    before = text[: error.position]
    line, column = before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1
    return f"Unparseable filter: {error.message} at line {line}, column {column} (character {error.position})."


def _question(query: Query) -> str:
    asked = msgspec.json.encode((query.parents, query.filter, query.is_descending))
    return hashlib.sha256(asked).hexdigest()[:16]


def _write_token(query: Query, last: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_Token(_question(query), last))).decode()


def _read_token(query: Query) -> Position | None:
    if not query.page_token:
        return None
    try:
        token = msgspec.json.decode(base64.urlsafe_b64decode(query.page_token.encode()), type=_Token)
    except (binascii.Error, ValueError):
        raise ApiError("INVALID_ARGUMENT", "page_token is invalid.") from None
    if token.question != _question(query):
        raise ApiError("INVALID_ARGUMENT", "page_token is of another request: filter and order must not change.")
    return token.last
