"""Names and sizes that slow or break what reads a bucket are told of, whatever the files hold."""

from __future__ import annotations

import pytest

from dagwarden.lint.hygiene import MAX_DAG_FILE_BYTES, MAX_OTHER_FILE_BYTES, check_paths
from dagwarden.names import ReleasePath


def rules_of(path: str, content: bytes = b"") -> list[str]:
    return [finding.rule for finding in check_paths({ReleasePath(path): content})]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("dags/tests/test_daily.py", "test-file-released"),
        ("dags/team/test_daily.py", "test-file-released"),
        ("dags/daily_test.py", "test-file-released"),
        ("plugins/conftest.py", "test-file-released"),
        ("dags/venv/lib/python3.11/site-packages/x.py", "virtualenv-released"),
        ("dags/.venv/pyvenv.cfg", "virtualenv-released"),
        ("dags/env/bin/activate", "virtualenv-released"),
        ("plugins/ui/node_modules/react/index.js", "virtualenv-released"),
        ("dags/__pycache__/daily.cpython-311.pyc", "leftover-released"),
        ("dags/daily.pyc", "leftover-released"),
        ("dags/daily.py~", "leftover-released"),
        ("dags/.git/config", "leftover-released"),
        ("plugins/.DS_Store", "leftover-released"),
    ],
)
def test_what_does_not_belong_is_told_once(path: str, rule: str) -> None:
    assert rules_of(path) == [rule]


@pytest.mark.parametrize(
    "made", [b"with DAG('a') as dag:\n", b"dag = DAG(\n", b"@dag\ndef f():\n", b"@dag(schedule=None)\n"]
)
def test_a_dag_is_no_test_wherever_it_lies(made: bytes) -> None:
    assert rules_of("dags/tests/connection.py", b"import a\n" + made) == []
    assert rules_of("dags/tests/connection.py", b"def test_it():\n    " + made) == ["test-file-released"]


@pytest.mark.parametrize(
    "path",
    [
        "dags/daily.py",
        "dags/latest.py",
        "dags/contest/a.py",
        "dags/env/prod.yaml",
        "dags/sql/a.sql",
        "dags/testing.py",
        "dags/test/a.py",
    ],
)
def test_what_only_sounds_like_it_is_left_alone(path: str) -> None:
    assert rules_of(path) == []


@pytest.mark.parametrize(("path", "limit"), [("dags/a.py", MAX_DAG_FILE_BYTES), ("dags/a.csv", MAX_OTHER_FILE_BYTES)])
def test_big_files_are_told_of_past_the_limit_only(path: str, limit: int) -> None:
    assert rules_of(path, b"x" * limit) == []
    assert rules_of(path, b"x" * (limit + 1)) == ["big-file"]
