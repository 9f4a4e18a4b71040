"""Airflow's own example DAGs, which nobody here wrote, are clean enough to be released."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Severity
from dagwarden.lint.lint import lint_files
from dagwarden.names import ReleasePath


def example_files() -> dict[ReleasePath, bytes]:
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    roots = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return {
        ReleasePath(f"dags/{file.relative_to(root)}"): file.read_bytes()
        for root in roots
        for file in sorted(root.rglob("example_dags/**/*.py"))
    }


def test_no_example_dag_has_an_error() -> None:
    files = example_files()
    findings = lint_files(files, load_catalogue())
    assert len(files) >= 70
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
    warnings = {f"{finding.path}: {finding.rule}" for finding in findings if finding.severity is Severity.WARNING}
    assert len(warnings) < 15, sorted(warnings)
