"""What the validator finds in Airflow's own example DAGs is what Airflow's DagBag finds; of Airflow 3, or of 2."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from dagwarden.lint.finding import Severity
from dagwarden.validate.engine import Validator
from dagwarden.validate.model import FileModel
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.tree import TreeReport, validate_tree
from dagwarden.wire import decode, encode
from tests.scenarios.validate.conftest import Installed

DAG_BAG = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag(sys.argv[1])
dags = {}
for dag in bag.dags.values():
    file = dag.fileloc.partition(".zip/")
    dags.setdefault(file[0] + file[1].rstrip("/"), {})[dag.dag_id] = len(dag.task_dict)
print("RESULT" + json.dumps([dags, [str(file) for file in bag.import_errors]]))
"""
"""Airflow in a process of its own, and no metadata database: a file that asks it something fails in both."""

LEAST_FILES = {2: 40, 3: 60}
"""With DAGs among the examples, by Airflow's first number."""

DEFINES = {
    2: "from airflow import DAG\nfrom airflow.decorators import dag\n",
    3: "from airflow.sdk import DAG, dag\n",
}
ZIPPED = {
    "first.py": "from inner.part import DAG  # airflow\nwith DAG('zipped_first'): pass\n",
    "second.py": "{defines}@dag()\ndef zipped_second(): pass\nzipped_second()\n",
    "third.py": "1 / 0  # neither word is in it",
    "inner/__init__.py": "",
    "inner/part.py": "{defines}dag = DAG('zipped_deep')\n",
}
LARGEST_BYTES = 100_000
"""Of the model of one example file; the largest takes a third of it."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, installed: Installed) -> Path:
    """All example DAGs of Airflow and its providers that are installed, a zip file, and a file to be ignored."""
    root = tmp_path_factory.mktemp("examples")
    packages, defines = installed.package, DEFINES[installed.version[0]]
    for source in sorted(packages.rglob("example_dags")):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / "dags" / source.relative_to(packages), ignore=ignored)
    with zipfile.ZipFile(root / "dags" / "packed.zip", "w") as packed:
        for name, text in ZIPPED.items():
            packed.writestr(name, text.replace("{defines}", defines))
    (root / "dags" / ".airflowignore").write_text("to_be_ignored.py\n")
    (root / "dags" / "to_be_ignored.py").write_text(f"{defines}dag = DAG('ignored')\n")
    return root


@pytest.fixture(scope="module")
def report(tree: Path, validator: Validator, settings_here: ValidateSettings) -> TreeReport:
    return validate_tree(validator, tree, None, settings_here)


@pytest.fixture(scope="module")
def bag(
    tree: Path, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """By file, DAG ids and task counts; and the files that cannot be imported."""
    dags, errors = json.loads(installed.run(tmp_path_factory.mktemp("home"), DAG_BAG, str(tree / "dags")))
    return dags, errors


def test_dags_and_tasks_are_what_dag_bag_says_file_by_file(
    tree: Path, report: TreeReport, bag: tuple[dict[str, dict[str, int]], list[str]], installed: Installed
) -> None:
    expected, errors = bag
    found = {
        str(tree / model.path): {dag.dag_id: len(dag.tasks) for dag in model.dags}
        for model in report.models
        if model.dags
    }
    assert found == expected
    assert len(found) > LEAST_FILES[installed.version[0]]
    assert {str(tree / path) for path, each in report.files.items() if each.model is None} == set(errors)


def test_no_example_has_an_error_that_airflow_does_not_see(
    tree: Path, report: TreeReport, bag: tuple[dict[str, dict[str, int]], list[str]]
) -> None:
    _, errors = bag
    wrong = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    assert [finding for finding in wrong if str(tree / finding.path) not in errors] == []


def test_the_model_of_each_example_is_whole_and_small(report: TreeReport, installed: Installed) -> None:
    for model in report.models:
        assert model.airflow.startswith("{}.{}.".format(*installed.version))
        assert decode(FileModel, encode(model)) == model
        assert len(encode(model)) < LARGEST_BYTES
        assert (model.impostors, model.patched, model.cuts) == ((), (), ())
        assert not [dag.dag_id for dag in model.dags if dag.unreadable]
        assert not [task.task_id for dag in model.dags for task in dag.tasks if task.unreadable]
