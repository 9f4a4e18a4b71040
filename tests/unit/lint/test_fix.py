"""Fixes write what a rule wants, once, and leave alone what they cannot mend whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwarden.lint.catalogue import Catalogue, add_rules, load_catalogue
from dagwarden.lint.fix import Change, Edit, Fixed, _pick, fix_file, render_diff

RULE = """\
id: {id}
language: python
severity: warning
message: found
note: Write the other.
fix: {fix}
metadata:
  code: {code}
  category: style
  since: "1"
  literals: [[{word}]]
  fix: safe
  what: w
  why: y
  example: e
  instead: i
rule:
  pattern: {pattern}
"""


def rule(id_: str, pattern: str, fix: str, word: str, code: str = "ACME1") -> dict[str, bytes]:
    text = RULE.format(id=id_, pattern=pattern, fix=f"'{fix}'", word=word, code=code)
    return {f"rules/{id_}.yml": text.encode()}


def with_rules(*rules: dict[str, bytes]) -> Catalogue:
    return add_rules(load_catalogue(), {name: content for each in rules for name, content in each.items()})


def fix(source: str | bytes, catalogue: Catalogue | None = None, airflow: tuple[int, int] = (3, 3)) -> Fixed:
    content = source if isinstance(source, bytes) else source.encode()
    fixed = fix_file("dags/a.py", content, catalogue or load_catalogue(), airflow=airflow)
    again = fix_file("dags/a.py", fixed.content, catalogue or load_catalogue(), airflow=airflow)
    assert again.content == fixed.content
    assert again.rules == {}
    return fixed


SWAP = rule("swapped", "swap($A, $B)", "pair($B, $A)", "swap")
SPREAD = rule("spread", "old($$$ARGS)", "new($$$ARGS)", "old", "ACME2")


def test_meta_variables_are_filled_in() -> None:
    fixed = fix("x = swap(1, f(2))\ny = old(1, *a, b=2)\nz = old()\n", with_rules(SWAP, SPREAD))
    assert fixed.content == b"x = pair(f(2), 1)\ny = new(1, *a, b=2)\nz = new()\n"
    assert fixed.rules == {"spread": 2, "swapped": 1}


def test_text_that_is_filled_in_is_no_template_itself() -> None:
    assert fix("x = swap('$B', '$A')\n", with_rules(SWAP)).content == b"x = pair('$A', '$B')\n"


def test_nested_matches_are_mended_one_round_after_another() -> None:
    fixed = fix("x = swap(swap(1, 2), 3)\n", with_rules(SWAP))
    assert fixed.content == b"x = pair(3, pair(2, 1))\n"


def test_what_airflow_3_takes_away_is_written_as_it_wants() -> None:
    source = 'from airflow import DAG\nd = DAG("x", schedule_interval="@daily", concurrency=3)\n'
    fixed = fix(source)
    assert b'DAG("x", schedule="@daily", max_active_tasks=3)' in fixed.content
    assert fixed.rules == {"airflow3-removal": 2}


def test_an_older_environment_keeps_what_it_knows() -> None:
    source = b'from airflow import DAG\nd = DAG("x", schedule_interval="@daily")\n'
    assert fix(source, airflow=(2, 2)).content == source


def test_what_the_code_allows_is_not_mended() -> None:
    source = "x = swap(1, 2)  # dagwarden: allow swapped -- as it should be\ny = swap(1, 2)\n"
    fixed = fix(source, with_rules(SWAP))
    assert fixed.content.decode() == source.replace("y = swap(1, 2)", "y = pair(2, 1)")


def test_a_file_that_would_not_compile_afterwards_is_left_alone() -> None:
    source = b"x = old(1)\n"
    fixed = fix(source, with_rules(rule("broken", "old($A)", "new($A", "old")))
    assert fixed.content == source
    assert fixed.problem.startswith("it would not compile afterwards: ")


def test_fixes_that_undo_each_other_leave_the_file_alone() -> None:
    there, back = rule("there", "left()", "right()", "left"), rule("back", "right()", "left()", "right", "ACME2")
    fixed = fix("x = left()\n", with_rules(there, back))
    assert (fixed.content, fixed.problem) == (b"x = left()\n", "its fixes do not come to an end: back, there")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_encoding_stay(newline: str) -> None:
    source = f"# coding: latin-1{newline}x = swap('\xe9', 2){newline}".encode("latin-1")
    fixed = fix(source, with_rules(SWAP))
    assert fixed.content == f"# coding: latin-1{newline}x = pair(2, '\xe9'){newline}".encode("latin-1")


def test_mixed_line_ends_leave_the_file_alone() -> None:
    fixed = fix(b"x = swap(1, 2)\r\ny = 1\n", with_rules(SWAP))
    assert fixed.content == b"x = swap(1, 2)\r\ny = 1\n"
    assert "line ends" in fixed.problem


def test_a_byte_order_mark_is_taken_away() -> None:
    fixed = fix(b"\xef\xbb\xbfx = 1\n")
    assert (fixed.content, fixed.rules) == (b"x = 1\n", {"byte-order-mark": 1})


@pytest.mark.parametrize("source", [b"x = = 1\n", b"", b"\xff", b"x = 1\0"])
def test_what_is_no_python_stays(source: bytes) -> None:
    assert fix(source).content == source


def test_the_diff_shows_the_change() -> None:
    shown = render_diff("dags/a.py", b"x = 1\ny = 2", b"x = 3\ny = 2")
    assert shown.startswith("--- a/dags/a.py\n+++ b/dags/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 3\n")


EDITS = st.tuples(st.integers(0, 30), st.integers(0, 5)).map(lambda span: Edit(span[0], span[0] + span[1], "x"))


@settings(max_examples=60)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), max_size=8))
def test_picked_changes_never_touch_and_the_first_is_always_among_them(edits: list[list[Edit]]) -> None:
    changes = [Change(f"r{number}", 1, tuple(each)) for number, each in enumerate(edits)]
    picked = _pick(changes)
    for one in picked:
        for other in picked:
            if one is not other:
                assert all(a.end < b.start or b.end < a.start for a in one.edits for b in other.edits)
    assert bool(picked) == bool(changes)
