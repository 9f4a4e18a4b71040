"""A child that stood by sees what there is when it is asked; where it stood for something else, another is made."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings

FILE = ReleasePath("dags/one.py")
END_S = 10.0


@pytest.fixture
def fresh() -> Iterator[Validator]:
    with Validator() as started:
        yield started


def put(root: Path, dag_id: str) -> None:
    (root / "dags").mkdir(parents=True, exist_ok=True)
    (root / FILE).write_text(f"from airflow.sdk import DAG\ndag = DAG('{dag_id}')\n")


def ask(validator: Validator, root: Path, settings: ValidateSettings | None = None) -> list[str]:
    (report,) = validator.validate_files(root, [FILE], settings or ValidateSettings())
    return [dag.dag_id for dag in report.dags] or [finding.rule for finding in report.findings]


def children_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in lists for child in file.read_text().split()]


def wait_for_end(pid: int) -> None:
    """Until the process has ended, whether or not anybody has heard of it."""
    descriptor = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([descriptor], [], [], END_S)
    finally:
        os.close(descriptor)
    assert ended


def parent_of_all(before: set[int]) -> int:
    (parent,) = set(children_of(os.getpid())) - before
    return parent


def test_what_changed_while_a_child_stood_by_is_what_it_reads(validator: Validator, tmp_path: Path) -> None:
    put(tmp_path, "first")
    assert ask(validator, tmp_path) == ["first"]
    put(tmp_path, "second")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "helper.py").write_text("name = 'third'\n")
    assert ask(validator, tmp_path) == ["second"]
    (tmp_path / FILE).write_text("from airflow.sdk import DAG\nimport helper\ndag = DAG(helper.name)\n")
    assert ask(validator, tmp_path) == ["third"]


def test_a_folder_that_took_the_place_of_another_is_read(validator: Validator, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    put(root, "old")
    assert ask(validator, root) == ["old"]
    root.rename(tmp_path / "gone")
    put(root, "new")
    assert ask(validator, root) == ["new"]


def test_other_settings_are_those_of_the_next_file(validator: Validator, tmp_path: Path) -> None:
    put(tmp_path, "one")
    assert ask(validator, tmp_path) == ["one"]
    (tmp_path / FILE).write_text("import airflow\nwhile True: pass\n")
    assert ask(validator, tmp_path, ValidateSettings(import_timeout_s=0.5)) == ["import-timeout"]


def test_who_was_killed_while_standing_by_is_replaced(fresh: Validator, tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    fresh.close()
    put(tmp_path, "one")
    for _ in range(2):
        assert ask(fresh, tmp_path) == ["one"]
        for child in children_of(parent_of_all(before)):
            os.kill(child, signal.SIGKILL)
            wait_for_end(child)


def test_the_warm_parent_has_left_the_hosts_network(fresh: Validator, tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    fresh.close()
    layers = {layer.name for layer in fresh.probe() if layer.is_offered}
    if "namespaces" not in layers:
        pytest.skip("this host makes no namespaces")
    fresh.wait_until_ready()
    own = Path(f"/proc/{parent_of_all(before)}/ns/net").readlink()
    assert own != Path("/proc/self/ns/net").readlink()


def test_a_folder_that_is_gone_ends_no_warm_parent(validator: Validator, tmp_path: Path) -> None:
    put(tmp_path, "one")
    assert ask(validator, tmp_path) == ["one"]
    (report,) = validator.validate_files(tmp_path / "none", [FILE], ValidateSettings())
    assert report.model is None
    assert ask(validator, tmp_path) == ["one"]
