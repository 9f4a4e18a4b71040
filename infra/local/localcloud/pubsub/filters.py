"""The filter language of subscriptions: text -> predicate over a message's attributes.

    filter := "" | clause
    clause := term { "AND" term } | term { "OR" term }        (mixing the two needs parentheses)
    term   := [ "NOT" | "-" ] ( "(" clause ")" | basic )
    basic  := "attributes" ":" key | "attributes" "." key ("=" | "!=") string
            | "hasPrefix" "(" "attributes" "." key "," string ")"
    key    := string | one or more of A-Z a-z 0-9 _ -

Source: https://cloud.google.com/pubsub/docs/subscription-message-filter (filtering syntax).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .errors import InvalidArgument

Predicate = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<word>[A-Za-z0-9_](?:[A-Za-z0-9_-])*)
      | (?P<mark>!=|[-().,:=])
    )""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([0-7]{3})|(.))", re.DOTALL)
_PLAIN_ESCAPES = dict(zip("ntrabfv\\\"'?", "\n\t\r\a\b\f\v\\\"'?", strict=True))
_MAX_DEPTH = 50


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_filter(text: str) -> Predicate:
    """The predicate that `text` stands for; an empty text is true of every message.

    >>> wants = parse_filter('attributes.component = "worker" AND NOT attributes:test')
    >>> wants({"component": "worker"}), wants({"component": "worker", "test": ""})
    (True, False)

    Raises:
        InvalidArgument: `text` is not in the filter language.
    """
    if not text.strip():
        return lambda _attributes: True
    parser = _Parser(_tokens(text))
    predicate = parser.clause(0)
    parser.expect("end", "")
    return predicate


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _syntax_error(at, "a word, a quoted string or one of ( ) . , : = != -")
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        at = found.end()
    tokens.append(_Token("end", "", end))
    return tokens


def _syntax_error(at: int, expected: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid filter at character {at + 1}: expected {expected}")


class _Parser:
    """Recursive descent over the tokens; every method leaves `_next` behind what it read."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def clause(self, depth: int) -> Predicate:
        terms = [self.term(depth)]
        joint = self._peek().text if self._peek().kind == "word" else ""
        if joint not in ("AND", "OR"):
            return terms[0]
        while self._accept("word", joint):
            terms.append(self.term(depth))
        if self._peek().kind == "word" and self._peek().text in ("AND", "OR"):
            raise _syntax_error(self._peek().at, "parentheses where AND and OR meet")
        combine = all if joint == "AND" else any
        return lambda attributes: combine(term(attributes) for term in terms)

    def term(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise _syntax_error(self._peek().at, f"at most {_MAX_DEPTH} levels")
        if self._accept("word", "NOT") or self._accept("mark", "-"):
            inner = self._operand(depth)
            return lambda attributes: not inner(attributes)
        return self._operand(depth)

    def _operand(self, depth: int) -> Predicate:
        if self._accept("mark", "("):
            inner = self.clause(depth + 1)
            self.expect("mark", ")")
            return inner
        if self._accept("word", "hasPrefix"):
            return self._has_prefix()
        self.expect("word", "attributes")
        if self._accept("mark", ":"):
            key = self._key()
            return lambda attributes: key in attributes
        self.expect("mark", ".")
        return self._comparison(self._key())

    def _has_prefix(self) -> Predicate:
        self.expect("mark", "(")
        self.expect("word", "attributes")
        self.expect("mark", ".")
        key = self._key()
        self.expect("mark", ",")
        prefix = self._string()
        self.expect("mark", ")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self, key: str) -> Predicate:
        if self._accept("mark", "!="):
            unwanted = self._string()
            return lambda attributes: attributes.get(key) != unwanted
        self.expect("mark", "=")
        wanted = self._string()
        return lambda attributes: attributes.get(key) == wanted

    def _key(self) -> str:
        token = self._peek()
        if token.kind == "word":
            self._next += 1
            return token.text
        return self._string()

    def _string(self) -> str:
        token = self._peek()
        if token.kind != "string":
            raise _syntax_error(token.at, "a quoted string")
        self._next += 1
        return _ESCAPE.sub(lambda found: _unescape(found, token.at), token.text[1:-1])

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, kind: str, text: str) -> bool:
        token = self._peek()
        if token.kind != kind or token.text != text:
            return False
        self._next += 1
        return True

    def expect(self, kind: str, text: str) -> None:
        if self._peek().kind == kind == "end":
            return
        if not self._accept(kind, text):
            raise _syntax_error(self._peek().at, text or "the end")


def _unescape(found: re.Match[str], at: int) -> str:
    digits = found[1] or found[2] or found[3]
    if digits or found[4]:
        code = int(digits, 16) if digits else int(found[4], 8)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise _syntax_error(at, "escapes of Unicode characters")
        return chr(code)
    plain = _PLAIN_ESCAPES.get(found[5])
    if plain is None:
        raise _syntax_error(at, "known escapes in the string")
    return plain
