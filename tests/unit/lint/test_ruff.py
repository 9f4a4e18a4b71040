"""ruff's rules, asked in one process and rated by our table."""

from __future__ import annotations

import json
import subprocess

import pytest
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Severity
from dagwarden.lint.lint import lint_files
from dagwarden.lint.ruff import run_ruff
from dagwarden.lint.ruff_findings import check_with_ruff
from dagwarden.lint.ruff_rules import RUFF_RULES
from dagwarden.names import ReleasePath

A, B = ReleasePath("dags/a.py"), ReleasePath("dags/b b.py")
OLD = "from airflow.operators.bash_operator import BashOperator\nBashOperator(task_id='a')\nBashOperator(task_id='b')\n"
DAG = "from airflow.sdk import DAG\n"
COMMON = (
    "from x import common\n"
    "known = {'tags': [], 'schedule': None}\nplain: dict = {'tags': []}\ncopied = known\n"
    "twice = {'tags': []}\ntwice = common()\n"
)


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


def test_a_heavy_import_says_which_and_where_it_belongs() -> None:
    (finding,) = check_with_ruff({A: "from sklearn.linear_model import Lasso\n"})
    assert finding.message == "`sklearn` is loaded each time this file is parsed"
    assert finding.hint == "Write the import of `sklearn` inside the tasks that use it: then only they load it."


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (f"{DAG}DAG('a', schedule_interval='@daily')\n", "Use `schedule` instead"),
        (
            f"{DAG}DAG('a', schedule=None, default_view='grid')\n",
            "Delete it: the web server has no such choice any more.",
        ),
        ("from airflow.contrib.hooks.x import Hook\nHook()\n", "Import its successor from `airflow.providers`: "),
        (OLD, "Install `apache-airflow-providers-standard>=0.0.1` and use `BashOperator` from `airflow.providers."),
        ("from airflow.datasets import Dataset\nDataset('a')\n", "`Asset` has been moved to `airflow.sdk` "),
    ],
)
def test_what_is_gone_says_what_to_write_instead(source: str, hint: str) -> None:
    found = [finding for finding in check_with_ruff({A: source}) if finding.severity is Severity.ERROR]
    assert [finding.hint[: len(hint)] for finding in found] == [hint]


def test_nothing_that_is_gone_is_said_to_work() -> None:
    (finding,) = check_with_ruff({A: "from airflow.datasets import Dataset\nDataset('a')\n"})
    assert finding.message == "`airflow.datasets.Dataset` is gone: Airflow 3.3 has it no more"


@pytest.mark.parametrize(
    "arguments",
    [
        "'a', **common()",
        "'a', **{'schedule': None}",
        "'a', **dict(schedule=None)",
        "'a', **known",
        "'a', **twice",
        "'a', **copied",
        "'a', **plain, **known",
        "'a', **{**plain}",
        "'a', **dict(plain)",
    ],
)
def test_a_schedule_that_may_be_unpacked_is_not_missed(arguments: str) -> None:
    assert check_with_ruff({A: f"{DAG}{COMMON}DAG({arguments})\n"}) == []


@pytest.mark.parametrize(
    "call",
    [
        "DAG('a')",
        "DAG('a', **plain)",
        "DAG('a', **{'tags': []})",
        "DAG(\n 'ü', **dict(tags=[]))",
        "DAG('a', **plain, **plain)",
    ],
)
def test_a_schedule_that_no_dictionary_holds_is_missed(call: str) -> None:
    assert [finding.code for finding in check_with_ruff({A: f"{DAG}{COMMON}x = 'ü'; {call}\n"})] == ["AIR002"]


@pytest.mark.parametrize(("loader", "codes"), [("FullLoader", []), ("CFullLoader", []), ("Loader", ["S506"])])
def test_only_a_loader_that_makes_objects_is_told_of(loader: str, codes: list[str]) -> None:
    source = f"import yaml\ndef f(x):\n    return yaml.load(x, Loader=yaml.{loader})\n"
    assert [finding.code for finding in check_with_ruff({A: source})] == codes


@pytest.mark.parametrize(
    ("annotation", "codes"), [(" -> dict", ["AIR202"]), (" -> dict[str, int]", ["AIR202"]), ("", [])]
)
def test_outputs_are_many_by_annotation_alone(annotation: str, codes: list[str]) -> None:
    source = f"from airflow.sdk import task\n@task\ndef load(){annotation}:\n    return {{'x': 1}}\n"
    assert [finding.code for finding in check_with_ruff({A: source})] == codes


@pytest.mark.parametrize(("command", "codes"), [("'ls -l'", []), ("x", ["S602"]), ("f'ls {x}'", ["S602"])])
def test_a_shell_is_told_of_where_something_can_reach_its_command(command: str, codes: list[str]) -> None:
    source = f"import subprocess\ndef f(x):\n    subprocess.run({command}, shell=True)\n"
    assert [finding.code for finding in check_with_ruff({A: source})] == codes


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
