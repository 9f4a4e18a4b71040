"""The query language selects what it says, and refuses what it is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.logs.matching import Predicate, compile_filter
from localcloud.logs.query import bounds_of
from localcloud.logs.syntax import And, Comparison, FilterError, Not, Or, Text, parse

from .conftest import RawLogs

PROJECT = "proj-local"

ENTRY: dict[str, Any] = {
    "logName": f"projects/{PROJECT}/logs/dagwarden-audit",
    "insertId": "verdict-7",
    "severity": "WARNING",
    "timestamp": "2026-01-15T12:00:00.5Z",
    "receiveTimestamp": "2026-01-15T12:00:01Z",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "gate", "project_id": PROJECT}},
    "labels": {"environment": "prod", "dagwarden.dev/push": "abc"},
    "trace": "projects/p/traces/0af7",
    "jsonPayload": {
        "event": "Verdict",
        "allowed": False,
        "release": 12,
        "share": 0.5,
        "nothing": None,
        "findings": [{"rule": "hard-coded-secret", "line": 3}, {"rule": "variable-get-at-import", "line": 9}],
        "who": {"email": "ann@example.com"},
        "a.b": {"c": "dotted"},
    },
}

SELECTS = [
    "",
    "   -- nothing but a comment\n",
    'logName="projects/proj-local/logs/dagwarden-audit"',
    'LOGNAME OR log_id("dagwarden-audit")',
    "severity>=WARNING",
    "severity=warning",
    'severity>="INFO" severity<ERROR',
    "severity=400",
    'timestamp>="2026-01-15T12:00:00Z" timestamp<"2026-01-15T13:00:00+01:00" OR severity=WARNING',
    'timestamp="2026-01-15T13:00:00.500+01:00"',
    'timestamp>"2026-01-15"',
    'receiveTimestamp<="2026-01-15T12:00:01Z"',
    'insertId="VERDICT-7"',
    "resource.type=cloud_run_revision",
    'resource.labels.service_name="gate"',
    "resource.labels.service_name:ga",
    "labels.environment=prod",
    'labels."dagwarden.dev/push"="abc"',
    "labels.dagwarden.dev/push=abc",
    'labels.environment=("dev" OR "prod")',
    "labels.environment!=dev",
    "labels.environment=~^pr",
    'labels.environment!~"^d"',
    "labels:environment",
    "labels.environment:*",
    "jsonPayload.event=verdict",
    "jsonPayload.allowed=false",
    "jsonPayload.allowed!=true",
    "jsonPayload.release=12",
    "jsonPayload.release>9",
    'jsonPayload.release<"12.5"',
    "jsonPayload.share<=0.5",
    "jsonPayload.nothing=NULL_VALUE",
    'jsonPayload.findings.rule="variable-get-at-import"',
    "jsonPayload.findings.line>=9",
    "jsonPayload.findings.rule:(secret AND variable)",
    'jsonPayload.who.email="ann@example.com"',
    "jsonPayload.a.b.c=dotted",
    'jsonPayload."a.b".c=dotted',
    "jsonPayload:verdict",
    "NOT severity>=ERROR",
    "-severity>=ERROR",
    "NOT NOT severity=WARNING",
    'NOT (severity=ERROR OR jsonPayload.event="push")',
    "spanId!=x",
    "NOT spanId=x",
    'spanId=""',
    'trace:"0AF7"',
    "verdict",
    '"ann@example"',
    "hard-coded-secret -nowhere",
    "severity=DEBUG OR severity=WARNING AND jsonPayload.release=12",
    "severity=WARNING\njsonPayload.release=12",
    "labels.environment = prod AND (verdict)",
    "textPayload!=x",
    'jsonPayload.event=~"(?i)^verDICT$"',
    "'ann@example.com'",
    '"\\u0061nn"',
]

SELECTS_NOT = [
    'logName="projects/proj-local/logs/other"',
    'log_id("other")',
    "severity>WARNING",
    "severity=DEFAULT",
    'timestamp<"2026-01-15T12:00:00.5Z"',
    "labels.environment=(dev OR test)",
    "labels.environment=(NOT prod)",
    "labels.absent!=x",
    "labels.absent:*",
    "labels.absent!~x",
    "jsonPayload.release=012x",
    "jsonPayload.release!=12",
    "jsonPayload.allowed=12",
    "jsonPayload.event=~^verdict$",
    "jsonPayload.findings.rule!=hard-coded-secret",
    "jsonPayload.who=x",
    "jsonPayload.event.deeper=x",
    "protoPayload.methodName=x",
    "nowhere",
    "verdict AND nowhere",
    "severity=DEBUG OR severity=WARNING AND jsonPayload.release=13",
    "-verdict",
    'timestamp>="2026-01-15T12:00:00Z" timestamp<"2026-01-15T12:00:00.1Z"',
]


@pytest.mark.parametrize("text", SELECTS)
def test_a_query_selects_the_entry(text: str) -> None:
    if text.startswith("LOGNAME"):
        text = text.removeprefix("LOGNAME OR ")
    assert compile_filter(text)(ENTRY)


@pytest.mark.parametrize("text", SELECTS_NOT)
def test_a_query_leaves_the_entry_out(text: str) -> None:
    assert not compile_filter(text)(ENTRY)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("severity>=", 10),
        ("severity>=LOUD", 0),
        ("(severity=INFO", 14),
        ("severity=INFO)", 13),
        ('textPayload="open', 12),
        ("insertId=abc:def", 12),
        ("a AND", 5),
        ("AND a", 0),
        ("OR", 0),
        ("NOT", 3),
        ("colour=red", 0),
        ("severity=INFO AND colour=red", 18),
        ('timestamp>"yesterday"', 0),
        ("textPayload=~(", 14),
        ('textPayload=~"("', 0),
        (r'textPayload=~"(?=x)"', 0),
        ("insertId=(a b) c=", 17),
        ("sample(insertId, 0.1)", 0),
        ("log_id(a", 8),
        ("labels..x=1", 0),
        ('labels"x"=1', 6),
        ("()", 1),
        ("!", 0),
        ("~", 0),
        ("(" * 100, 61),
        ("NOT " * 100 + "a", 244),
        ("a" * 20_001, 20_000),
    ],
)
def test_what_is_no_query_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert caught.value.position == position


def test_or_binds_tighter_than_and() -> None:
    assert parse('"a" OR NOT "b" AND NOT "c" OR "d"') == And(
        (Or((Text("a"), Not(Text("b")))), Or((Not(Text("c")), Text("d"))))
    )


def test_values_in_parentheses_are_comparisons_of_the_same_field() -> None:
    tree = parse("labels.a=(x OR NOT y)")
    assert tree == Or(
        (Comparison(("labels", "a"), "=", "x", 0, False), Not(Comparison(("labels", "a"), "=", "y", 0, False)))
    )


def test_time_bounds_come_from_the_outermost_conjunction_only() -> None:
    bounds = bounds_of(parse('timestamp>="1970-01-01T00:00:01Z" receiveTimestamp>"1970-01-01T00:00:02Z" a'))
    assert (bounds.since_ns, bounds.received_since_ns) == (10**9, 2 * 10**9)
    assert bounds_of(parse('timestamp>="1970-01-01T00:00:01Z" OR a')).since_ns < 0
    assert bounds_of(parse('NOT timestamp<"1970-01-01T00:00:01Z"')).since_ns < 0


_OPERATORS = """AND OR NOT - ( ) = != >= < : =~ !~ " ' \\ * -- , ."""
_OPERANDS = 'severity timestamp labels jsonPayload.a log_id INFO x NULL_VALUE "2026-01-01T00:00:00Z"'
_PIECES = [*_OPERATORS.split(), *_OPERANDS.split(), " ", "\n"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=25).map("".join)))
def test_any_text_is_a_filter_or_a_syntax_error(text: str) -> None:
    matches, error = _try_to_compile(text)
    if matches is None:
        assert error is not None
        assert error.message
        assert 0 <= error.position <= len(text)
    elif matches(ENTRY):
        bounds = bounds_of(parse(text))
        assert bounds.since_ns <= 1_768_478_400_500_000_000 <= bounds.until_ns


def _try_to_compile(text: str) -> tuple[Predicate | None, FilterError | None]:
    try:
        return compile_filter(text), None
    except FilterError as error:
        return None, error


def test_a_syntax_error_is_answered_with_line_and_column(logs: RawLogs) -> None:
    status, answer = logs.list_page(filter="severity=INFO\nAND colour=red")
    assert status == 400
    assert "Unparseable filter" in answer["error"]["message"]
    assert "line 2, column 5 (character 18)" in answer["error"]["message"]
