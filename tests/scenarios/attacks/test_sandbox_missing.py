"""Where a host refuses a layer, either another gives what it gave, or nothing is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REFUSING = """
import errno, json, sys
import pyseccomp
from pathlib import Path
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for name in sys.argv[2].split(","):
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), int(name) if name.isdecimal() else name)
rules.load()
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings
with Validator() as validator:
    reports = validator.validate_files(Path(sys.argv[1]), ["dags/some.py"], ValidateSettings())
    offered = [layer.name for layer in validator.probe() if layer.is_offered]
findings = [[finding.rule, finding.message] for report in reports for finding in report.findings]
print(json.dumps([offered, findings, [dag.dag_id for dag in reports[0].dags]]))
"""
"""A host that refuses these system calls: what it runs cannot tell."""

CREATE_RULESET = "444"


def validate_where_refused(tree: Path, calls: str) -> tuple[list[str], list[list[str]], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", REFUSING, str(tree), calls], capture_output=True, text=True, check=True, timeout=100
    )
    offered, findings, dags = json.loads(done.stdout)
    return offered, findings, dags


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    return tmp_path


def test_without_namespaces_the_network_is_refused_by_seccomp(tree: Path) -> None:
    (tree / "dags" / "some.py").write_text("import socket\nsocket.create_connection(('127.0.0.1', 22))\n")
    offered, findings, _ = validate_where_refused(tree, "unshare")
    assert offered == ["process", "limits", "landlock", "system-calls"]
    assert {rule for rule, _ in findings} == {"network-at-import", "import-error"}


def test_without_landlock_nothing_is_imported(tree: Path) -> None:
    (tree / "dags" / "some.py").write_text("from airflow.sdk import DAG\nDAG('some')\n")
    offered, findings, dags = validate_where_refused(tree, CREATE_RULESET)
    assert "landlock" not in offered
    assert findings == [
        ["sandbox-unavailable", "this host gives no `no-secrets`"],
        ["sandbox-unavailable", "this host gives no `no-writes`"],
    ]
    assert dags == []
