"""The hooks do what pre-commit asks of them: it calls the entry with the names of the files that change."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.lint.linting import IMPORT, READ, SECRET

ROOT = Path(__file__).parents[3]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
LINT = [hook for hook in HOOKS if "lint" in hook["id"]]
FILES = ("dags/a.py", "etl/plugins/lib/b.py", "setup.py", "dags/query.sql", "mydags/c.py")


def run(hook: dict[str, Any], repository: Path, paths: list[str]) -> subprocess.CompletedProcess[str]:
    """As pre-commit does: from the root of the repository, with the names that match."""
    program, *arguments = shlex.split(hook["entry"])
    matching = [path for path in paths if re.search(hook["files"], path)]
    command = [Path(sys.executable).parent / program, *arguments, *matching]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(IMPORT + READ)
    return tmp_path


@pytest.mark.parametrize("hook", LINT, ids=lambda hook: hook["id"])
def test_only_what_is_released_is_looked_at(hook: dict[str, Any]) -> None:
    assert [path for path in FILES if re.search(hook["files"], path)] == ["dags/a.py", "etl/plugins/lib/b.py"]
    assert hook["language"] == "python"
    assert hook["require_serial"] is True, "pre-commit would run several beside each other, each with a process a core"


@pytest.mark.parametrize("hook", LINT, ids=lambda hook: hook["id"])
def test_a_commit_with_an_error_is_stopped(hook: dict[str, Any], repository: Path) -> None:
    assert run(hook, repository, list(FILES)).returncode == 0
    (repository / "dags" / "a.py").write_text(SECRET)
    done = run(hook, repository, list(FILES))
    assert done.returncode == 1
    assert "dags/a.py:1:12: error" in done.stdout


def test_the_mending_hook_changes_files(repository: Path) -> None:
    file = repository / "dags" / "a.py"
    file.write_text('from airflow import DAG\nd = DAG("x", schedule_interval="@daily")\n')
    hook = next(each for each in HOOKS if each["id"] == "dagwarden-lint-fix")
    run(hook, repository, ["dags/a.py"])
    assert 'schedule="@daily"' in file.read_text()


def test_a_push_that_the_gate_would_deny_is_stopped(repository: Path) -> None:
    hook = next(each for each in HOOKS if each["id"] == "dagwarden-check")
    assert (hook["pass_filenames"], hook["stages"]) == (False, ["pre-push"])
    assert [path for path in FILES if re.search(hook["files"], path)] == [*FILES[:2], "dags/query.sql"]
    (repository / "dags" / "a.py").write_text(SECRET)
    done = run(hook, repository, [])
    assert done.returncode == 1
    assert "dags/a.py:1: error" in done.stdout
