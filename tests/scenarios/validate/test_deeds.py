"""What an import did is a finding, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagwarden.lint.finding import Severity
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings

SETTINGS = ValidateSettings(import_timeout_s=20.0, heavy_import_s=0.2, slow_import_s=0.2)

CASES: dict[str, tuple[str, str, int, str]] = {
    "environment": ("import os\nSTAGE = os.environ.get('STAGE')\n", "environment-read-at-import", 2, "`STAGE`"),
    "variable": (
        "from airflow.sdk import Variable\n\nREGION = Variable.get('region', default='eu')\n",
        "variable-read-at-import", 3, "`region`",
    ),
    "connection": (
        "from airflow.sdk import Connection\ntry:\n    Connection.get('db')\nexcept Exception:\n    pass\n",
        "connection-read-at-import", 3, "`db`",
    ),
    "scratch": ("import tempfile\ntempfile.mkdtemp()\n", "file-written-at-import", 2, ""),
    "package": ("import json\nimport nowhere_to_be_found.part\n", "package-missing", 2, "`nowhere-to-be-found`"),
    "provider": (
        "from airflow.providers.cncf.nowhere.pods import Pod\n",
        "package-missing", 1, "`apache-airflow-providers-cncf-nowhere`",
    ),
    "namespace": ("import google.cloud.nowhere_v1.types\n", "package-missing", 1, "`google-cloud-nowhere-v1`"),
    "namespace_from": ("from google.cloud import nowhere\n", "package-missing", 1, "`google-cloud-nowhere`"),
    "name": ("from json import nowhere\n", "import-error", 1, "cannot import name"),
    "own_module": ("import helping.nowhere\n", "import-error", 1, "ModuleNotFoundError"),
    "part": ("import jinja2.nowhere\n", "import-error", 1, "ModuleNotFoundError"),
    "broken": ("def f(:\n    pass\n", "import-error", 1, "SyntaxError"),
    "through_helper": ("from helping import help_out\n\nhelp_out()\n", "network-at-import", 4, "`example.org`"),
    "slow": ("from time import sleep\nsleep(0.3)\n", "slow-import", 0, "s"),
    "heavy": ("import weighty\n", "heavy-import", 1, "`weighty`"),
}  # fmt: skip
"""Source, rule, line, part of the message."""

MODULES = {
    "helping.py": "import socket\n\ndef help_out():\n    socket.create_connection(('example.org', 443))\n",
    "weighty.py": "import time\ntime.sleep(0.3)\n",
    "tidy.py": "import requests, yaml, pendulum, jinja2\nfrom airflow.sdk import DAG\nwith DAG('tidy'):\n    pass\n",
}


@pytest.fixture(scope="module")
def reports(validator: Validator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileReport]:
    dags = tmp_path_factory.mktemp("tree") / "dags"
    dags.mkdir()
    for name, (source, *_) in CASES.items():
        (dags / f"{name}.py").write_text(source)
    for name, source in MODULES.items():
        (dags / name).write_text(source)
    files = [ReleasePath(f"dags/{name}.py") for name in (*CASES, "tidy")]
    found = validator.validate_files(dags.parent, files, SETTINGS)
    return {Path(report.path).stem: report for report in found}


@pytest.mark.parametrize("case", CASES)
def test_a_deed_is_told_with_its_line(reports: dict[str, FileReport], case: str) -> None:
    _, rule, line, said = CASES[case]
    [finding] = [finding for finding in reports[case].findings if finding.rule == rule]
    assert finding.line == line
    assert said in finding.message
    assert finding.hint


def test_a_deed_in_a_module_of_the_tree_is_told_there(reports: dict[str, FileReport]) -> None:
    paths = {finding.path for finding in reports["through_helper"].findings}
    assert paths == {"dags/helping.py"}


def test_what_libraries_do_while_imported_is_not_the_files(reports: dict[str, FileReport]) -> None:
    assert [finding for finding in reports["tidy"].findings if finding.severity is Severity.ERROR] == []
    assert [dag.dag_id for dag in reports["tidy"].dags] == ["tidy"]


def test_a_missing_package_is_never_called_broken_code(reports: dict[str, FileReport]) -> None:
    assert {finding.rule for finding in reports["package"].findings} == {"package-missing"}
