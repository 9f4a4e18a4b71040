"""Ignore files hide what Airflow's own code hides."""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwarden.lint.airflow_ignore import IgnoreFiles, Syntax, might_hold_dag
from dagwarden.lint.discover import find_python


def airflows_own() -> ModuleType:
    """Airflow's module, loaded from its file: importing Airflow itself takes seconds."""
    airflow = importlib.util.find_spec("airflow")
    assert airflow is not None
    (folder,) = airflow.submodule_search_locations or ()
    file = Path(folder) / "_shared" / "module_loading" / "file_discovery.py"
    spec = importlib.util.spec_from_file_location("airflow_file_discovery", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AIRFLOW = airflows_own()
PATHS = ("a.py", "b_test.py", "team/a.py", "team/lib/deep/x.py", "team/lib/a.py", "other/lib/a.py", "lib/a.py")
LINES = st.sampled_from(
    ["a.py", "*.py", "lib", "lib/", "/lib", "team/", "team/lib", "**/deep", "!a.py", "!team/lib/a.py", "*_test.py",
     "# comment", "lib # why", "", "/", "!lib/", "x?.py", "[ab].py", "team/**", "/team/lib/", "lib/*", ".*", "te.m",
     "a\\.py$", "(", "lib/a"]
)  # fmt: skip
TEXTS = st.dictionaries(st.sampled_from(["", "team", "team/lib", "other"]), st.lists(LINES, max_size=4).map("\n".join))


def theirs(root: Path, syntax: Syntax) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = AIRFLOW.find_path_from_directory(root, ".airflowignore", syntax)
        return {Path(path).relative_to(root).as_posix() for path in found}


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
@settings(max_examples=20, deadline=None)
@given(texts=TEXTS)
def test_what_is_hidden_is_what_airflow_hides(syntax: Syntax, texts: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path in PATHS:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        for inner, text in texts.items():
            (root / inner / ".airflowignore").write_text(text)
        seen = theirs(root, syntax)
    ignore = IgnoreFiles(texts, syntax=syntax)
    assert {path for path in PATHS if not ignore.hides(path)} == seen


def test_an_ignore_file_is_found_above_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "dags" / "team" / "lib" / "a.py"
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "dags" / ".airflowignore").write_text("team/lib\n")
    assert find_python([file]).hidden == {file.as_posix()}
    assert find_python([tmp_path]).hidden == {file.as_posix()}


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a.py").touch()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "link").symlink_to(tmp_path / "shared")
    (tmp_path / "shared" / "up").symlink_to(tmp_path / "dags")
    found = find_python([tmp_path / "dags"])
    assert [Path(path).relative_to(tmp_path).as_posix() for path in found.paths] == ["dags/link/a.py"]


@pytest.mark.parametrize(
    ("content", "airflow", "is_candidate"),
    [
        (b"from AIRFLOW import Dag", (3, 3), True),
        (b"import airflow\nx = asset", (3, 3), True),
        (b"import airflow\nx = asset", (2, 10), False),
        (b"import dag", (3, 3), False),
        (b"", (3, 3), False),
        (b"\xff\xfeairflow dag", (3, 3), True),
    ],
)
def test_airflow_looks_at_files_by_the_words_in_them(
    content: bytes, airflow: tuple[int, int], is_candidate: bool
) -> None:
    assert might_hold_dag(content, airflow=airflow) is is_candidate
