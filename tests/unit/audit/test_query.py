"""Questions to the audit log: whatever is asked for stays inside its quotes."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, build_filter, quote, to_entry
from dagwarden.cloud.logs import Entry
from dagwarden.errors import InvalidInput
from dagwarden.names import EnvironmentName, ReleaseNumber

AT = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)


def test_all_that_is_asked_becomes_one_filter() -> None:
    query = AuditQuery(
        since=AT,
        until=AT + dt.timedelta(hours=1),
        environment=EnvironmentName("prod"),
        release=ReleaseNumber(12),
        push="abcd",
        kind=Kind.PUSH_VERDICT,
        principal="anna@example.com",
    )
    assert build_filter(query).split(" AND ") == [
        'timestamp >= "2026-11-22T16:00:00+00:00"',
        'timestamp < "2026-11-22T17:00:00+00:00"',
        'labels.environment = "prod"',
        'labels.kind = "push.verdict"',
        'labels.release = "12"',
        'labels.push_id =~ "^abcd"',
        'jsonPayload.who.name = "anna@example.com"',
    ]


def test_nothing_asked_is_no_filter() -> None:
    assert build_filter(AuditQuery()) == ""


def test_whole_push_id_is_compared_not_matched() -> None:
    assert build_filter(AuditQuery(push="ab" * 32)) == f'labels.push_id = "{"ab" * 32}"'


@pytest.mark.parametrize("push", ["", "abc", "xyzw", 'ab" OR "', "a" * 65, "abcd.*"])
def test_what_is_no_push_id_is_refused(push: str) -> None:
    with pytest.raises(InvalidInput):
        build_filter(AuditQuery(push=push))


@pytest.mark.parametrize("text", ["a\nb", "\x00", "\x7f"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        quote(text)


def test_quotes_and_backslashes_cannot_end_the_string() -> None:
    assert quote('" OR severity>=DEFAULT OR "\\') == '"\\" OR severity>=DEFAULT OR \\"\\\\"'


@given(st.text())
def test_whatever_is_quoted_is_one_literal(text: str) -> None:
    try:
        literal = quote(text)
    except InvalidInput:
        return
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', literal, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL) == text


def test_foreign_entry_is_shown_as_foreign() -> None:
    entry = to_entry(Entry(payload={"text": "hello"}, severity="INFO", insert_id="i", timestamp=AT))
    assert entry.kind is Kind.FOREIGN
    assert "hello" in entry.details["payload"]
