"""What a rule finds it also finds when it is said as somebody would who wants to get past the rule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from tests.rules.evasions import EVASIONS

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.compiles import read_source
from dagwarden.lint.match import match_rules

HERE = Path(__file__).parent
CATALOGUE = load_catalogue()
RULES = {pattern.page.rule: pattern for pattern in CATALOGUE.patterns}

AT_IMPORT = {
    "cloud-client-at-import", "connection-get-at-import", "dags-from-outside", "database-call-at-import",
    "hook-at-import", "network-call-at-import", "process-at-import", "relative-path-at-import", "sleep-at-import",
    "variable-get-at-import",
}  # fmt: skip
OF_THE_FILE = {"dag-function-never-called", "duplicate-dag-id"}
KNOWN_GAPS = {
    **{(rule, "nested"): "function" for rule in sorted(AT_IMPORT)},
    **{(rule, kind): "" for rule in sorted(OF_THE_FILE) for kind in ("nested", "if", "try")},
    ("start-date-moves", "nested"): "functions",
    ("email-argument", "module"): "module",
    ("removed-provider-name", "module"): "module",
    ("variable-get-at-import", "module"): "",
    ("metadata-database-access", "module"): "",
    ("insert-without-upsert", "dictionary"): "",
    ("insert-without-upsert", "dict-call"): "",
    ("long-inline-sql", "concatenation"): "",
    ("long-inline-sql", "dictionary"): "",
    ("long-inline-sql", "dict-call"): "",
}
"""Rule and kind -> a word that its page's known limits say about it; empty where the case becomes another one: what
stands in a function or under a condition is no longer said of the file, a statement on one line is not long, and a
module that is imported hands out nothing yet."""


def _evade(rule: str, kind: str) -> list[str]:
    """The rule's cases that this kind changes."""
    cases = [
        case
        for file in (HERE / "cases" / f"{rule}-test.yml", HERE / "aliased" / f"{rule}.yml")
        if file.exists()
        for case in yaml.safe_load(file.read_text())["invalid"]
    ]
    evaded = [(case, EVASIONS[kind](case)) for case in cases]
    return [after for before, after in evaded if _compiles(after) and ast.dump(ast.parse(before)) != _dump(after)]


def _compiles(source: str) -> bool:
    return bool(read_source("dags/case.py", source.encode(), python=(3, 11)).text)


def _dump(source: str) -> str:
    return ast.dump(ast.parse(source))


def _is_found(rule: str, source: str) -> bool:
    code = read_source("dags/case.py", source.encode(), python=(3, 11)).code
    return bool(match_rules("dags/case.py", source, [RULES[rule]], CATALOGUE.names, code=code))


@pytest.mark.parametrize("kind", EVASIONS)
@pytest.mark.parametrize("rule", RULES)
def test_no_evasion_hides_what_a_rule_finds(rule: str, kind: str) -> None:
    missed = [source for source in _evade(rule, kind) if not _is_found(rule, source)]
    assert bool(missed) == ((rule, kind) in KNOWN_GAPS), missed


@pytest.mark.parametrize(("rule", "kind"), KNOWN_GAPS)
def test_what_a_rule_misses_is_named_on_its_page(rule: str, kind: str) -> None:
    assert KNOWN_GAPS[rule, kind] in RULES[rule].page.limits


def test_each_kind_is_tried_where_it_makes_sense() -> None:
    """Every rule is tried nested and under conditions, and by at least one other kind unless nothing can be changed."""
    tried = {rule: {kind for kind in EVASIONS if _evade(rule, kind)} for rule in RULES}
    assert all({"nested", "if", "try"} <= kinds for kinds in tried.values())
    assert {rule for rule, kinds in tried.items() if kinds == {"nested", "if", "try"}} == {
        "duplicate-dependency", "mixed-dependency-style", "task-upstream-of-itself",
    }  # fmt: skip
