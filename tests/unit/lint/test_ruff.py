"""ruff's rules, asked in one process and rated by our table."""

from __future__ import annotations

import json
import subprocess

import pytest
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Severity
from dagwarden.lint.lint import lint_files
from dagwarden.lint.ruff import check_with_ruff, run_ruff
from dagwarden.lint.ruff_rules import RUFF_RULES
from dagwarden.names import ReleasePath

A, B = ReleasePath("dags/a.py"), ReleasePath("dags/b b.py")
OLD = "from airflow.operators.bash_operator import BashOperator\nBashOperator(task_id='a')\nBashOperator(task_id='b')\n"


def test_findings_have_ruffs_name_and_code_and_our_severity() -> None:
    (finding,) = check_with_ruff({A: OLD})
    assert (finding.rule, finding.code) == ("airflow3-moved-to-provider", "AIR302")
    assert (finding.severity, finding.path, finding.line, finding.column) == (Severity.ERROR, A, 2, 1)
    assert "standard" in finding.message


def test_an_older_environment_only_takes_note() -> None:
    (finding,) = lint_files({A: OLD.encode()}, load_catalogue(), airflow=(2, 10))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("from airflow.operators.python import get_current_context\nget_current_context()\n", Severity.WARNING),
        ("from airflow.datasets import Dataset\nDataset('a')\n", Severity.ERROR),
        ("from airflow.models import Variable\nVariable.set('a', 'b')\n", Severity.INFO),
    ],
)
def test_names_are_rated_by_what_airflow_does_with_them(source: str, severity: Severity) -> None:
    assert {finding.severity for finding in check_with_ruff({A: source})} == {severity}


def test_many_files_take_one_process_and_keep_their_names() -> None:
    found = check_with_ruff({A: "eval('1')\n", B: "x = 1\n\nexec('1')\n"})
    assert [(finding.path, finding.line, finding.code) for finding in found] == [(A, 1, "S307"), (B, 3, "S102")]


def test_no_file_is_no_process() -> None:
    assert run_ruff({}, ["S102"]) == {}


def test_noqa_hides_nothing() -> None:
    assert [finding.code for finding in check_with_ruff({A: "exec('1')  # noqa\n"})] == ["S102"]
    assert [finding.code for finding in check_with_ruff({A: "# ruff: noqa\nexec('1')\n"})] == ["S102"]


def test_a_suppression_with_a_reason_does() -> None:
    source = b"exec('1')  # dagwarden: allow exec-builtin -- a constant\n"
    assert [finding.rule for finding in lint_files({A: source}, load_catalogue())] == ["suppressed"]


def test_rules_that_are_opt_in_are_silent_unless_asked_for() -> None:
    source = "from airflow.providers.standard.operators.empty import EmptyOperator\nx = EmptyOperator(task_id='a')\n"
    assert check_with_ruff({A: source}) == []
    asked = check_with_ruff({A: source}, opted_in={"airflow-variable-name-task-id-mismatch"})
    assert [finding.code for finding in asked] == ["AIR001"]


def test_a_heavy_import_is_told_at_the_top_and_not_in_a_task() -> None:
    source = "import pandas\nfrom airflow.sdk import task\n@task\ndef load():\n    import torch\n"
    assert [finding.line for finding in check_with_ruff({A: source})] == [1]


def test_a_moving_start_date_is_told_once() -> None:
    source = b"from airflow.sdk import DAG\nfrom pendulum import now\nDAG('a', schedule=None, start_date=now())\n"
    assert [finding.rule for finding in lint_files({A: source}, load_catalogue())] == ["start-date-moves"]


def test_a_file_ruff_gives_no_answer_on_is_told_of() -> None:
    assert run_ruff({A: "x = 1\n", B: "x = 1\n"}, ["S102"], timeout_s=-1) == {A: None, B: None}


def test_the_table_says_what_ruff_says() -> None:
    """Codes and names are those of the ruff in use; none has been dropped or renamed."""
    output = subprocess.run(
        [find_ruff_bin(), "rule", "--all", "--output-format", "json"], capture_output=True, check=True, timeout=60
    ).stdout
    names = {rule["code"]: rule["name"] for rule in json.loads(output)}
    assert {rule.page.code: rule.page.rule for rule in RUFF_RULES}.items() <= names.items()
