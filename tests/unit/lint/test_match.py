"""Rules are matched within bounds, whatever a file holds."""

from __future__ import annotations

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.match import MAX_REPLACEMENTS, match_rules
from dagwarden.lint.page import MAX_MATCHES
from dagwarden.lint.parts import Part


def test_a_line_full_of_matches_is_told_of_in_part() -> None:
    rules = [rule for rule in load_catalogue().patterns if rule.page.rule == "invalid-id"]
    text = "x = [" + 'DAG("a b"), ' * 3 * MAX_MATCHES + "]\n"
    assert len(match_rules("dags/a.py", text, rules)) == MAX_MATCHES


def test_a_rule_is_not_asked_of_a_file_that_its_sieve_lets_fall() -> None:
    """What the sieve is there for: without it the rule would be compiled for every file that has a schedule."""
    (rule,) = (rule for rule in load_catalogue().patterns if rule.page.rule == "invalid-cron")
    needs = rule.needs[Part.WHOLE]
    assert needs.search('\nDAG("a", schedule="0 5 * * 1-5")\n') is None
    assert needs.search('\nDAG("a", schedule="0 25 * * *")\n')


def test_a_file_that_says_too_much_in_a_roundabout_way_is_still_understood() -> None:
    """What is not said plainly any more is left as it is, and not in half."""
    rules = [rule for rule in load_catalogue().patterns if rule.page.rule == "variable-get-at-import"]
    items = "".join(f"'{index}': dict(a=1, b=2, c=3),\n" for index in range(MAX_REPLACEMENTS // 3))
    text = f"from airflow.models import Variable\nX = {{\n{items}}}\nv = Variable.get('x')\n"
    assert [finding.line for finding in match_rules("dags/a.py", text, rules)] == [text.count("\n")]


def test_a_comment_among_unpacked_arguments_hides_nothing() -> None:
    rules = [rule for rule in load_catalogue().patterns if rule.page.rule == "variable-get-at-import"]
    text = "from airflow.models import Variable\nf(** # c\n {'a': 1}, **{'b': 2})\nv = Variable.get('x')\n"
    assert [finding.line for finding in match_rules("dags/a.py", text, rules)] == [4]
