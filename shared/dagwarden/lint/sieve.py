"""Which rules can match a file at all: what most files are spared of nearly all rules by.

RE2 looks for all words of all rules in one pass over the text, in time linear in its length, whatever it holds. Asking
one word after the other takes longer than parsing the file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

import re2  # type: ignore[import-untyped]

from dagwarden.lint.catalogue import PatternRule
from dagwarden.lint.parts import Part, Parts

_MEMORY_BYTES = 16 << 20
"""What RE2 may remember of one set of patterns; what does not fit is worked out again."""

_FAR = r"[\s\S]"

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_ASCII_TWINS = {"\u017f": "s", "\u212a": "k", "\u0130": "i", "\u0131": "i"}
"""Letters that Python takes for these where case does not matter."""
_NO_LETTER = "\x7f"


class Sieve:
    """Rules, and what each needs to find in a text before it can match."""

    def __init__(self, rules: Sequence[PatternRule]) -> None:
        words = list(dict.fromkeys(word for rule in rules for group in rule.literals for word in group))
        numbers = {word: number for number, word in enumerate(words)}
        groups = ([frozenset(map(numbers.__getitem__, group)) for group in rule.literals] for rule in rules)
        self._groups = list(zip(rules, groups, strict=True))
        self._words, _ = _make_set(re2.escape(word) for word in words)
        forms = {needs.pattern: _FAR in needs.pattern for rule in rules for needs in rule.needs.values()}
        # What reaches over the whole text doubles the states of all that is searched for with it: the two apart take
        # half the time.
        self._forms = [_make_set(form for form in forms if forms[form] is is_far) for is_far in (False, True)]
        self._asked = frozenset(form for _, asked in self._forms for form in asked)

    def sift_by_words(self, text: str) -> list[PatternRule]:
        """The rules of which one word of each group stands in the text, in any case."""
        found = _search(self._words, text.lower())
        return [rule for rule, groups in self._groups if not any(map(found.isdisjoint, groups))]

    def sift_by_form(self, parts: Parts, rules: Iterable[PatternRule]) -> list[PatternRule]:
        """Those of the rules whose needs and `repeats` the text may satisfy.

        Args:
            parts: of the file, with the names spelt out that it renames as it imports them.
        """
        found: dict[Part, frozenset[str]] = {}

        def holds(part: Part, needs: re.Pattern[str]) -> bool:
            if needs.pattern not in self._asked:
                return needs.search(f"\n{parts[part]}") is not None
            if part not in found:
                found[part] = self._find_forms(parts[part])
            return needs.pattern in found[part]

        return [
            rule
            for rule in rules
            # The whole first: most rules fall there, and only then do the parts have to be told apart.
            if (
                not rule.needs
                or any(holds(Part.WHOLE, form) and holds(part, form) for part, form in rule.needs.items())
            )
            and (rule.repeats is None or _repeats(rule.repeats, parts[Part.WHOLE]))
        ]

    def _find_forms(self, text: str) -> frozenset[str]:
        lines = f"\n{text}"
        folded = lines if text.isascii() else _NOT_ASCII.sub(_fold, lines)
        return frozenset(asked[number] for made, asked in self._forms for number in _search(made, folded))


@functools.lru_cache(maxsize=64)
def make_sieve(rules: tuple[PatternRule, ...]) -> Sieve:
    """The sieve of these rules; the same one when asked again."""
    return Sieve(rules)


def _make_set(patterns: Iterable[str]) -> tuple[re2.Set, list[str]]:
    """A set to be searched for, and the patterns by their numbers in it. It lacks what RE2 cannot do: looking back or
    ahead."""
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY_BYTES, False
    made, asked = re2.Set.SearchSet(options), list[str]()
    for pattern in patterns:
        try:
            made.Add(pattern)
        except re2.error:
            continue
        asked.append(pattern)
    made.Compile()
    return made, asked


def _repeats(form: re.Pattern[str], text: str) -> bool:
    groups = form.findall(text)
    return len(set(groups)) < len(groups)


def _fold(character: re.Match[str]) -> str:
    """What stands for a character beyond ASCII: RE2 takes it for a letter, a digit, a blank or none of these, as Python
    takes the character itself. Python's own search would need no such thing, but can take minutes."""
    return _fold_one(character[0])


@functools.lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    if character.isspace():
        return " "
    if character.isdecimal():
        return "0"
    return _ASCII_TWINS.get(character, "_" if character.isalnum() else _NO_LETTER)


def _search(patterns: re2.Set, text: str) -> frozenset[int]:
    return frozenset(patterns.Match(text.encode("utf-8", "surrogatepass")) or ())
