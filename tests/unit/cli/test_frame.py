"""The frame of the command line: fast, complete, humane, with exit codes that mean something."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dagwarden import errors
from dagwarden.cli.main import EXIT_CODES, VERBS, Verb, load_verb, run
from dagwarden.cli.output import clean, format_duration, print_table

HEAVY = ("google", "airflow", "grpc", "requests", "cryptography", "ast_grep_py", "yaml")


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\nLOADED', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def test_help_loads_no_client_library() -> None:
    code = "from dagwarden.cli.main import run\nassert run(['--help']) == 0"
    assert not loaded_by(code) & (set(HEAVY) - {"google"})


def test_import_of_the_frame_loads_no_verb() -> None:
    code = "import dagwarden.cli.main, sys\nassert 'google.auth' not in sys.modules\n"
    code += "verbs = {name for name in sys.modules if name.startswith('dagwarden.cli.')}\n"
    code += "assert verbs == {'dagwarden.cli.main'}, verbs"
    assert not loaded_by(code) & (set(HEAVY) - {"google"})


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [verb.name for verb in VERBS if verb.name not in shown] == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_a_help_page(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_verb(verb).name == verb.name
    assert run([verb.name, "--help"]) == 0
    assert verb.name in capsys.readouterr().out


@pytest.mark.parametrize("name", ["audit", "diff", "log", "rollback", "show", "status", "verify", "wait"])
def test_verbs_that_answer_can_answer_in_json(name: str) -> None:
    (verb,) = (verb for verb in VERBS if verb.name == name)
    assert "--json" in {option for parameter in load_verb(verb).params for option in parameter.opts}


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("dagwarden 0.")


@pytest.mark.parametrize(
    "arguments", [["lgo"], ["log", "--frobnicate"], ["show", "zero"], ["diff"], ["log", "-n", "0"]]
)
def test_wrong_command_line_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_mistyped_verb_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    run(["verfy"])
    assert "verify" in capsys.readouterr().err


def test_missing_settings_are_all_named_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("DAGWARDEN_"):
            monkeypatch.delenv(name)
    assert run(["log"]) == 2
    said = capsys.readouterr().err
    for name in ("PROJECT", "LEDGER_BUCKET", "STORE_BUCKET", "GATE_SERVICE_ACCOUNT", "ENVIRONMENT"):
        assert f"\n  DAGWARDEN_{name} is not set" in said
    assert 'hint: for the local stack: eval "$(dagwarden local env)"' in said
    monkeypatch.setenv("DAGWARDEN_PROJECT", "p")
    assert run(["log"]) == 2
    assert "local env" not in capsys.readouterr().err


def test_exit_codes_tell_the_branches_of_the_error_tree_apart() -> None:
    def code_of(kind: type[errors.DagwardenError]) -> int:
        return next(code for parent, code in EXIT_CODES if issubclass(kind, parent))

    assert {kind.__name__: code_of(kind) for kind in (errors.Unavailable, errors.Contended)} == {
        "Unavailable": 3,
        "Contended": 3,
    }
    assert [code_of(kind) for kind in (errors.InvalidInput, errors.NotFound, errors.Tampered)] == [2, 4, 5]


def test_completion_knows_the_verbs() -> None:
    environ = {**os.environ, "_DAGWARDEN_COMPLETE": "complete_bash", "COMP_WORDS": "dagwarden st", "COMP_CWORD": "1"}
    program = "from dagwarden.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environ, check=False, timeout=60
    )
    assert done.stdout.split() == ["status"]


def test_text_of_strangers_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\rc\u202ed") == "a\ufffd[2Jb\ufffdc\ufffdd"


def test_table_in_a_pipe_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("path", "n"), [("dags/" + "x" * 300, 1), ("[bold]b[/bold]", 22)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header == "PATH" + " " * 303 + "N"
    assert first.endswith("x  1")
    assert second.startswith("[bold]b[/bold]")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.314, "0.31 s"), (42.4, "42 s"), (180, "3 min"), (7200 * 5, "10 h"), (86400 * 12, "12 d")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
