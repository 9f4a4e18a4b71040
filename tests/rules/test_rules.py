"""The rules' own cases, run by our loader and by ast-grep's CLI: both must agree, case by case."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagwarden.lint.catalogue import PACKAGED_RULES, load_catalogue
from dagwarden.lint.compiles import read_source
from dagwarden.lint.match import match_rules
from dagwarden.lint.plain import is_roundabout

HERE = Path(__file__).parent
AST_GREP = Path(sys.executable).parent / "ast-grep"
TESTS: dict[str, dict[str, Any]] = {
    file.name.removesuffix("-test.yml"): yaml.safe_load(file.read_text())
    for file in sorted((HERE / "cases").glob("*-test.yml"))
}
RULES = {pattern.page.rule: pattern for pattern in load_catalogue().patterns}
NAMES = load_catalogue().names
CASES = [
    pytest.param(rule, kind, source, id=f"{rule}-{kind}-{index}")
    for rule, test in TESTS.items()
    for kind in ("valid", "invalid")
    for index, source in enumerate(test[kind])
]


ALIASED = [
    pytest.param(file.stem, source, id=f"{file.stem}-{index}")
    for file in sorted((HERE / "aliased").glob("*.yml"))
    for index, source in enumerate(yaml.safe_load(file.read_text())["invalid"])
]
"""What only our loader sees, since ast-grep follows no imports."""


def test_each_rule_has_a_test_and_each_test_a_rule() -> None:
    assert set(TESTS) == set(RULES)
    assert all(test["id"] == name for name, test in TESTS.items())


@pytest.mark.parametrize("rule", TESTS)
def test_rule_has_three_cases_of_each_kind(rule: str) -> None:
    assert len(TESTS[rule]["valid"]) >= 3
    assert len(TESTS[rule]["invalid"]) >= 3


def test_each_rule_that_follows_imports_is_tried_on_a_renamed_one() -> None:
    assert {case.values[0] for case in ALIASED} == {rule for rule, pattern in RULES.items() if pattern.names}


@pytest.mark.parametrize(("rule", "kind", "source"), CASES)
def test_case_holds_under_our_loader(rule: str, kind: str, source: str) -> None:
    read = read_source("dags/case.py", source.encode(), python=(3, 11))
    assert read.findings == ()
    found = match_rules("dags/case.py", read.text, [RULES[rule]], code=read.code)
    assert bool(found) == (kind == "invalid"), [finding.message for finding in found]


@pytest.mark.parametrize(("rule", "source"), ALIASED)
def test_a_renamed_import_hides_nothing(rule: str, source: str) -> None:
    read = read_source("dags/case.py", source.encode(), python=(3, 11))
    assert read.findings == ()
    assert match_rules("dags/case.py", read.text, [RULES[rule]], NAMES, code=read.code)


def test_every_case_holds_under_ast_grep() -> None:
    run = subprocess.run(
        [AST_GREP, "test", "--config", HERE / "sgconfig.yml", "--skip-snapshot-tests"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_places_are_those_ast_grep_reports(tmp_path: Path) -> None:
    """Our lines and columns, literal filters included, are the CLI's on files that say things plainly."""
    for index, case in enumerate(CASES):
        if not is_roundabout(str(case.values[2])):
            (tmp_path / f"case_{index:03}.py").write_text(str(case.values[2]))
    run = subprocess.run(
        [AST_GREP, "scan", "--config", HERE / "sgconfig.yml", "--json=stream", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    theirs = {_place(json.loads(line)) for line in run.stdout.splitlines()}
    ours = {
        (file.name, finding.rule, finding.line)
        for file in sorted(tmp_path.iterdir())
        for finding in match_rules(file.name, file.read_text(), RULES.values())
    }
    assert ours == theirs


def _place(match: dict[str, Any]) -> tuple[str, str, int]:
    return Path(match["file"]).name, match["ruleId"], _line(match)


def _line(match: dict[str, Any]) -> int:
    """Where we point: at what is masked, if the rule masks, else at the match."""
    masked = match.get("metaVariables", {}).get("single", {}).get(RULES[match["ruleId"]].masks)
    return int((masked or match)["range"]["start"]["line"]) + 1


@pytest.mark.parametrize("rule", RULES)
def test_the_pages_own_example_is_found_and_its_remedy_is_not(rule: str) -> None:
    pattern = RULES[rule]
    assert match_rules("dags/case.py", pattern.page.example, [pattern])
    assert not match_rules("dags/case.py", pattern.page.instead, [pattern])


@pytest.mark.parametrize("rule", [name for name, pattern in RULES.items() if pattern.masks])
def test_no_secret_is_shown(rule: str) -> None:
    for source in TESTS[rule]["invalid"]:
        for finding in match_rules("dags/case.py", source, [RULES[rule]]):
            assert "***" in finding.message
            for word in ("horse-7", "t0k3n", "k3y-0f", "hunter2", "s3cr3t", "0123456789", "MIIE"):
                assert word not in finding.message + finding.hint


def test_rule_files_are_standard_ast_grep(tmp_path: Path) -> None:
    """The CLI takes each file alone: metadata included, nothing in them is ours to interpret for it."""
    (tmp_path / "case.py").write_text("x = 1\n")
    for file in sorted(PACKAGED_RULES.rglob("*.yml")):
        run = subprocess.run(
            [AST_GREP, "scan", "--rule", file, tmp_path], capture_output=True, text=True, check=False, timeout=60
        )
        assert run.returncode == 0, run.stderr
