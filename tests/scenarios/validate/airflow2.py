"""The validator beside Airflow 2's own DagBag: run by `make test-airflow2`, which makes the environment.

The engine runs here; its warm parent, and DagBag, are run by that environment's Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.tree import TreeReport, validate_tree

PYTHON = Path(__file__).parents[3] / ".venv-airflow2" / "bin" / "python"
SETTINGS = ValidateSettings(airflow=(2, 11))

DAG_BAG = """
import json, sys
from airflow.models.dagbag import DagBag
bag = DagBag(sys.argv[1], include_examples=False, read_dags_from_db=False)
dags = {}
for dag in bag.dags.values():
    dags.setdefault(dag.fileloc, {})[dag.dag_id] = len(dag.task_dict)
print("RESULT" + json.dumps([dags, [str(file) for file in bag.import_errors]]))
"""
"""No metadata database is there: a file that asks it something fails in both."""

FIND_PACKAGE = "import airflow; print('RESULT' + airflow.__path__[0])"


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    with Validator(str(PYTHON)) as started:
        yield started


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples")
    packages = Path(run(root, FIND_PACKAGE))
    for source in sorted(packages.rglob("example_dags")):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / "dags" / source.relative_to(packages), ignore=ignored)
    return root


@pytest.fixture(scope="module")
def report(tree: Path, validator: Validator) -> TreeReport:
    return validate_tree(validator, tree, None, SETTINGS)


@pytest.fixture(scope="module")
def bag(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, int]], list[str]]:
    dags, errors = json.loads(run(tmp_path_factory.mktemp("home"), DAG_BAG, str(tree / "dags")))
    return dags, errors


def run(home: Path, code: str, *arguments: str) -> str:
    environ = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [str(PYTHON), "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return done.stdout.rpartition("RESULT")[2].strip()


def validate(validator: Validator, folder: Path, text: str) -> list[Finding]:
    file = folder / "dags" / "one.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    (found,) = validator.validate_files(folder, [ReleasePath("dags/one.py")], SETTINGS)
    return [finding for finding in found.findings if finding.severity is not Severity.INFO]


def test_dags_and_tasks_are_what_dag_bag_says_file_by_file(
    tree: Path, report: TreeReport, bag: tuple[dict[str, dict[str, int]], list[str]]
) -> None:
    expected, errors = bag
    found = {
        str(tree / model.path): {dag.dag_id: len(dag.tasks) for dag in model.dags}
        for model in report.models
        if model.dags
    }
    assert found == expected
    assert len(found) > 40
    assert {str(tree / path) for path, each in report.files.items() if each.model is None} == set(errors)


def test_the_model_of_each_example_is_whole(report: TreeReport) -> None:
    for model in report.models:
        assert model.airflow.startswith("2.11.")
        assert (model.impostors, model.patched, model.cuts) == ((), (), ())
        assert not [dag.dag_id for dag in model.dags if dag.unreadable]
        assert not [task.task_id for dag in model.dags for task in dag.tasks if task.unreadable]


ASKED = """
from airflow.hooks.base import BaseHook
from airflow.models import Variable
Variable.get("colour", default_var="red")
try:
    BaseHook.get_connection("warehouse")
except Exception:
    pass
"""


def test_variables_and_connections_read_at_import_are_told_by_line(validator: Validator, tmp_path: Path) -> None:
    told = {(finding.rule, finding.line) for finding in validate(validator, tmp_path, ASKED)}
    assert ("variable-read-at-import", 4) in told
    assert ("connection-read-at-import", 6) in told


PATCHED = """
from airflow import DAG
from airflow.models.baseoperator import BaseOperator
BaseOperator.execute = lambda self, context: None
dag = DAG("one")
"""
CYCLE = """
from airflow import DAG
from airflow.operators.empty import EmptyOperator
with DAG("one", start_date=None) as dag:
    a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
    a >> b >> a
"""


def test_an_operator_that_was_patched_is_told(validator: Validator, tmp_path: Path) -> None:
    messages = [finding.message for finding in validate(validator, tmp_path, PATCHED)]
    assert [message for message in messages if "BaseOperator.execute" in message]


def test_a_cycle_is_an_error(validator: Validator, tmp_path: Path) -> None:
    wrong = [each for each in validate(validator, tmp_path, CYCLE) if each.severity is Severity.ERROR]
    assert "dag-cycle" in {each.rule for each in wrong}
