"""What no file of the repository is: too long, unfinished, or bound to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.whole_repo.repository import ROOT, library, local_cloud, mains, tracked_files

MOST_LINES = 400
MOST_LINES_OF_A_MAIN = 40
OWN = Path(__file__)

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|NotImplemented)\b")
BOUND = {
    "a path of one machine": re.compile(r"(?<![\w.:/])/(?:root|home/(?!airflow/)\w+|work|Users)/"),
    "an index of packages": re.compile(r"--(?:extra-)?index-url[ =]|--find-links[ =]|--trusted-host"),
    "a registry": re.compile(r"https?://(?:[\w.-]*(?:artifactory|nexus|jfrog|devpi|pypi)[\w.-]*)", re.IGNORECASE),
    "a private host": re.compile(r"https?://(?:10\.\d|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)"),
}
MAY_SAY = {
    ("Makefile", "an index of packages"): "says that none is written",
}
ATTACKS = "tests/scenarios/attacks/dags/"
"""Files that reach for what they must not: their paths are those of any machine."""
TEXT = {".py", ".md", ".yml", ".yaml", ".toml", ".txt", ".json", ".svg", ".cfg", ".sh", ""}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> list[Path]:
    return [
        path
        for path in tracked_files()
        if path.suffix in TEXT and path != OWN and not relative(path).startswith(ATTACKS)
    ]


def test_no_file_is_too_long() -> None:
    code = [path for path in tracked_files() if path.suffix == ".py" or path.name == "Makefile"]
    long = {relative(path): lines for path in code if (lines := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}


def test_mains_only_wire() -> None:
    assert {main.name: len(main.path.read_text().splitlines()) > MOST_LINES_OF_A_MAIN for main in mains()} == {
        main.name: False for main in mains()
    }


def test_nothing_of_the_product_is_left_unfinished() -> None:
    for module in [*library(), *local_cloud(), *mains()]:
        found = UNFINISHED.findall(module.path.read_text())
        assert not found, module.name


@pytest.mark.parametrize("bond", BOUND)
def test_nothing_is_bound_to_one_machine(bond: str) -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()[:80]}"
        for path in texts()
        if (relative(path), bond) not in MAY_SAY
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if BOUND[bond].search(line)
    ]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    examples = {
        "a path of one machine": "cd /home/anna/etl",
        "an index of packages": "--index-url https://packages.example.com/simple",
        "a registry": "https://nexus.example.com/simple",
        "a private host": "http://10.0.0.7:8081",
    }
    assert {bond for bond, text in examples.items() if BOUND[bond].search(text)} == set(BOUND)
    assert UNFINISHED.search("# TODO: later")


def test_no_module_is_a_drawer_of_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "common", "manager", "misc"}
    named = [module.name for module in [*library(), *local_cloud()] if set(module.name.split(".")) & drawers]
    assert named == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    broken = [
        f"{relative(page)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
