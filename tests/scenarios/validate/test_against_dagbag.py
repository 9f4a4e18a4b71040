"""What the validator finds in Airflow's own example DAGs is what Airflow's DagBag finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import airflow
import pytest

from dagwarden.lint.finding import Severity
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings

EXAMPLES = ("example_dags", "providers/standard/example_dags")

DAG_BAG = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
dags = {dag.fileloc: {} for dag in bag.dags.values()}
for dag in bag.dags.values():
    dags[dag.fileloc][dag.dag_id] = len(dag.task_dict)
print("RESULT" + json.dumps([dags, list(bag.import_errors)]))
"""
"""Airflow in a process of its own, and no metadata database."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples")
    for folder in EXAMPLES:
        source = Path(airflow.__file__).parent / folder
        shutil.copytree(source, root / "dags" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def read_with_dag_bag(tree: Path, home: Path) -> tuple[dict[str, dict[str, int]], list[str]]:
    environ = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", DAG_BAG, str(tree / "dags")], capture_output=True, text=True, check=True, env=environ
    )
    dags, errors = json.loads(done.stdout.rpartition("RESULT")[2])
    return dags, errors


def test_example_dags_are_what_dag_bag_says_file_by_file(tree: Path, tmp_path: Path) -> None:
    expected, errors = read_with_dag_bag(tree, tmp_path)
    assert errors == []
    files = [ReleasePath(path.relative_to(tree).as_posix()) for path in sorted(tree.rglob("*.py"))]
    with Validator() as validator:
        reports = validator.validate_files(tree, files, ValidateSettings())
    found = {
        str(tree / report.path): {dag.dag_id: len(dag.tasks) for dag in report.dags}
        for report in reports
        if report.dags
    }
    assert found == expected
    assert len(found) > 60
    wrong = [finding for report in reports for finding in report.findings if finding.severity is Severity.ERROR]
    assert wrong == []
