"""Each attack is contained, reported as its own finding, and leaves the next file unharmed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import airflow
import msgspec
import pytest

from dagwarden.lint.finding import Severity
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings

ATTACKS = Path(__file__).parent / "dags"
SETTINGS = ValidateSettings(import_timeout_s=2.0, memory_bytes=256 << 20, scratch_bytes=16 << 20)
KEY_IN_FILES = "/tmp/dagwarden-attack-target/key.json"
SECRET = "hunter2"

FOUND: dict[str, str] = {
    "busy_loop": "import-timeout",
    "climb_frames": "result-forged",
    "close_everything": "import-exit",
    "connect_loopback": "network-at-import",
    "connect_metadata": "network-at-import",
    "crash": "import-killed",
    "escape_by_user": "read-outside-tree",
    "exit_at_once": "import-exit",
    "exit_politely": "import-exit",
    "fetch_metadata": "network-at-import",
    "fill_disk": "file-written-at-import",
    "filth": "thread-at-import",
    "flood_everywhere": "result-forged",
    "forge_everywhere": "result-forged",
    "fork_bomb": "subprocess-at-import",
    "huge_names": "result-too-large",
    "kill_everybody": "signal-at-import",
    "kill_parent": "signal-at-import",
    "liar": "import-error",
    "look_at_processes": "read-outside-tree",
    "loosen_modes": "write-outside-scratch",
    "memory_bomb": "import-memory",
    "native_code": "native-code-at-import",
    "no_text": "read-outside-tree",
    "patch_airflow": "airflow-patched",
    "patch_code": "airflow-patched",
    "patch_operator": "airflow-patched",
    "patch_validator": "import-error",
    "ptrace_parent": "native-code-at-import",
    "raise_hostile_error": "import-error",
    "read_key": "read-outside-tree",
    "recursion": "import-error",
    "run_program": "subprocess-at-import",
    "search_objects": "interpreter-tampering",
    "signal_by_owner": "import-error",
    "sleep_forever": "import-timeout",
    "tasks_of_no_kind": "tasks-unreadable",
    "write_dag_tree": "write-outside-scratch",
    "write_site_packages": "write-outside-scratch",
}
"""The finding that each attack is known by."""

ALLOWED_BUT_SHOWN = {"filth"}
"""What no one is hurt by: a warning says what was seen."""


class Field(msgspec.Struct, frozen=True):
    """The attacks after they were run, each followed by a harmless file."""

    root: Path
    reports: dict[str, FileReport]
    files_before: dict[str, bytes]

    def rules(self, attack: str) -> set[str]:
        return {finding.rule for finding in self.reports[attack].findings}


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("attacks")
    key = folder / "secrets" / "key.json"
    key.parent.mkdir()
    key.write_text(f'{{"password": "{SECRET}"}}')
    dags = folder / "tree" / "dags"
    dags.mkdir(parents=True)
    for attack in FOUND:
        content = (ATTACKS / f"{attack}.py").read_text().replace(KEY_IN_FILES, str(key))
        (dags / f"{attack}.py").write_text(content)
        shutil.copy(ATTACKS / "harmless.py", dags / f"{attack}_harmless.py")
    files = sorted(path.name for path in dags.iterdir())
    before = {name: (dags / name).read_bytes() for name in files}
    with Validator() as validator:
        reports = validator.validate_files(dags.parent, [ReleasePath(f"dags/{name}") for name in files], SETTINGS)
        yield Field(dags.parent, {Path(report.path).stem: report for report in reports}, before)


def test_every_attack_is_in_the_table() -> None:
    assert {path.stem for path in ATTACKS.glob("*.py")} == {*FOUND, "harmless"}


@pytest.mark.parametrize("attack", FOUND)
def test_an_attack_is_known_by_its_finding(field: Field, attack: str) -> None:
    assert FOUND[attack] in field.rules(attack)
    errors = [each for each in field.reports[attack].findings if each.severity is Severity.ERROR]
    assert errors or attack in ALLOWED_BUT_SHOWN
    assert all(finding.path == f"dags/{attack}.py" for finding in field.reports[attack].findings)


@pytest.mark.parametrize("attack", FOUND)
def test_the_file_after_an_attack_is_unharmed(field: Field, attack: str) -> None:
    report = field.reports[f"{attack}_harmless"]
    assert report.findings == ()
    assert [(dag.dag_id, [task.task_id for task in dag.tasks]) for dag in report.dags] == [
        ("harmless", ["first", "second"])
    ]


def test_an_attack_that_waits_ends_with_its_time(field: Field) -> None:
    assert all(report.seconds < SETTINGS.import_timeout_s + 1 for report in field.reports.values())


def test_no_attack_changed_a_file(field: Field) -> None:
    assert {path.name: path.read_bytes() for path in (field.root / "dags").iterdir()} == field.files_before
    assert not Path(airflow.__file__).with_name("implanted.py").exists()


def test_no_secret_is_in_a_report(field: Field) -> None:
    assert SECRET.encode() not in msgspec.json.encode(field.reports)


def test_no_forged_dag_is_believed(field: Field) -> None:
    named = {dag.dag_id for report in field.reports.values() for dag in report.dags}
    assert "innocent" not in named


def test_a_class_that_lies_about_its_kind_hides_no_dag(field: Field) -> None:
    assert [dag.dag_id for dag in field.reports["liar"].dags] == ["hidden_truth", "told_truly"]
    assert {"import-error", "object-lies"} <= field.rules("liar"), (
        "the DAG that calls itself an int is seen, and refused as Airflow would"
    )


def test_what_was_patched_is_told_once(field: Field) -> None:
    assert [finding.rule for finding in field.reports["patch_operator"].findings] == ["airflow-patched"]


def test_a_closed_validator_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "loop.py").write_text("while True: pass\n")
    before = set(_children())
    with Validator() as validator:
        validator.probe()
        assert set(_children()) - before
    assert _wait_until_gone(set(_children()) - before)


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _wait_until_gone(pids: set[int]) -> bool:
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)
