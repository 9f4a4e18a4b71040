"""`dagwarden policy check`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagwarden.cli.main import run

DEFAULTS = Path(__file__).parents[3] / "infra" / "local" / "localcloud" / "defaults"


def test_a_good_policy_may_be_applied(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "check", str(DEFAULTS / "policy.yaml")]) == 0
    assert "may be applied" in capsys.readouterr().out
    assert run(["policy", "check", str(DEFAULTS / "environment.yaml")]) == 0


def test_every_fault_of_a_bad_policy_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("apiVersion: dagwarden/v1\nkind: Policy\nlimit: {}\ndrift: heal\n")
    assert run(["policy", "check", str(file)]) == 1
    out = capsys.readouterr().out
    assert "policy.yaml:3: `limit` is no key; did you mean `limits`?" in out
    assert "policy.yaml:4: `drift` must be a mapping" in out
    assert "may not be applied: 2 faults" in out
    assert run(["policy", "check", "--json", str(file)]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], len(answer["faults"])) == (False, 2)


def test_advice_does_not_forbid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("apiVersion: dagwarden/v1\nkind: Policy\n")
    assert run(["policy", "check", str(file)]) == 0
    assert "nobody can push" in capsys.readouterr().out


def test_a_missing_file_is_no_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "check", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err
