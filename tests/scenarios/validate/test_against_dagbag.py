"""What the validator finds in Airflow's own example DAGs is what Airflow's DagBag finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import airflow
import pytest

from dagwarden.lint.finding import Severity
from dagwarden.validate.engine import Validator
from dagwarden.validate.model import FileModel
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.tree import TreeReport, validate_tree
from dagwarden.wire import decode, encode

DAG_BAG = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
dags = {}
for dag in bag.dags.values():
    file = dag.fileloc.partition(".zip/")
    dags.setdefault(file[0] + file[1].rstrip("/"), {})[dag.dag_id] = len(dag.task_dict)
print("RESULT" + json.dumps([dags, [str(file) for file in bag.import_errors]]))
"""
"""Airflow in a process of its own, and no metadata database."""

ZIPPED = {
    "first.py": "from inner.part import DAG\nwith DAG('zipped_first'): pass\n",
    "second.py": "from airflow.sdk import dag\n@dag\ndef zipped_second(): pass\nzipped_second()\n",
    "third.py": "1 / 0  # neither word is in it",
    "inner/__init__.py": "",
    "inner/part.py": "from airflow.sdk import DAG\ndag = DAG('zipped_deep')\n",
}
LARGEST_BYTES = 100_000
"""Of the model of one example file; the largest takes a third of it."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All example DAGs of Airflow and its providers that are installed, a zip file, and a file to be ignored."""
    root = tmp_path_factory.mktemp("examples")
    packages = Path(airflow.__file__).parent
    for source in sorted(packages.rglob("example_dags")):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / "dags" / source.relative_to(packages), ignore=ignored)
    with zipfile.ZipFile(root / "dags" / "packed.zip", "w") as packed:
        for name, text in ZIPPED.items():
            packed.writestr(name, text)
    (root / "dags" / ".airflowignore").write_text("**/to_be_ignored.py\n")
    (root / "dags" / "to_be_ignored.py").write_text("from airflow.sdk import DAG\ndag = DAG('ignored')\n")
    return root


@pytest.fixture(scope="module")
def report(tree: Path, validator: Validator) -> TreeReport:
    return validate_tree(validator, tree, None, ValidateSettings())


@pytest.fixture(scope="module")
def bag(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, int]], list[str]]:
    """By file, DAG ids and task counts; and the files that cannot be imported."""
    home = tmp_path_factory.mktemp("home")
    environ = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", DAG_BAG, str(tree / "dags")], capture_output=True, text=True, check=True, env=environ
    )
    dags, errors = json.loads(done.stdout.rpartition("RESULT")[2])
    return dags, errors


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
    assert len(found) > 60
    assert {str(tree / path) for path, each in report.files.items() if each.model is None} == set(errors)


def test_no_example_has_an_error_that_airflow_does_not_see(tree: Path, report: TreeReport) -> None:
    wrong = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    assert [finding for finding in wrong if finding.rule != "package-missing"] == []


def test_the_model_of_each_example_is_whole_and_small(report: TreeReport) -> None:
    for model in report.models:
        assert decode(FileModel, encode(model)) == model
        assert len(encode(model)) < LARGEST_BYTES
        assert (model.impostors, model.patched, model.cuts) == ((), (), ())
        assert not [dag.dag_id for dag in model.dags if dag.unreadable]
        assert not [task.task_id for dag in model.dags for task in dag.tasks if task.unreadable]
