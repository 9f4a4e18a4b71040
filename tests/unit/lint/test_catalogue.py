"""A bad rule is refused with file, line and reason; it is never skipped."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from dagwarden.errors import InvalidInput
from dagwarden.lint.catalogue import PACKAGED_RULES, load_catalogue, load_rule

GOOD = (PACKAGED_RULES / "connection-get-at-import.yml").read_text()
NAME = "connection-get-at-import.yml"


def refusal(content: str, name: str = NAME) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_rule(content.encode(), name=name)
    return caught.value.message


def line_of(word: str) -> int:
    return next(number for number, line in enumerate(GOOD.splitlines(), 1) if line.strip().startswith(word))


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("severity: error", "severity: hint", "severity:", "must be one of `error`, `warning`, `info`, got `hint`"),
        ("language: python", "language: rust", "language:", "must be `python`, got `rust`"),
        ("severity: error", "severety: error", "severity:", "did you mean `severity`?"),
        ("note: Ask", "files: ['*.py']\nnote: Ask", "note:", "`files` is no key"),
        ("  code: DW105", "  code: W105", "code:", "must be DW and three digits"),
        ("  code: DW105", "  kode: DW105", "code:", "did you mean `code`?"),
        ("literals: [[get_connection]]", "literals: []", "literals:", "a list of at least 1"),
        ("id: connection", "id: Connection", "id:", "words-in-kebab-case"),
        ("id: connection", "id: another-connection", "id:", "must be the file's name"),
        ("kind: attribute", "kind: atribute", "rule:", "Kind `atribute` is invalid"),
        ("matches: deferred", "matches: defered", "rule:", "`defered` is not defined"),
        ("pattern: $TARGET", "patern: $TARGET", "rule:", "unknown field `patern`"),
        ("'^get_connections?(_from_secrets)?$'", "'^(get'", "rule:", "regex parse error"),
    ],
)
def test_a_bad_rule_is_refused_with_its_line_and_reason(old: str, new: str, line: str, said: str) -> None:
    assert old in GOOD
    message = refusal(GOOD.replace(old, new, 1))
    assert f"{NAME}:{line_of(line)}: " in message
    assert said in message


def test_the_same_rule_unchanged_is_taken() -> None:
    assert load_rule(GOOD.encode(), name=NAME).page.code == "DW105"


def test_two_rules_under_one_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(GOOD)
    (tmp_path / "twin.yml").write_text(GOOD.replace("id: connection-get-at-import", "id: twin"))
    (tmp_path / "broken.yml").write_text("id: broken\n")
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(tmp_path)
    assert "twin: `DW105` is already taken by `connection-get-at-import`" in caught.value.message
    assert "broken.yml:1: `language` is missing" in caught.value.message


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no rule"):
        load_catalogue(tmp_path)


def test_ids_and_codes_are_unique_and_each_page_is_whole() -> None:
    pages = load_catalogue().pages
    assert len({page.code for page in pages.values()}) == len(pages)
    for rule, page in pages.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule)
        assert page.what
        assert page.why
        assert page.hint or rule == "suppressed"


def test_the_packaged_rules_have_no_fault_and_say_the_same_when_read_with_care() -> None:
    """Nobody searches them for faults when they are loaded."""
    careful, quick = load_catalogue(PACKAGED_RULES), load_catalogue()
    assert list(map(msgspec.structs.asdict, careful.patterns)) == list(map(msgspec.structs.asdict, quick.patterns))
    assert careful.pages == quick.pages
