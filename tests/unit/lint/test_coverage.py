"""Every entry of the governance catalogue has its rule, and no two rules say the same."""

from __future__ import annotations

from collections import Counter

import pytest

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.coverage import ECLIPSED, GOVERNANCE, NOT_ASKED_OF_RUFF, Entry, Mode
from dagwarden.lint.lint import lint_files
from dagwarden.lint.ruff_rules import RUFF_RULES
from dagwarden.names import ReleasePath
from dagwarden.policy.rules import POLICY_RULES, list_pages
from dagwarden.validate.import_rules import IMPORT_RULES
from dagwarden.validate.rules.failures import RULES_OF_EXCEPTIONS
from dagwarden.validate.rules.table import MODEL_PAGES, SHARED_RULES

PAGES = {page.rule: page for page in list_pages()}
SEEN_LATER = {
    *(page.rule for page in (*MODEL_PAGES, *POLICY_RULES, *RULES_OF_EXCEPTIONS.values())),
    *(rule.id for rule in IMPORT_RULES),
    *SHARED_RULES,
}
SIZES = {"C": 17, "S": 14, "P": 11, "X": 13, "I": 13, "M": 15, "O": 7}


def test_the_catalogue_is_whole() -> None:
    assert set(GOVERNANCE) == {f"{part}{number:02}" for part, size in SIZES.items() for number in range(1, size + 1)}
    assert {mode for entry in GOVERNANCE.values() for mode in entry.modes} == set(Mode)


@pytest.mark.parametrize(("key", "entry"), GOVERNANCE.items())
def test_what_the_text_can_decide_has_a_rule(key: str, entry: Entry) -> None:
    assert bool(entry.rules) == (Mode.TEXT in entry.modes), key
    assert [rule for rule in entry.rules if rule not in PAGES] == []


@pytest.mark.parametrize(("key", "entry"), GOVERNANCE.items())
def test_what_only_the_import_shows_has_a_rule(key: str, entry: Entry) -> None:
    assert bool(entry.later) == bool({Mode.DAG, Mode.FLEET} & set(entry.modes)), key
    assert [rule for rule in entry.later if rule not in SEEN_LATER] == []


def test_every_rule_on_the_text_belongs_to_an_entry() -> None:
    held = {rule for entry in GOVERNANCE.values() for rule in entry.rules}
    patterns = {pattern.page.rule for pattern in load_catalogue().patterns}
    assert patterns - held == set()
    formats = {rule.page.rule for rule in RUFF_RULES if rule.page.code.startswith("F")}
    assert {rule.page.rule for rule in RUFF_RULES} - held == formats


def test_ids_and_codes_are_those_of_one_rule() -> None:
    words = Counter(word for page in list_pages() for word in (page.rule, page.code))
    assert [word for word, count in words.items() if count > 1] == []


def test_a_code_that_overlaps_with_our_rule_is_not_asked_of_ruff() -> None:
    assert not set(NOT_ASKED_OF_RUFF) & {rule.page.code for rule in RUFF_RULES}
    assert [rule for rule, _ in NOT_ASKED_OF_RUFF.values() if rule not in PAGES] == []


def test_rules_that_eclipse_and_are_eclipsed_exist() -> None:
    assert {*ECLIPSED, *(rule for rules in ECLIPSED.values() for rule in rules)} <= set(PAGES)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (b"from airflow.sdk import DAG\nfrom pendulum import now\nDAG('a', schedule=None, start_date=now())\n",
         "start-date-moves"),
        (b"import os\nos.system('ls ' + os.sep)\n", "process-at-import"),
        (b"PASSWORD = 'postgresql://etl:c0rrect-horse@db/etl'\n", "password-in-uri"),
    ],
)  # fmt: skip
def test_one_place_is_told_once(source: bytes, rule: str) -> None:
    assert [finding.rule for finding in lint_files({ReleasePath("dags/a.py"): source}, load_catalogue())] == [rule]


@pytest.mark.parametrize(("airflow", "severity"), [((2, 10), "info"), ((3, 0), "warning"), ((3, 3), "warning")])
def test_a_rule_on_airflow_3_only_takes_note_in_an_older_environment(airflow: tuple[int, int], severity: str) -> None:
    source = b"command = 'load.sh {{ execution_date }}'\n"
    (finding,) = lint_files({ReleasePath("dags/a.py"): source}, load_catalogue(), airflow=airflow)
    assert (finding.rule, finding.severity) == ("removed-template-variable", severity)
