"""Exceptions in the code take effect with a reason, and are never silent."""

from __future__ import annotations

import pytest

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Severity
from dagwarden.lint.lint import lint_file
from dagwarden.lint.suppress import read_suppressions

HEAD = "from airflow.sdk import Variable\n"
READ = 'X = Variable.get("x")'


def rules_of(source: str) -> list[tuple[str, int]]:
    findings = lint_file("dags/a.py", source.encode(), load_catalogue())
    return [(finding.rule, finding.line) for finding in findings]


@pytest.mark.parametrize(
    "source",
    [
        f"{READ}  # dagwarden: allow variable-get-at-import -- read once, cached by the backend\n",
        f"{READ}  #dagwarden:allow variable-get-at-import -- no blanks\n",
        f"# dagwarden: allow variable-get-at-import -- on the line above\n{READ}\n",
        f"# dagwarden: allow variable-get-at-import -- and\n# another comment between\n\n{READ}\n",
        f"{READ}  # noqa: E501  # dagwarden: allow variable-get-at-import -- behind another mark\n",
    ],
)
def test_a_suppression_with_a_reason_turns_the_finding_into_a_note(source: str) -> None:
    ((rule, _),) = rules_of(HEAD + source)
    assert rule == "suppressed"


def test_the_note_says_rule_and_reason() -> None:
    source = f"{HEAD}{READ}  # dagwarden: allow variable-get-at-import -- cached\n"
    (finding,) = lint_file("dags/a.py", source.encode(), load_catalogue())
    assert finding.severity is Severity.INFO
    assert finding.message == "`variable-get-at-import` is allowed here: cached"


def test_a_suppression_without_a_reason_suppresses_nothing() -> None:
    for ending in ("", " --", " -- "):
        source = f"{HEAD}{READ}  # dagwarden: allow variable-get-at-import{ending}\n"
        assert rules_of(source) == [("suppression-without-reason", 2), ("variable-get-at-import", 2)]


def test_an_unused_suppression_is_a_finding() -> None:
    assert rules_of("x = 1  # dagwarden: allow variable-get-at-import -- why\n") == [("unused-suppression", 1)]
    assert rules_of("x = 1  # dagwarden: allow no-such-rule -- why\n") == [("unused-suppression", 1)]
    assert rules_of("x = 1  # dagwarden: allow -- why\n") == [("unused-suppression", 1)]


def test_a_suppression_reaches_its_own_line_only() -> None:
    source = f"{HEAD}{READ}  # dagwarden: allow variable-get-at-import -- why\n{READ}\n"
    assert rules_of(source) == [("suppressed", 2), ("variable-get-at-import", 3)]


def test_one_comment_may_allow_several_rules() -> None:
    source = (
        f"{HEAD}# dagwarden: allow variable-get-at-import, hard-coded-secret -- a fixture\n"
        'X, TOKEN = Variable.get("AIzaSyA0123456789abcdefghijklmnopqrstuv"), 1\n'
    )
    assert rules_of(source) == [("suppressed", 3), ("suppressed", 3)]


def test_stacked_comments_are_read_in_time_that_grows_with_them() -> None:
    stack = "# dagwarden: allow variable-get-at-import -- why\n" * 20_000
    assert {each.target for each in read_suppressions(f"{stack}x = 1\n")} == {20_001}
    assert [each.target for each in read_suppressions(stack)] == [*range(1, 20_001)]


def test_what_only_looks_like_a_suppression_is_text() -> None:
    assert rules_of('x = "# dagwarden: allow variable-get-at-import -- no comment"\n') == []


def test_a_file_that_does_not_compile_cannot_be_suppressed() -> None:
    assert rules_of("x = = 1  # dagwarden: allow syntax-error -- please\n") == [("syntax-error", 1)]
