"""`dagwarden lint` and `dagwarden rules`, as a person runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dagwarden.cli.main import run
from dagwarden.policy.rules import list_pages

BAD = 'PASSWORD = "correct-horse-7"  # the password\nfrom airflow.sdk import Variable\nX = Variable.get("x")\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "good.py": "x = 1\n",
        "sub/bad.py": BAD,
        ".git/hidden.py": BAD,
        "venv/pyvenv.cfg": "",
        "venv/lib.py": BAD,
        "notes.txt": "no Python",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_findings_are_shown_with_place_source_and_hint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(folder)]) == 1
    out = capsys.readouterr().out
    assert f"{folder}/sub/bad.py:1:12: error: a secret is written in plain text: *** (15 characters)" in out
    assert '    3 | X = Variable.get("x")\n      |     ^\n      = Read it inside a task' in out
    assert out.endswith("1 error, 1 warning in 2 files\n")


def test_no_secret_is_printed_nor_what_stands_behind_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["lint", str(folder)], ["lint", "--json", str(folder)]):
        run(arguments)
        assert "horse" not in capsys.readouterr().out


def test_a_suppressed_secret_is_not_printed_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.py"
    file.write_text('T = dict(a=1, token="t0k3n-of-mine")  # dagwarden: allow hard-coded-secret -- revoked long ago\n')
    assert run(["lint", str(file)]) == 0
    out = capsys.readouterr().out
    assert "`hard-coded-secret` is allowed here: revoked long ago" in out
    assert "t0k3n" not in out


def test_json_holds_counts_and_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "--json", str(folder)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["files"], report["errors"], report["warnings"], report["infos"]) == (2, 1, 1, 0)
    assert [finding["rule"] for finding in report["findings"]] == ["hard-coded-secret", "variable-get-at-import"]


def test_warnings_alone_exit_with_0(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(BAD.partition("\n")[2])
    assert run(["lint", str(file)]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "lint nowhere: does not exist"),
        (["notes.txt"], "is no Python file"),
        (["empty"], "holds no *.py"),
        (["--python", "3", "good.py"], "'3' is no Python version"),
    ],
)
def test_what_cannot_be_linted_exits_with_2(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    assert run(["lint", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_python_of_the_environment_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("match 1:\n    case 1:\n        pass\n")
    assert run(["lint", str(file)]) == 0
    assert run(["lint", "--python", "3.9", str(file)]) == 1


def test_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"\b{page.code} +{page.rule}\b", out) for page in list_pages())
    assert run(["rules", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(list_pages())


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.rule)
def test_each_rule_has_a_page(page: object, capsys: pytest.CaptureFixture[str]) -> None:
    rule, code = getattr(page, "rule", ""), getattr(page, "code", "")
    assert run(["rules", rule]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"# {rule} ({code})")
    assert "## What it does" in shown
    assert "## Why is this bad" in shown
    assert run(["rules", code]) == 0
    assert capsys.readouterr().out == shown


def test_an_unknown_rule_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "sintax-error"]) == 2
    assert "did you mean `syntax-error`?" in capsys.readouterr().err
