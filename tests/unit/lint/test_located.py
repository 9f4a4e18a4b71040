"""Findings are known again when code moves, and no secret is shown with them."""

from __future__ import annotations

import pytest
from tests.unit.lint.linting import ALLOWED, IMPORT, READ, SECRET, lint_sources

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.lint import lint_file
from dagwarden.lint.located import LONGEST_SOURCE, Located, locate_findings
from dagwarden.lint.page import MAX_MATCHES


def fingerprints(source: str) -> list[str]:
    return [located.fingerprint for located in lint_sources({"dags/a.py": source})]


def test_a_finding_keeps_its_fingerprint_when_it_moves_or_is_indented_anew() -> None:
    assert fingerprints(IMPORT + READ) == fingerprints(f"import os\n\n{IMPORT}\n\nY = os.sep\nif Y:\n    {READ}")


def test_equal_lines_are_told_apart_and_different_ones_differ() -> None:
    assert len(set(fingerprints(IMPORT + READ * 3 + READ.replace("x", "y")))) == 4


@pytest.mark.parametrize(
    "source",
    [SECRET, ALLOWED, f"x = 1; {SECRET}", 'PASSWORD = (\n    "battery-stap1e"\n    "battery-stap1e"\n)\n'],
)
def test_no_secret_is_in_what_is_shown(source: str) -> None:
    located = lint_sources({"dags/a.py": source})
    assert located
    for each in located:
        assert "battery" not in each.source
        assert "t0k3n" not in each.source
        assert each.line_hash == ""


def test_a_secret_behind_another_finding_on_its_line_is_cut_too() -> None:
    source = IMPORT + 'X = Variable.get("x"); PASSWORD = "battery-stap1e"\n'
    located = lint_sources({"dags/a.py": source})
    assert {each.finding.rule for each in located} >= {"variable-get-at-import", "hard-coded-secret"}
    assert not [each for each in located if "battery" in each.source]


def test_a_secret_in_another_encoding_is_cut_where_it_starts() -> None:
    content = b"# coding: cp1252\nx = '" + b"\xe2\x82" * 20 + b"'; PASSWORD = 'battery-stap1e'\n"
    catalogue = load_catalogue()
    located = locate_findings(content, lint_file("dags/a.py", content, catalogue), catalogue.pages)
    assert "hard-coded-secret" in [each.finding.rule for each in located]
    assert not [each for each in located if "attery" in each.source]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"", b"# coding: nonsense\n", b"x\0y", b"<<<<<<< a\n=======\n>>>>>>> b"]
)
def test_findings_of_files_that_are_no_python_have_fingerprints(content: bytes) -> None:
    catalogue = load_catalogue()
    for each in locate_findings(content, lint_file("dags/a.py", content, catalogue), catalogue.pages):
        assert isinstance(each, Located)
        assert len(each.fingerprint) == 32


def test_of_a_long_line_the_start_is_shown() -> None:
    content = (IMPORT + "Variable.get('a'); " * (MAX_MATCHES + 50)).encode()
    catalogue = load_catalogue()
    located = locate_findings(content, lint_file("dags/a.py", content, catalogue), catalogue.pages)
    assert len(located) == MAX_MATCHES
    assert {len(each.source) for each in located} == {LONGEST_SOURCE}
    assert len({each.fingerprint for each in located}) == len(located)
