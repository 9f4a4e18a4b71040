"""`dagwarden validate` as a person or a CI job runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagwarden.cli.main import run

SOUND = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("sound", schedule=None, default_args={"owner": "team", "retries": 1}):
    EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
"""
MISSING = "from airflow.sdk import DAG\nimport nowhere_to_be_found\nDAG('a')\n"
POLICY = "apiVersion: dagwarden/v1\nkind: Policy\nenforcement: {rules: {package-missing: warn}}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "sound.py").write_text(SOUND)
    (tmp_path / "dags" / "missing.py").write_text(MISSING)
    (tmp_path / "dags" / "words.py").write_text("raise SystemExit\n")
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_errors_are_shown_with_their_lines_and_the_exit_code_is_1(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "."]) == 1
    out = capsys.readouterr().out
    assert "dags/missing.py:2: error: `nowhere_to_be_found` cannot be imported: `nowhere-to-be-found` is not" in out
    assert "    2 | import nowhere_to_be_found" in out
    assert "1 error in 2 files\n1 DAG, 2 tasks; slowest dags/" in out


def test_one_file_is_validated_in_its_tree_and_printed_as_json(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "dags/sound.py", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["findings"]) == (0, [])
    [file] = told["files"]
    assert (file["path"], [task["task_id"] for task in file["dags"][0]["tasks"]]) == (
        "dags/sound.py",
        ["first", "second"],
    )


def test_a_policy_rates_what_is_found(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", ".", "--policy", "policy.yaml"]) == 0
    assert "dags/missing.py:2: warning: " in capsys.readouterr().out


def test_a_folder_of_dags_under_any_name_is_taken(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags").rename(repository / "flows")
    assert run(["validate", "flows"]) == 1
    assert "dags/missing.py:2: error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "does not exist"),
        (["dags/words.py"], "holds no file that Airflow would search for DAGs"),
        ([".", "--policy", "dags/words.py"], "dags/words.py:1"),
        ([".", "--policy", "none.yaml"], "No such file"),
    ],
)
def test_what_cannot_be_validated_ends_with_2(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["validate", *arguments]) == 2
    assert said in capsys.readouterr().err
