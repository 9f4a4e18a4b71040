"""`dagwarden lint` with its options, as a person or a CI job runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.unit.lint.linting import ALLOWED, IMPORT, READ, SECRET
from tests.unit.lint.test_fix import RULE
from tests.unit.lint.test_outputs import VALIDATOR

from dagwarden.cli.main import run

AST_GREP = Path(sys.executable).parent / "ast-grep"
OWN = RULE.format(id="no-swap", pattern="swap($A, $B)", fix="'pair($B, $A)'", word="swap", code="ACME1")
POLICY = "apiVersion: dagwarden/v1\nkind: Policy\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").write_text(IMPORT + READ)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


# ---- outputs -----------------------------------------------------------------------------------------------------


def test_a_report_goes_to_a_file_in_any_form(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags" / "b.py").write_text(SECRET)
    for form in ("human", "json", "sarif", "github", "junit"):
        assert run(["lint", "dags", "--format", form, "--output", f"report.{form}"]) == 1
    assert told(capsys) == ""
    assert json.loads((repository / "report.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((repository / "report.json").read_text())["errors"] == 1
    assert ET.fromstring((repository / "report.junit").read_text()).get("failures") == "1"
    assert "::error file=dags/b.py,line=1" in (repository / "report.github").read_text()
    assert (repository / "report.human").read_text().endswith("1 error, 1 warning in 2 files\n")


def test_services_get_paths_from_the_folder_they_run_in(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["lint", str(repository / "dags"), "--format", "github"])
    assert told(capsys).startswith("::warning file=dags/a.py,")


# ---- baseline ----------------------------------------------------------------------------------------------------


def test_with_a_baseline_only_new_findings_count(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags" / "b.py").write_text(SECRET)
    assert run(["lint", "dags", "--baseline", "old.json", "--write-baseline"]) == 0
    assert told(capsys).endswith("2 in the baseline in 2 files\n")
    (repository / "dags" / "a.py").write_text(f"import os\n\n\n{IMPORT}{READ}Y = os.sep\n")
    assert run(["lint", "dags", "--baseline", "old.json"]) == 0
    (repository / "dags" / "c.py").write_text(SECRET)
    assert run(["lint", "dags", "--baseline", "old.json"]) == 1
    assert "dags/c.py:1:12: error" in told(capsys)


def test_a_baseline_holds_from_any_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "dags" / "a.py").write_text(SECRET)
    assert run(["lint", "dags", "--baseline", "old.json", "--write-baseline"]) == 0
    monkeypatch.chdir(repository / "dags")
    assert run(["lint", "a.py", "--baseline", "../old.json"]) == 0


def test_entries_of_mended_and_deleted_files_are_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags" / "b.py").write_text(SECRET)
    run(["lint", "dags", "--baseline", "old.json", "--write-baseline"])
    (repository / "dags" / "b.py").unlink()
    (repository / "dags" / "c.py").write_text("x = 1\n")
    told(capsys)
    assert run(["lint", "dags/c.py", "--baseline", "old.json"]) == 0
    out = told(capsys)
    assert "dags/b.py: note: nothing matches `hard-coded-secret` in the baseline any more" in out
    assert "dags/a.py" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--write-baseline"], "add --baseline FILE"),
        (["--baseline", "nowhere.json"], "hint: --write-baseline"),
        (["--policy", "nowhere.yaml"], "No such file"),
        (["--rules", "nowhere"], "holds no rule"),
        (["--airflow", "3"], "'3' is no Airflow version"),
        (["--root", "dags"], "dags: holds neither dags nor plugins"),
        (["--format", "xml"], "Invalid value for '--format'"),
    ],
)
def test_options_that_mean_nothing_exit_with_2(
    arguments: list[str], said: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", "dags", *arguments]) == 2
    assert said in capsys.readouterr().err


# ---- rules of one's own ------------------------------------------------------------------------------------------


def test_rules_of_ones_own_count_beside_the_others(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "rules").mkdir()
    (repository / "rules" / "no-swap.yml").write_text(OWN)
    (repository / "dags" / "a.py").write_text(IMPORT + READ + "from x import swap\nswap(1, 2)\n")
    assert run(["lint", "dags", "--rules", "rules"]) == 0
    out = told(capsys)
    assert "[no-swap ACME1]" in out
    assert "[variable-get-at-import " in out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pattern: swap($A, $B)", "patern: x", "rules/no-swap.yml:17: ast-grep does not take it"),
        ("code: ACME1", "code: DW999", "rules/no-swap.yml:8: `code` must be letters, not DW, and digits"),
        ("code: ACME1", "code: AIR301", "`AIR301` is already taken by `airflow3-removal`"),
        ("severity: warning", "severity: high", "rules/no-swap.yml:3: `severity` must be one of"),
        ("fix: 'pair($B, $A)'", "note: x", "rules/no-swap.yml:6:"),
        ("fix: safe", "fix: risky", "rules/no-swap.yml:12: `metadata.fix` must be one of"),
    ],
)
def test_a_bad_rule_is_refused_by_file_and_line(
    old: str, new: str, said: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in OWN
    (repository / "rules").mkdir()
    (repository / "rules" / "no-swap.yml").write_text(OWN.replace(old, new, 1))
    assert run(["lint", "dags", "--rules", "rules"]) == 2
    assert said in capsys.readouterr().err


def test_a_policy_rates_and_brings_its_rules(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "rules").mkdir()
    (repository / "rules" / "no-swap.yml").write_text(OWN)
    (repository / "dags" / "a.py").write_text(IMPORT + READ + "swap(1, 2)\n" + ALLOWED)
    (repository / "policy.yaml").write_text(
        f"{POLICY}lint: {{rules: rules}}\nenforcement:\n  rules: {{no-swap: enforce, variable-get-at-import: off}}\n"
        "  unsuppressable: [hard-coded-secret]\n"
    )
    assert run(["lint", "dags", "--policy", "policy.yaml", "--json"]) == 1
    findings = {each["rule"]: each for each in json.loads(told(capsys))["findings"]}
    assert (findings["no-swap"]["severity"], findings["no-swap"]["clause"]) == ("error", "policy.yaml:5")
    assert findings["hard-coded-secret"]["clause"] == "policy.yaml:6"
    assert "variable-get-at-import" not in findings


def test_rules_that_are_opt_in_speak_when_a_policy_gives_them_a_level(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "dags" / "a.py").write_text(
        'import b\nb.BashOperator(task_id="a", bash_command=f"load.sh {b.path}")\n'
    )
    (repository / "policy.yaml").write_text(f"{POLICY}enforcement: {{rules: {{formatted-bash-command: enforce}}}}\n")
    assert run(["lint", "dags"]) == 0
    assert "formatted-bash-command" not in told(capsys)
    assert run(["lint", "dags", "--policy", "policy.yaml"]) == 1
    assert "error: this command is put together" in told(capsys)


def test_ast_grep_finds_the_same_by_the_sgconfig(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "own").mkdir()
    (repository / "own" / "no-swap.yml").write_text(OWN)
    (repository / "dags" / "a.py").write_text("swap(1, 2)\n" + SECRET)
    assert run(["lint", "--write-sgconfig", "--rules", "own"]) == 0
    scan = [AST_GREP, "scan", "--json=compact", "dags"]
    done = subprocess.run(scan, capture_output=True, text=True, check=False, timeout=60, cwd=repository)
    assert {match["ruleId"] for match in json.loads(done.stdout)} >= {"no-swap", "hard-coded-secret"}
    (repository / "sgconfig.yml").write_text("ruleDirs: [mine]\n")
    assert run(["lint", "--write-sgconfig"]) == 2
    assert "sgconfig.yml: is not ours" in capsys.readouterr().err


# ---- fixes -------------------------------------------------------------------------------------------------------


def test_fixes_are_shown_and_then_written(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = 'from airflow import DAG\nd = DAG("x", schedule_interval="@daily")\n'
    file = repository / "dags" / "a.py"
    file.write_text(source)
    assert run(["lint", "dags", "--diff"]) == 1
    assert '+d = DAG("x", schedule="@daily")' in told(capsys)
    assert file.read_text() == source
    run(["lint", "dags", "--fix"])
    assert "dags/a.py: mended airflow3-removal (1)" in capsys.readouterr().err
    assert 'schedule="@daily"' in file.read_text()
    assert run(["lint", "dags", "--diff"]) == 0
    assert told(capsys) == ""


# ---- environment -------------------------------------------------------------------------------------------------


def test_python_and_airflow_come_from_the_environment(repository: Path) -> None:
    (repository / "dags" / "a.py").write_text("match x:\n    case 1:\n        pass\n")
    head = "apiVersion: dagwarden/v1\nkind: Environment\nname: prod\n"
    (repository / "environment.yaml").write_text(f'{head}python: "3.9"\n')
    assert run(["lint", "dags/a.py", "--environment-file", "environment.yaml"]) == 1


def test_only_files_airflow_looks_at_are_linted_on_demand(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags" / "lib").mkdir()
    (repository / "dags" / "lib" / "b.py").write_text(f"{SECRET}# airflow dag\n")
    (repository / "dags" / "c.py").write_text(SECRET)
    (repository / "dags" / ".airflowignore").write_text("lib/\n")
    (repository / "dags" / "a.py").write_text(f"{IMPORT}{READ}dag = 1\n")
    assert run(["lint", "dags", "--json"]) == 1
    report = json.loads(told(capsys))
    assert (report["files"], report["dag_files"], report["errors"]) == (3, 1, 2)
    assert run(["lint", "dags", "--dags-only"]) == 0


# ---- parts of a release ------------------------------------------------------------------------------------------


@pytest.fixture
def release(repository: Path) -> Path:
    """A DAG that uses a helper of plugins/, and one that does not."""
    for path, text in {
        "dags/common/gcp.py": "def bucket():\n    return 1\n",
        "plugins/ours/slack.py": "def tell():\n    return 1\n\n\ndef shout():\n    return 1\n",
        "plugins/ours/alarm.py": "from ours.slack import shout\n",
        "dags/a.py": "from common.gcp import bucket\nfrom ours.slack import tell\n",
        "dags/b.py": "X = 1\n",
    }.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text)
    return repository


@pytest.mark.parametrize(
    ("folder", "paths"),
    [(".", ["dags"]), (".", ["."]), (".", ["dags/c.py"]), ("dags", ["c.py"]), ("dags/common", ["../c.py"])],
)
def test_imports_that_hang_are_told_of_a_folder_and_of_one_file(
    folder: str, paths: list[str], release: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (release / "dags" / "c.py").write_text("from common.gcp import bucket\nfrom ours.slakc import tell\n")
    monkeypatch.chdir(release / folder)
    assert run(["lint", *paths]) == 1
    out = told(capsys)
    assert "c.py:2:24: error: `ours.slakc` is imported, but the release has no module `ours.slakc`" in out
    assert out.count("error") == 2


def test_files_elsewhere_that_a_helper_leaves_hanging_are_told(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release / "plugins" / "ours" / "slack.py").write_text("def shout():\n    return 1\n")
    assert run(["lint", "plugins/ours/slack.py"]) == 1
    out = told(capsys)
    assert "dags/a.py:2:24: error: `tell` is imported from `ours.slack`" in out
    assert "    2 | from ours.slack import tell\n" in out
    assert run(["lint", "dags/b.py"]) == 0, "a file that has no part in it is not to blame"


def test_each_release_of_a_checkout_is_whole_by_itself(release: Path) -> None:
    for name, text in {
        "other/dags/common/aws.py": "Y = 1\n",
        "other/dags/c.py": "from common.gcp import bucket\n",
    }.items():
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_text(text)
    (release / "other" / "dags" / "d.py").write_text("from common.aws import Y\n")
    assert run(["lint", "dags"]) == 0
    assert run(["lint", "."]) == 1


def test_nothing_above_the_checkout_is_taken_for_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "dags" / "project"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "common").mkdir()
    (checkout / "common" / "gcp.py").write_text("X = 1\n")
    (checkout / "a.py").write_text("from project.common.gcp import X\nfrom project.common.gpc import Y\n")
    monkeypatch.chdir(checkout)
    assert run(["lint", "a.py"]) == 0
    assert run(["lint", "a.py", "--root", str(tmp_path)]) == 1


def test_compiled_modules_of_the_release_are_there(release: Path) -> None:
    (release / "dags" / "common" / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    (release / "dags" / "c.py").write_text("from common.fast import go\nfrom common.gcp import bucket\n")
    assert run(["lint", "dags/c.py"]) == 0


def test_a_helper_that_nobody_could_read_is_no_missing_module(release: Path) -> None:
    (release / "dags" / "common" / "big.py").write_bytes(b"x = 1\n" * 400_000)
    (release / "dags" / "c.py").write_text("from common.big import x, y\n")
    assert run(["lint", "dags/c.py", "--timeout", "0.1"]) == 0


def test_the_baseline_of_a_file_beside_is_left_alone(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (release / "dags" / "a.py").write_text(f"from ours.slack import say\n{SECRET}")
    run(["lint", ".", "--baseline", "old.json", "--write-baseline"])
    told(capsys)
    assert run(["lint", "plugins/ours/slack.py", "--baseline", "old.json"]) == 0
    assert told(capsys) == "1 in the baseline in 2 files\n"


# ---- hostile files -----------------------------------------------------------------------------------------------

HOSTILE = {
    "one_line.py": b"x = [" + b"1, " * 330_000 + b"]\n",
    "one_string.py": b"x = '" + b"a" * 1_000_000 + b"'\n",
    "nested.py": b"x = " + b"[" * 10_000 + b"]" * 10_000 + b"\n",
    "open.py": b"x = " + b"(" * 10_000,
    "deep.py": b"".join(b" " * depth + b"if x:\n" for depth in range(200)),
    "chain.py": b"x = a" + b".b" * 50_000 + b"\n",
    "sum.py": b"x = " + b"1 + " * 50_000 + b"1\n",
    "nul.py": b"x = 1\0\n",
    "utf16.py": "x = 1\n".encode("utf-16"),
    "bom.py": b"\xef\xbb\xbfx = 1\n",
    "cp1252.py": "x = 'caf\xe9 \u2019'\n".encode("cp1252"),
    "python2.py": b"print 'a'\n",
    "empty.py": b"",
    "notebook.py": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "template.py": b"from {{ cookiecutter.package }} import dag\n",
    "conflict.py": b"<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n",
    "comments.py": b"#" * 1_000_000 + b"\n",
    "backslashes.py": b"x = '" + b"\\" * 100_000 + b"'\n",
    "binary.py": bytes(range(256)) * 100,
}


def test_hostile_files_have_one_clear_finding_each_at_most(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "dags" / "a.py").unlink()
    for name, content in HOSTILE.items():
        (repository / "dags" / name).write_bytes(content)
    assert run(["lint", "dags", "--json", "--timeout", "30"]) == 1
    report = json.loads(told(capsys))
    by_file: dict[str, list[str]] = {name: [] for name in HOSTILE}
    for finding in report["findings"]:
        by_file[finding["path"].removeprefix("dags/")].append(finding["rule"])
    assert report["files"] == len(HOSTILE)
    assert {name: rules for name, rules in by_file.items() if len(rules) > 1} == {}
    assert {name for name, rules in by_file.items() if not rules} <= {
        *("one_line.py", "one_string.py", "empty.py", "comments.py", "backslashes.py", "chain.py", "sum.py")
    }
    assert by_file["nul.py"] == by_file["utf16.py"] == by_file["binary.py"] == ["nul-bytes"]
    assert by_file["nested.py"] == by_file["open.py"] == ["too-complex"]


@pytest.mark.parametrize("form", ["human", "json", "sarif", "github", "junit"])
def test_what_is_hostile_as_a_file_is_one_finding_in_every_form(
    form: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loops of links, pipes, what is too big to read, and names that no output can take as they are."""
    dags = repository / "dags"
    (dags / "a.py").unlink()
    for name, target in (("loop_a.py", "loop_b.py"), ("loop_b.py", "loop_a.py"), ("lost.py", "gone"), ("up", "..")):
        (dags / name).symlink_to(target)
    os.mkfifo(dags / "pipe.py")
    (dags / "huge.py").touch()
    os.truncate(dags / "huge.py", 100_000_000)
    for name in (b"new\nline.py", b"bytes\xff.py", b"\x1b[31mred.py", b"folder.py/a.py"):
        path = dags / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(SECRET)
    assert run(["lint", "dags", "--format", form, "--output", f"report.{form}"]) == 1
    assert capsys.readouterr().err == ""
    text = (repository / f"report.{form}").read_text()
    assert "\x1b" not in text
    if form == "json":
        found = [(each["path"].removeprefix("dags/"), each["rule"]) for each in json.loads(text)["findings"]]
        unread = [(name, "no-answer") for name in ("huge.py", "loop_a.py", "loop_b.py", "lost.py", "pipe.py")]
        odd = ("new\\nline.py", "bytes\\udcff.py", "\\x1b[31mred.py", "folder.py/a.py")
        assert sorted(found) == sorted([*unread, *((name, "hard-coded-secret") for name in odd)])
    if form == "sarif":
        VALIDATOR.validate(json.loads(text))
    if form == "junit":
        assert ET.fromstring(text).get("failures") == "9"
    if form == "github":
        assert text.count("::error ") == 9
        assert all(line.startswith("::") for line in text.splitlines())


def test_a_file_that_takes_too_long_is_a_finding(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "dags" / "a.py").write_bytes(b"x = 1\n" * 400_000)
    (repository / "dags" / "b.py").write_text(SECRET)
    assert run(["lint", "dags", "--timeout", "0.1"]) == 1
    out = told(capsys)
    assert "dags/a.py: error: it was not read within 0.1 s [no-answer DW009]" in out
    assert "dags/b.py:1:12: error" in out
