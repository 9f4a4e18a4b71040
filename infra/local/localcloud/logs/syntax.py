"""Parses the Logging query language into a tree of frozen values.

    query      = [all]
    all        = any { ["AND"] any }             OR binds tighter than AND
    any        = factor { "OR" factor }
    factor     = ("NOT" | "-") factor | "(" all ")" | function | comparison
    comparison = operand [ operator value ]      without an operator: the text, anywhere in the entry
    value      = text | "(" all of values ")"

Source: cloud.google.com/logging/docs/view/logging-query-language; google.aip.dev/assets/misc/ebnf-filtering.txt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

Operator = Literal["=", "!=", ">", ">=", "<", "<=", ":", "=~", "!~"]

MAX_LENGTH = 20_000
"""Source: logging-query-language, "The length of a query can't exceed 20,000 characters"."""
_MAX_DEPTH = 60


class FilterError(ValueError):
    """A text is no query: what is wrong, and at which character (from 0)."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Comparison(msgspec.Struct, frozen=True):
    """`a.b op "value"`; `path` is ("a", "b")."""

    path: tuple[str, ...]
    operator: Operator
    value: str
    position: int
    is_quoted: bool = True


class Text(msgspec.Struct, frozen=True):
    """A text that must be somewhere in the entry."""

    value: str


class LogId(msgspec.Struct, frozen=True):
    """`log_id("x")`: the last part of the log's name."""

    value: str


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    part: Node


