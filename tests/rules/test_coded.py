"""The cases of the rules that are code, ours and ruff's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dagwarden.lint.catalogue import CODED_RULES, load_catalogue
from dagwarden.lint.graph import build_graph
from dagwarden.lint.import_rules import check_part
from dagwarden.lint.lint import lint_files
from dagwarden.names import ReleasePath

Case = str | bytes | dict[str, str]
CASES: dict[str, dict[str, list[Case]]] = yaml.safe_load(Path(__file__).with_name("coded.yml").read_text())
OF_SIZE_AND_TIME = {"big-file", "not-analysed", "no-answer"}
"""Found in files that are too big to write down here, and in tools that give up: see test_hygiene, test_ruff and
test_lint_options."""


def find(rule: str, case: Case) -> set[str]:
    tree = case if isinstance(case, dict) else {"dags/case.py": case}
    files = {ReleasePath(path): text if isinstance(text, bytes) else text.encode() for path, text in tree.items()}
    judged = dict([[*files.items()][-1]])
    findings = lint_files(judged, load_catalogue(), opted_in=[rule])
    if len(files) > 1:
        findings += check_part(build_graph(files), judged)
    return {finding.rule for finding in findings}


def test_every_coded_rule_has_three_cases_of_each_kind() -> None:
    assert set(CASES) == {page.rule for page in CODED_RULES} - OF_SIZE_AND_TIME
    assert all(len(cases["invalid"]) >= 3 and len(cases["valid"]) >= 3 for cases in CASES.values())


@pytest.mark.parametrize("rule", CASES)
def test_invalid_cases_are_found_and_valid_ones_are_not(rule: str) -> None:
    assert [case for case in CASES[rule]["invalid"] if rule not in find(rule, case)] == []
    assert [case for case in CASES[rule]["valid"] if rule in find(rule, case)] == []
