"""`dagwarden push FOLDER`, the real command line against a real gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagwarden.cli.main import run
from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import LedgerState
from dagwarden.names import EnvironmentName

PROD = EnvironmentName("prod")


def state_of(cloud: Cloud) -> LedgerState:
    return Ledger(cloud).state(PROD)


@pytest.fixture
def folder(tmp_path: Path, push_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two DAGs; the command line runs as somebody who may push it."""
    for name, value in push_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGWARDEN_ENVIRONMENT", PROD)
    folder = tmp_path / "team"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.py").write_text("a = 1\n")
    (folder / "sub" / "b.py").write_text("b = 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_bytes(b"\0")
    return folder


@pytest.mark.usefixtures("inbox_gate")
def test_the_environment_has_what_the_folder_has(
    folder: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["push", str(folder), "--prefix", "dags/team", "-m", "first"]) == 0
    assert sorted(state_of(cloud).files) == ["dags/team/a.py", "dags/team/sub/b.py"]
    assert "remote: release 1 (2 files changed)" in capsys.readouterr().err

    (folder / "a.py").write_text("a = 2\n")
    (folder / "sub" / "b.py").unlink()
    assert run(["push", str(folder), "--prefix", "dags/team", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["release"] == 2
    state = state_of(cloud)
    assert (list(state.files), list(state.sources)) == (["dags/team/a.py"], ["folder:team"])

    assert run(["push", str(folder), "--prefix", "dags/team"]) == 0
    assert "nothing to release" in capsys.readouterr().err
    assert state_of(cloud).number == 2

    (folder / "a.py").unlink()
    assert run(["push", str(folder), "--prefix", "dags/team"]) == 4
    assert "would delete all its source has (1)" in capsys.readouterr().err
    assert state_of(cloud).number == 2
    assert run(["push", str(folder), "--prefix", "dags/team", "--force"]) == 0
    assert list(state_of(cloud).files) == []


@pytest.mark.usefixtures("inbox_gate")
def test_a_denied_folder_and_a_dry_run_release_nothing(
    folder: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["push", str(folder), "--dry-run"]) == 0
    (folder / "a.py").write_text("a = (\n")
    assert run(["push", str(folder), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out[told.out.index("{") :])["outcome"] == "denied"
    assert "remote: dags/a.py:1: error [syntax-error" in told.err
    assert state_of(cloud).number == 0


def test_what_cannot_be_released_is_not_sent(folder: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.py").symlink_to("a.py")
    assert run(["push", str(folder)]) == 1
    assert "not sent: 1 error" in capsys.readouterr().err
    assert run(["push", str(folder / "none")]) == 2
    assert run(["push", str(folder), "--prefix", "data/x"]) == 2
    assert list(cloud.inbox.list("")) == []