class And(msgspec.Struct, frozen=True):
    """All of these; of none, everything."""

    parts: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of these."""

    parts: tuple[Node, ...]


Node = Comparison | Text | LogId | Not | And | Or


class _Token(msgspec.Struct, frozen=True):
    kind: Literal["word", "string", "operator", "(", ")", ",", "end"]
    text: str
    start: int
    end: int


_SKIPPED = re.compile(r"(?:\s+|--[^\n]*)*")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<operator><=|>=|!=|=~|!~|[=<>:])"""
    r"""|(?P<punctuation>[(),])|(?P<word>[^\s()"'=:<>!~,]+)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}


def parse(text: str) -> Node:
    """The tree of a query; an empty query is `And(())`, which everything matches.

    Raises:
        FilterError: it is no query.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the query has {len(text)} characters, {MAX_LENGTH} are allowed", MAX_LENGTH)
    parser = _Parser(_tokens(text))
    tree = parser.all_of(parser.factor, "end") if parser.current.kind != "end" else And(())
    parser.expect("end")
    return tree


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = _skip(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            what = "an unclosed string" if text[position] in "\"'" else f"unexpected {text[position]!r}"
            raise FilterError(what, position)
        tokens.append(_token(match))
        position = _skip(text, match.end())
    return [*tokens, _Token("end", "", len(text), len(text))]


def _skip(text: str, position: int) -> int:
    match = _SKIPPED.match(text, position)
    return match.end() if match else position


def _token(match: re.Match[str]) -> _Token:
    start, end = match.span()
    text = match[0]
    if match["string"]:
        return _Token("string", _ESCAPE.sub(_unescape, text[1:-1]), start, end)
    if match["operator"]:
        return _Token("operator", text, start, end)
    if match["word"]:
        return _Token("word", text, start, end)
    return _Token("(" if text == "(" else ")" if text == ")" else ",", text, start, end)


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 1:
        return _ESCAPES.get(escape, escape)
    number = int(escape, 8) if escape[0] not in "ux" else int(escape[1:], 16)
    return "�" if 0xD800 <= number < 0xE000 else chr(number)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def current(self) -> _Token:
        return self._tokens[self._at]

    def take(self) -> _Token:
        token = self.current
        self._at += 1
        return token

    def expect(self, kind: str) -> _Token:
        if self.current.kind != kind:
            self.fail("the end" if kind == "end" else kind)
        return self.take()

    def fail(self, wanted: str) -> None:
        found = "the end" if self.current.kind == "end" else repr(self.current.text)
        raise FilterError(f"expected {wanted}, found {found}", self.current.start)

    def is_word(self, *words: str) -> bool:
        return self.current.kind == "word" and self.current.text in words

    def all_of(self, factor: Callable[[], Node], closing: str) -> Node:
        parts = [self._any_of(factor)]
        while self.current.kind != closing:
            if self.is_word("AND"):
                self.take()
            elif self.current.kind not in ("word", "string", "("):
                self.fail(f"AND, OR or {closing}")
            parts.append(self._any_of(factor))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _any_of(self, factor: Callable[[], Node]) -> Node:
        parts = [factor()]
        while self.is_word("OR"):
            self.take()
            parts.append(factor())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def factor(self) -> Node:
        if self._takes_negation():
            return self._nested(lambda: Not(self.factor()))
        if self.current.kind == "(":
            return self._group(self.factor)
        return self._comparison()

    def _takes_negation(self) -> bool:
        """Take NOT, or the minus that starts a word (which then is the word without it)."""
        token = self.current
        if self.is_word("NOT", "-"):
            self.take()
            return True
        if token.kind == "word" and token.text.startswith("-"):
            self._tokens[self._at] = _Token("word", token.text[1:], token.start + 1, token.end)
            return True
        return False

    def _group(self, factor: Callable[[], Node]) -> Node:
        self.expect("(")
        tree = self._nested(lambda: self.all_of(factor, ")"))
        self.expect(")")
        return tree

    def _nested(self, parse_part: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FilterError(f"nested deeper than {_MAX_DEPTH}", self.current.start)
        part = parse_part()
        self._depth -= 1
        return part

    def _comparison(self) -> Node:
        start = self.current
        if start.kind not in ("word", "string") or self.is_word("AND", "OR"):
            self.fail("a comparison or a text")
        path = self._path()
        following = self.current
        if following.kind == "(" and following.start == start.end and start.kind == "word":
            return self._function(start)
        if following.kind != "operator":
            return Text(start.text if len(path) == 1 else ".".join(path))
        operator = _operator(self.take().text)
        return self._value(lambda value: Comparison(path, operator, value.text, start.start, value.kind == "string"))

    def _path(self) -> tuple[str, ...]:
        """Words and strings that touch each other, with dots between: `labels."a/b".c`."""
        token = self.take()
        parts = [token.text] if token.kind == "string" else token.text.split(".")
        while self.current.start == token.end and self.current.kind in ("word", "string"):
            following = self.take()
            if following.kind == "string" and parts[-1] == "" and len(parts) > 1:
                parts[-1] = following.text
            elif token.kind == "string" and following.text.startswith("."):
                parts.extend(following.text[1:].split("."))
            else:
                raise FilterError("expected a dot between the parts of a field's name", following.start)
            token = following
        return tuple(parts)

    def _function(self, name: _Token) -> Node:
        if name.text != "log_id":
            raise FilterError(f"unsupported function {name.text!r}", name.start)
        self.expect("(")
        argument = self.take()
        if argument.kind not in ("word", "string"):
            raise FilterError("expected the log's id", argument.start)
        self.expect(")")
        return LogId(argument.text)

    def _value(self, make: Callable[[_Token], Node]) -> Node:
        def factor() -> Node:
            if self._takes_negation():
                return self._nested(lambda: Not(factor()))
            if self.current.kind == "(":
                return self._group(factor)
            if self.current.kind not in ("word", "string") or self.is_word("AND", "OR"):
                self.fail("a value")
            return make(self.take())

        if self.current.kind == "(":
            return self._group(factor)
        if self.current.kind not in ("word", "string") or self.is_word("AND", "OR", "NOT"):
            self.fail("a value")
        return make(self.take())


def _operator(text: str) -> Operator:
    for operator in get_args(Operator):
        if text == operator:
            return operator  # type: ignore[no-any-return]
    raise AssertionError(text)
