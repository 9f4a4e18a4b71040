"""Every rule on the DAG model, on DAG files imported here: what it must find, and what it must let be."""

from __future__ import annotations

import pytest
from tests.unit.validate.dag_cases import CASES, write_file
from tests.unit.validate.importing import ReadDagFile

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.validate.rules.environment import ENVIRONMENT_PAGES
from dagwarden.validate.rules.failures import find_page
from dagwarden.validate.rules.identities import HARD_CODED_SECRET
from dagwarden.validate.rules.table import DAG_RULES, FILE_PAGES, MODEL_PAGES, SHARED_RULES, check_file

PAGES = {
    page.rule: page for page in (*(rule.page for rule in DAG_RULES), *FILE_PAGES, *ENVIRONMENT_PAGES, HARD_CODED_SECRET)
}
OTHERWISE_TESTED = {"model-cut", "operator-patched", "duplicate-dag-id", "missing-target", "hard-coded-secret"}
"""In test_rules_environment.py and test_secrets.py."""

INVALID = [(rule, case) for rule, cases in CASES.items() for case in cases.invalid]
VALID = [(rule, case) for rule, cases in CASES.items() for case in cases.valid]


def rules_found(read_dag_file: ReadDagFile, rule: str, case: str) -> set[str]:
    findings = check_file(read_dag_file(write_file(case)), opted_in={rule})
    assert all(finding.code == PAGES[finding.rule].code for finding in findings)
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(("rule", "case"), INVALID)
def test_a_rule_finds_what_it_is_for(read_dag_file: ReadDagFile, rule: str, case: str) -> None:
    assert rule in rules_found(read_dag_file, rule, case)


@pytest.mark.parametrize(("rule", "case"), VALID)
def test_a_rule_lets_be_what_is_fine(read_dag_file: ReadDagFile, rule: str, case: str) -> None:
    assert rule not in rules_found(read_dag_file, rule, case)


def test_every_rule_has_three_cases_of_each_kind() -> None:
    assert set(CASES) == set(PAGES) - OTHERWISE_TESTED
    assert [rule for rule, cases in CASES.items() if min(len(cases.valid), len(cases.invalid)) < 3] == []


def test_ids_and_codes_are_shared_with_lint_and_clash_with_none() -> None:
    lint = load_catalogue().pages
    for rule in SHARED_RULES:
        assert (PAGES[rule].code, PAGES[rule].severity) == (lint[rule].code, lint[rule].severity)
        assert PAGES[rule].opt_in == lint[rule].opt_in
    own = MODEL_PAGES
    assert not {page.rule for page in own} & set(lint)
    codes = [page.code for page in own]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {page.code for page in lint.values()}


REFUSED = {
    "duplicate-task-id": "empty('a')\nempty('a')",
    "unknown-trigger-rule": "empty('a', trigger_rule='sometimes')",
    "dag-cycle": "a, b = empty('a'), empty('b')\na >> b >> a\na.dag.check_cycle()",
    "invalid-cron": write_file('with DAG("etl", schedule="0 25 * * *") as d: empty("a")\nd.validate()'),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_airflow_refuses_has_the_rule_it_breaks(read_dag_file: ReadDagFile, rule: str) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 (each is another; its rule is what is checked)
        read_dag_file(write_file(REFUSED[rule]))
    page = find_page(type(refused.value).__name__, str(refused.value))
    assert page is not None
    assert page.rule == rule
    assert load_catalogue().pages.get(rule, page).code == page.code
