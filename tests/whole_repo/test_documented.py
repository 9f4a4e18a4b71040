"""What users meet is on a page, and generated parts are what the code says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.cli.main import EXIT_CODES, VERBS
from dagwarden.policy.rules import list_pages
from dagwarden.settings import PREFIX, SETTINGS
from localcloud.stack import blueprint
from tests.whole_repo import generate
from tests.whole_repo.repository import ROOT, mains

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CONTRACT_LINES = 8


@pytest.mark.parametrize("page", generate.PAGES, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert generate.render(text) == text, "run `make docs`"


def test_every_part_stands_on_a_page() -> None:
    texts = "".join(page.read_text() for page in generate.PAGES)
    assert [name for name in generate.PARTS if f"<!-- generated: {name} -->" not in texts] == []


def test_a_stale_part_is_written_anew() -> None:
    stale = "before\n<!-- generated: exit-codes -->\nstale text\n<!-- end -->\nafter\n"
    assert "stale text" not in generate.render(stale)
    assert generate.render(stale).endswith("<!-- end -->\nafter\n")


def test_a_part_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError):
        generate.render("<!-- generated: nothing-such -->\n<!-- end -->\n")


def test_every_setting_is_documented() -> None:
    page = (DOCS / "settings.md").read_text()
    assert [each.name for each in SETTINGS if f"`{PREFIX}{each.name.upper()}`" not in page] == []


def test_every_verb_is_documented() -> None:
    page = (DOCS / "cli.md").read_text()
    assert [verb.name for verb in VERBS if f"\n## {verb.name}\n" not in page] == []


def test_every_verb_that_there_is_has_its_row() -> None:
    """A module of cli/ that no row names is a verb nobody can call."""
    machinery = {"__init__", "main", "options", "output"}
    modules = {path.stem for path in (ROOT / "shared/dagwarden/cli").glob("*.py")} - machinery
    assert modules == {verb.module for verb in VERBS}


def test_every_rule_is_documented() -> None:
    page = (DOCS / "rules.md").read_text()
    assert [each.rule for each in list_pages() if f"\n## {each.rule} ({each.code})\n" not in page] == []


def test_every_kind_of_audit_entry_is_documented() -> None:
    page = (DOCS / "audit.md").read_text()
    assert [kind for kind in Kind if f"| `{kind}` | " not in page or f"| `{kind}` |  |" in page] == []


def test_every_exit_code_is_documented() -> None:
    assert [code for _, code in EXIT_CODES if f"\n| {code} | " not in README] == []


def test_every_function_has_a_trigger_grants_and_a_row() -> None:
    for main in mains():
        assert main.name in blueprint.ALL_FUNCTIONS
        triggers = [trigger for trigger in blueprint.TRIGGERS if trigger.function == main.name]
        assert bool(triggers) == (main.name in blueprint.FUNCTIONS)
        assert [grant for grant in blueprint.GRANTS if grant.who == main.name]
        assert f"\n| `{main.name}` | " in README


def test_the_readme_opens_with_the_contract() -> None:
    lines = [f"\n{number}. " in README for number in range(1, CONTRACT_LINES + 1)]
    assert all(lines)
    assert README.index("## The contract") < README.index("## Quick start")


def test_every_page_is_reachable_from_the_readme() -> None:
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in README] == []
