"""The sieve lets no rule fall that could match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.lint.catalogue import PatternRule, load_catalogue
from dagwarden.lint.parts import Parts
from dagwarden.lint.sieve import make_sieve

RULES = load_catalogue().patterns
WORDS = sorted({word for rule in RULES for group in rule.literals for word in group})
SNIPPETS = (
    *WORDS,
    *(line for rule in RULES for line in rule.page.example.split("\n")),
    "\n", " ", "\t", "é", "—", "İ", "\ud800", '"', "'", "(", ")", "=", ":",
)  # fmt: skip


def sift_plainly(text: str) -> list[str]:
    """The same, one word and one expression after the other."""
    lowered, lines = text.lower(), f"\n{text}"
    return [
        rule.page.rule
        for rule in RULES
        if all(any(word in lowered for word in group) for group in rule.literals)
        and (not rule.needs or any(needs.search(lines) for needs in rule.needs.values()))
        and (rule.repeats is None or len({*rule.repeats.findall(text)}) < len(rule.repeats.findall(text)))
    ]


def sift(text: str) -> list[str]:
    sieve = make_sieve(RULES)
    return [rule.page.rule for rule in sieve.sift_by_form(Parts(text), sieve.sift_by_words(text))]


@given(st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join))
def test_all_at_once_finds_what_one_after_the_other_finds(text: str) -> None:
    plainly = sift_plainly(text)
    assert sift(text) == plainly if text.isascii() else set(sift(text)) >= set(plainly)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.page.rule)
def test_no_rule_falls_on_its_own_example(rule: PatternRule) -> None:
    example = rule.page.example
    assert rule.page.rule in sift(example)
    assert rule.page.rule in sift(f"# é\n{example}")


def test_letters_beyond_ascii_let_no_rule_pass_that_would_fall_without() -> None:
    text = "with DAG('d', catchup=False, schedule='@daily'):\n    EmptyOperator(task_id='a')\n"
    assert sift(f"# Grüße — 日本\n{text}") == sift(f"# Gruesse\n{text}")


def test_words_count_in_any_case() -> None:
    assert make_sieve(RULES).sift_by_words("aiza") == make_sieve(RULES).sift_by_words("AIZA")


@pytest.mark.timeout(20)
def test_a_long_hostile_line_is_sifted_in_time() -> None:
    """Where Python's own expressions take many minutes."""
    text = "x = '" + "{{" * 200_000 + "password=" * 20_000 + "'\npassword = 'correct-horse'\n"
    assert "hard-coded-secret" in sift(text)
    assert "hard-coded-secret" in sift(f"{text} # é")


def test_what_must_stand_twice_is_asked_for_twice() -> None:
    once = "with DAG('d'):\n    EmptyOperator(task_id='a')\n"
    assert "duplicate-task-id" not in sift(once)
    assert "duplicate-task-id" not in sift(f"{once}    EmptyOperator(task_id='b')\n")
    assert "duplicate-task-id" in sift(f"{once}    EmptyOperator(task_id='a')\n")
