"""What is recommended of DAGs: each practice whose breach shows in the text has a rule that finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dagwarden.lint.lint import lint_files, load_catalogue
from dagwarden.names import ReleasePath
from dagwarden.policy.rules import list_pages

PRACTICES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "practices.yml").read_text())
SECTIONS = {"C": 17, "S": 14, "P": 11, "X": 13, "I": 13, "M": 15, "O": 7}
IN_TEXT = [key for key, row in PRACTICES.items() if row["from"] == "text"]


def test_the_catalogue_is_whole() -> None:
    assert list(PRACTICES) == [
        f"{letter}{number:02}" for letter, last in SECTIONS.items() for number in range(1, last + 1)
    ]
    assert len(IN_TEXT) >= 65


@pytest.mark.parametrize("key", PRACTICES)
def test_each_rule_named_is_one(key: str) -> None:
    row = PRACTICES[key]
    assert set(row["rules"]) <= {page.rule for page in list_pages()}
    assert row["rules"] or row["from"] == "policy"


@pytest.mark.parametrize("key", IN_TEXT)
def test_a_breach_that_shows_in_the_text_is_found(key: str) -> None:
    row = PRACTICES[key]
    found = lint_files({ReleasePath("dags/a.py"): row["example"].encode()}, load_catalogue(), opted_in=row["rules"])
    assert {finding.rule for finding in found} & set(row["rules"]), [finding.rule for finding in found]
