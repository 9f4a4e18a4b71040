"""What a file says in a roundabout way, said plainly, so that rules need not know every way to say it.

`f(**{"a": 1})` and `f(**dict(a=1))` are matched as `f(a=1)`, `dict(a=1)` as `{"a": 1}`, `"all" + "Users"` as
`"allUsers"`, and `("x")` as `"x"`. ast-grep's own tools, which know nothing of that, see rules find what is said
plainly only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import re2  # type: ignore[import-untyped]
from ast_grep_py import SgNode

from dagwarden.lint.rewritten import Replacement, remove, replace

_JOINT = r"""["'][ \t]*(?:\\?\n[ \t]*)?\+[ \t]*(?:\\?\n[ \t]*)?["']|["'][ \t]+["']"""
_JOINED = re.compile(_JOINT)
_ROUNDABOUT = re2.compile(
    rf"""\*\*[ \t]*(\{{|dict\()|dict\(\s*\w+[ \t]*=|{_JOINT}|[=(,:\[][ \t]*\([ \t]*["'][^"'\n]*["'][ \t]*\)"""
)
"""RE2 looks for all of it in a tenth of the time that `re` takes."""
_LITERAL = re.compile(r"""([bBrRuU]{0,2})("|')((?!\2\2).*)\2""", re.DOTALL)
_KINDS = ("dictionary_splat", "call", "binary_operator", "concatenated_string", "parenthesized_expression")
_QUOTES = ('"', "'", '"""', "'''")
_NAME = re.compile(r"""["']([A-Za-z_]\w*)["']""")
_BETWEEN = frozenset({"comment", "line_continuation"})
"""What may stand between any two tokens."""


def is_roundabout(text: str) -> bool:
    """Whether a file may say anything in one of these ways: hardly one does."""
    return _ROUNDABOUT.search(text.encode("utf-8", "surrogatepass")) is not None


def join_literals(text: str) -> str:
    """The text with all words in it that stand in its literals, those in several pieces among them."""
    return _JOINED.sub("", text)


def list_roundabout(root: SgNode, text: str) -> Iterator[Iterator[Replacement]]:
    """What to write instead of what: all of one thing together, for half of it would be no Python.

    Args:
        text: of the file whose tree this is.
    """
    for node in root.find_all(any=[{"kind": kind} for kind in _KINDS]):
        if _is_unpacked_argument(node):
            yield _unpack(node, text)
        elif node.kind() == "call":
            yield _write_as_dictionary(node)
        elif node.kind() == "parenthesized_expression":
            yield _bare(node)
        elif not _continues(node):
            yield _join(node, text)


def _list_tokens(node: SgNode) -> list[SgNode]:
    return [each for each in node.children() if each.kind() not in _BETWEEN]


# ---- dictionaries ------------------------------------------------------------------------------------------------


def _is_unpacked_argument(node: SgNode | None) -> bool:
    parent = node.parent() if node is not None and node.kind() == "dictionary_splat" else None
    call = parent.parent() if parent is not None and parent.kind() == "argument_list" else None
    return call is not None and not _read_dict_call(call)  # what becomes a dictionary may have others unpacked in it


def _unpack(splat: SgNode, text: str) -> Iterator[Replacement]:
    """`**{"a": x}` and `**dict(a=x)` -> `a=x`."""
    stars, value = _list_tokens(splat)
    if value.kind() == "call" and (arguments := _read_dict_call(value)):
        yield from (replace(token, "") for token in (stars, _list_tokens(value)[0], arguments[0]))
        yield from (remove(token, text) for token in _list_ends(arguments))
    elif value.kind() == "dictionary":
        yield from _write_as_arguments(stars, _list_tokens(value), text)


def _write_as_arguments(stars: SgNode, tokens: Sequence[SgNode], text: str) -> Iterator[Replacement]:
    items = [token for token in tokens[1:-1] if token.kind() != ","]
    pairs = [_list_tokens(item) for item in items if item.kind() == "pair"]
    names = [_NAME.fullmatch(pair[0].text()) for pair in pairs]
    if not items or not all(names) or any(item.kind() not in {"pair", "dictionary_splat"} for item in items):
        return
    yield from (replace(token, "") for token in (stars, tokens[0]))
    yield from (remove(token, text) for token in _list_ends(tokens))
    for pair, name in zip(pairs, names, strict=True):
        if name is not None:
            yield replace(pair[0], name[1])
            yield replace(pair[1], "=")


def _write_as_dictionary(call: SgNode) -> Iterator[Replacement]:
    """`dict(a=x)` -> `{"a": x}`."""
    arguments = _read_dict_call(call)
    if not arguments or _is_unpacked_argument(call.parent()):
        return
    yield replace(_list_tokens(call)[0], "{")
    yield replace(arguments[0], "")
    yield replace(arguments[-1], "}")
    for argument in arguments:
        if argument.kind() == "keyword_argument":
            name, equals = _list_tokens(argument)[:2]
            yield replace(name, f'"{name.text()}"')
            yield replace(equals, ": ")


def _read_dict_call(call: SgNode) -> list[SgNode]:
    """The tokens of the arguments of `dict(…)`, brackets and commas among them, if all of them are named."""
    function, arguments = call.field("function"), call.field("arguments")
    if function is None or arguments is None or function.text() != "dict":
        return []
    tokens = _list_tokens(arguments)
    kinds = {token.kind() for token in tokens[1:-1]} - {","}
    return tokens if kinds and kinds <= {"keyword_argument", "dictionary_splat"} else []


def _list_ends(tokens: Sequence[SgNode]) -> Sequence[SgNode]:
    """The closing bracket, and a comma before it."""
    return tokens[-2:] if tokens[-2].kind() == "," else tokens[-1:]


# ---- literals ----------------------------------------------------------------------------------------------------


def _bare(brackets: SgNode) -> Iterator[Replacement]:
    """Brackets around nothing but literals on one line -> none."""
    opening, *inner, closing = _list_tokens(brackets)
    parts = [part for node in inner for _, part in _flatten(node)]
    place = brackets.range()
    if place.start.line == place.end.line and all(part.kind() == "string" for part in parts):
        yield from (replace(bracket, " ") for bracket in (opening, closing))


def _join(node: SgNode, text: str) -> Iterator[Replacement]:
    """Literals beside each other -> the first of them with the text of all, in place of them."""
    parts = [*_flatten(node)]
    for _, run in itertools.groupby(parts, key=lambda part: _LITERAL.fullmatch(part[1].text()) is None):
        yield from _join_run([*run], text)


def _join_run(run: Sequence[tuple[SgNode | None, SgNode]], text: str) -> Iterator[Replacement]:
    literals = [match for _, part in run if (match := _LITERAL.fullmatch(part.text()))]
    if len(literals) < 2:
        return
    prefix, joined = literals[0][1], "".join(match[3] for match in literals)
    is_alike = len({match[1].lower() for match in literals}) == 1 and "\n" not in joined
    quote = next((quote for quote in _QUOTES if quote not in joined and not joined.endswith(quote[0])), "")
    if not is_alike or not quote:
        return
    yield replace(run[0][1], f"{prefix}{quote}{joined}{quote}")
    yield from (remove(part, text) for both in run[1:] for part in both if part is not None)


def _flatten(node: SgNode) -> Iterator[tuple[SgNode | None, SgNode]]:
    """What is added up or stands side by side, each with the plus before it."""
    pending: list[tuple[SgNode | None, SgNode]] = [(None, node)]
    while pending:
        before, part = pending.pop()
        if part.kind() == "concatenated_string":
            literals = [each for each in _list_tokens(part) if each.kind() == "string"]
            yield from zip((before, *[None] * (len(literals) - 1)), literals, strict=True)
        elif part.kind() == "binary_operator" and _list_tokens(part)[1].kind() == "+":
            left, plus, right = _list_tokens(part)[0], _list_tokens(part)[1], _list_tokens(part)[-1]
            pending += [(plus, right), (before, left)]
        else:
            yield before, part


def _continues(node: SgNode) -> bool:
    """Whether what it is a part of is looked at as a whole."""
    parent = node.parent()
    return parent is not None and parent.kind() == "binary_operator" and _list_tokens(parent)[1].kind() == "+"
