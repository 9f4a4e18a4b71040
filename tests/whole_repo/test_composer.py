"""The page on Cloud Composer's parts names tests that exist, or says that a part is not met yet."""

from __future__ import annotations

import ast
import re

from tests.whole_repo.repository import ROOT, parse

ROWS = [
    line.strip("| ").split(" | ")
    for line in (ROOT / "docs" / "composer.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| part", "| ---"))
]
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_test_it_names_exists() -> None:
    named = [match for row in ROWS for match in TEST.findall(" ".join(row))]
    assert len(named) > len(ROWS)
    assert [(file, test) for file, test in named if not _has(file, test)] == []


def test_every_part_is_shown_by_a_test_or_said_to_be_missing() -> None:
    assert [row[0] for row in ROWS if not TEST.search(" ".join(row)) and "not yet" not in " ".join(row)] == []


def _has(file: str, test: str) -> bool:
    path = ROOT / "tests" / file
    if not path.is_file():
        return False
    functions = (node for node in parse(path).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return test in {function.name for function in functions}
