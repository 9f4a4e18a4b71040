"""`dagwarden check` as a person, a hook or a CI job runs it: offline, on folders and working trees."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dagwarden.cli.check import Asked, ask, render_verdict
from dagwarden.cli.linting.findings import Format
from dagwarden.cli.main import run
from dagwarden.handlers.check import decide

SOUND = """\
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("{name}", schedule=None, tags=["t"], default_args={{"owner": "team", "retries": 1}}):
    EmptyOperator(task_id="first")
"""
BROKEN = "from airflow.sdk import DAG\nraise ValueError('no')\nDAG('a')\n"
TEXT_ONLY = """\
apiVersion: dagwarden/v1
kind: Policy
validate: {imports: skipped}
pushers:
  - name: deployers
    principals: ["deploy@acme.iam.gserviceaccount.com"]
    paths: ["dags/**"]
    refs: ["refs/heads/main"]
"""
WHO = ("--as", "deploy@acme.iam.gserviceaccount.com", "--ref", "refs/heads/main")
Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dags/, in which the command runs."""
    (tmp_path / "work" / "dags").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    for name in [name for name in os.environ if name.startswith("DAGWARDEN_")]:
        monkeypatch.delenv(name)
    (tmp_path / "policy.yaml").write_text(TEXT_ONLY)
    return tmp_path / "work"


