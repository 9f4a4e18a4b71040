"""Rules are matched within bounds, whatever a file holds."""

from __future__ import annotations

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.match import MAX_MATCHES, match_rules
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
