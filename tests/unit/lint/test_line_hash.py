"""Lines have the hashes that GitHub gives them, so that its alerts follow the code."""

from __future__ import annotations

import pytest

from dagwarden.lint.line_hash import read_lines

GREETINGS = [
    "e9496ae3ebfced30:1",
    "fb7c023a8b9ccb3f:1",
    "ce8ba1a563dcdaca:1",
    "e20e36e16fcb0cc8:1",
    "b3edc88f2938467e:1",
    "c8e28b0b4002a3a0:1",
    "c129715d7a2bc9a3:1",
]
LOREM = [
    *(f"a7f2ff13bc495cf2:{number}" for number in range(1, 7)),
    "a7f2ff1481e87703:1",
    "a9cf91f7bbf1862b:1",
    "55ec222b86bcae53:1",
    "cc97dc7b1d7d8f7b:1",
    "c129715d7a2bc9a3:1",
]


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]),
        (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", GREETINGS),
        (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", GREETINGS),
        (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", GREETINGS),
        ("Lorem ipsum dolor sit amet.\n" * 10, LOREM),
    ],
)
def test_hashes_are_githubs_own(text: str, hashes: list[str]) -> None:
    """Source: github.com/github/codeql-action, src/fingerprints.test.ts."""
    lines = read_lines(text)
    assert [lines.hash_line(number) for number in range(1, len(hashes) + 1)] == hashes


def test_no_hash_is_made_of_a_hidden_line() -> None:
    lines = read_lines("first\nsecret\n" + "x" * 120 + "\nlast\n")
    assert [bool(lines.hash_line(number, {2})) for number in (1, 2, 3, 4)] == [False, False, True, True]


def test_lines_that_are_not_there_have_none() -> None:
    assert read_lines("a\n").hash_line(0) == ""
    assert read_lines("a\n").hash_line(3) == ""