@pytest.fixture
def check(tree: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the verb there: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["check", ".", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def git(tree: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *settings, *arguments], cwd=tree, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(tree: Path) -> str:
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "work")
    return git(tree, "rev-parse", "HEAD")


def test_a_sound_folder_is_allowed_and_it_is_said_by_what(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text(SOUND.format(name="a"))
    code, out, err = check()
    assert (code, out) == (0, "dry run: would be allowed as the first release (1 file changed)\n")
    assert err == "no policy is named: rules count as they are packaged, and who may push is not asked\n"


def test_what_lint_validation_and_policy_find_is_told_together(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text(BROKEN)
    (tree / "dags/b.py").write_text("from airflow.sdk import DAG\nDAG(\n")
    (tree.parent / "policy.yaml").write_text(TEXT_ONLY.replace("skipped", "required"))
    code, out, _ = check("--policy", "../policy.yaml", "--as", "deploy@acme.iam.gserviceaccount.com")
    assert code == 1
    assert "dags/b.py:2: error [syntax-error DW001]" in out
    assert "(policy.yaml:8)" in out, "the clause of the ref that is not allowed"
    code, out, _ = check("--policy", "../policy.yaml", *WHO)
    assert "dags/a.py:2: error [import-error DW351] ValueError: no" in out
    assert out.endswith("; nothing is released yet\n")


def test_the_verdict_is_printed_as_json(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text("from airflow.sdk import DAG\nDAG(\n")
    code, out, _ = check("--policy", "../policy.yaml", *WHO, "--json")
    told = json.loads(out)
    assert (code, told["outcome"], told["dry_run"], told["environment"]) == (1, "denied", True, "local")
    assert [finding["rule"] for finding in told["findings"]] == ["syntax-error"]
    environment = tree.parent / "environment.yaml"
    environment.write_text('apiVersion: dagwarden/v1\nkind: Environment\nname: prod\npython: "3.9"\n')
    (tree / "dags/a.py").write_text("match x:\n    case 1:\n        pass\n")
    _, out, _ = check("--policy", "../policy.yaml", *WHO, "--environment-file", str(environment), "--json")
    told = json.loads(out)
    assert (told["environment"], [finding["rule"] for finding in told["findings"]]) == ("prod", ["syntax-error"])


def test_a_file_within_a_zip_file_is_told_in_every_form(tree: Path) -> None:
    with zipfile.ZipFile(tree / "dags/x.zip", "w") as archive:
        archive.writestr("first.py", BROKEN)
    inner = "dags/x.zip/first.py"
    question, source = ask(Asked(path=Path()))
    verdict = decide(question, now=dt.datetime.now(dt.UTC))
    told = {form: render_verdict(verdict, question, source, form) for form in Format}
    assert f"{inner}:2: error [import-error DW351]" in told[Format.HUMAN]
    assert json.loads(told[Format.JSON])["findings"][0]["path"] == inner
    assert ET.fromstring(told[Format.JUNIT]).find(f"testsuite[@name='{inner}']/testcase/failure") is not None
    assert "::error file=dags/x.zip,title=import-error DW351::first.py:2: ValueError" in told[Format.GITHUB]
    [result] = json.loads(told[Format.SARIF])["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("dags/x.zip", 1)
    assert result["message"]["text"].startswith("first.py:2: ")


def test_a_report_is_written_to_a_file(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text("from airflow.sdk import DAG\nDAG(\n")
    assert check("--policy", "../policy.yaml", *WHO, "--format", "sarif", "--output", "out.sarif")[:2] == (1, "")
    [result] = json.loads((tree / "out.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dags/a.py"


def test_services_are_told_of_files_by_where_they_lie(
    tree: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "dags/team").mkdir()
    (tree / "dags/team/a.py").write_text("from airflow.sdk import DAG\nDAG(\n")
    capsys.readouterr()
    assert run(["check", "dags/team", "--policy", "../policy.yaml", *WHO, "--format", "github"]) == 1
    assert "::error file=dags/team/a.py,line=2" in capsys.readouterr().out


def test_of_a_working_tree_that_is_pushed_which_git_would_take(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text("a = 1\n")
    (tree / ".gitignore").write_text("dags/local.py\n")
    git(tree, "init", "-q")
    first = commit(tree)
    (tree / "dags/local.py").write_text("def broken(:\n")
    (tree / "dags/new.py").write_text("new = 1\n")
    code, out, _ = check("--policy", "../policy.yaml", "--as", WHO[1], "--json")
    told = json.loads(out)
    assert (code, told["files_changed"], told["head_commit"]) == (0, 2, first)
    assert told["source"] == f"git:{first[:12]}"
    assert json.loads(check("--policy", "../policy.yaml", *WHO, "--source", "https://x/y", "--json")[1])["source"] == (
        "https://x/y"
    )
    git(tree, "checkout", "-qb", "topic")
    assert "[ref-not-allowed " in check("--policy", "../policy.yaml", "--as", WHO[1])[1]


def test_only_what_differs_from_a_commit_is_judged(tree: Path, check: Check) -> None:
    (tree / "dags/old.py").write_text("from airflow.sdk import DAG\nDAG(\n")
    (tree / "dags/helper.py").write_text("x = 1\n")
    (tree / "dags/uses.py").write_text("from helper import x\n")
    git(tree, "init", "-q")
    first = commit(tree)
    git(tree, "checkout", "-qb", "topic")
    (tree / "dags/new.py").write_text("new = 1\n")
    policy = ("--policy", "../policy.yaml", *WHO)
    code, out, err = check(*policy, "--changed-since", "main")
    assert (code, out) == (0, "dry run: would be allowed as the first release (1 file changed)\n")
    assert err == f"judged as if commit {first[:12]} were released\n"
    commit(tree)
    assert check(*policy, "--changed-since", "main")[0] == 0
    assert check(*policy)[0] == 1
    (tree / "dags/helper.py").write_text("y = 1\n")
    code, out, _ = check(*policy, "--changed-since", "HEAD")
    assert (code, "dags/uses.py:1: error [import-of-missing-name" in out) == (1, True)


def test_a_link_and_a_submodule_are_refused_as_the_push_would(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text("a = 1\n")
    (tree / "dags/link.py").symlink_to("/etc/passwd")
    for start in ("folder", "repository"):
        if start == "repository":
            git(tree, "init", "-q")
            commit(tree)
        code, out, _ = check("--policy", "../policy.yaml", *WHO)
        assert (code, "dags/link.py: error [path-link" in out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: is no folder"),
        (["dags/a.py"], "dags/a.py: is no folder"),
        (["empty"], "empty: holds no file that could be released"),
        ([".", "--policy", "none.yaml"], "No such file"),
        ([".", "--policy", "dags/a.py"], "dags/a.py:1"),
        ([".", "--policy", "../policy.yaml"], "it is not said who would push"),
        ([".", "--environment-file", "../policy.yaml"], "policy.yaml:"),
        ([".", "--changed-since", "main"], "main: the folder is not the topmost of a git repository"),
        ([".", "--against", "prod", "--changed-since", "main"], "name two bases"),
        ([".", "--against", "prod"], "DAGWARDEN_PROJECT is not set"),
        ([".", "--prefix", "../up"], "is no prefix"),
    ],
)
def test_what_cannot_be_checked_ends_with_2(
    tree: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tree / "dags/a.py").write_text("a = 1\n")
    (tree / "empty").mkdir()
    assert run(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_commit_that_is_not_here_or_not_related_is_no_base(tree: Path, check: Check) -> None:
    (tree / "dags/a.py").write_text("a = 1\n")
    git(tree, "init", "-q")
    commit(tree)
    code, _, err = check("--changed-since", "nope")
    assert (code, "check --changed-since nope: no such commit or branch is here" in err) == (2, True)
    git(tree, "checkout", "-q", "--orphan", "other")
    (tree / "dags/a.py").write_text("a = 2\n")
    commit(tree)
    code, _, err = check("--changed-since", "main")
    assert (code, "--changed-since main: has nothing in common with what is checked out" in err) == (2, True)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"", b"\0" * 10, b"(" * 5000, b"# -*- coding: nonsense -*-\n", b"x = '\xff'\n"]
)
def test_files_that_are_no_text_are_findings(tree: Path, check: Check, content: bytes) -> None:
    (tree / "dags/a.py").write_bytes(content)
    code, out, _ = check("--policy", "../policy.yaml", *WHO)
    assert (code, "dags/a.py" in out) == ((1, True) if content else (0, False))


def test_names_that_are_no_text_are_findings(tree: Path, check: Check) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/dags/\xff.py")).write_text("a = 1\n")
    code, out, _ = check("--policy", "../policy.yaml", *WHO)
    assert (code, "[path-not-utf8" in out) == (1, True)
