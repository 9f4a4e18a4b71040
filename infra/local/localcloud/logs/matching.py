"""Turns a parsed query into a predicate over log entries (as JSON resources)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.logs.fields import DEFAULTS, FIELDS, SEVERITIES, SEVERITY, TIMES
from localcloud.logs.syntax import And, Comparison, FilterError, LogId, Node, Not, Operator, Or, Text, parse
from localcloud.timestamps import parse_ns

Entry = Mapping[str, Any]
Predicate = Callable[[Entry], bool]

_ORDER: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": operator.eq,
}
_NEGATIONS: Mapping[Operator, Operator] = {"!=": "=", "!~": "=~"}
_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!]|P=|\()|\\[1-9]")
"""Look-around, back references and conditionals, which RE2 does not have."""


def compile_filter(text: str) -> Predicate:
    """What tells the entries that a query selects.

    Raises:
        FilterError: it is no query, names a field that LogEntry does not have, or compares with what is no such value.
    """
    return compile_tree(parse(text))


def compile_tree(node: Node) -> Predicate:
    """What tells the entries that a parsed query selects."""
    match node:
        case And(parts):
            conjuncts = [compile_tree(part) for part in parts]
            return lambda entry: all(matches(entry) for matches in conjuncts)
        case Or(parts):
            disjuncts = [compile_tree(part) for part in parts]
            return lambda entry: any(matches(entry) for matches in disjuncts)
        case Not(part):
            matches = compile_tree(part)
            return lambda entry: not matches(entry)
        case Text(value):
            wanted = value.casefold()
            return lambda entry: any(wanted in text for text in _texts(entry))
        case LogId(value):
            return lambda entry: str(entry["logName"]).partition("/logs/")[2] in (value, value.replace("/", "%2F"))
        case Comparison():
            return _compile_comparison(node)


def _compile_comparison(node: Comparison) -> Predicate:
    if node.path[0] not in FIELDS or "" in node.path:
        raise FilterError(f"Field not found: '{'.'.join(node.path)}'", node.position)
    if node.operator == ":" and node.value == "*" and not node.is_quoted:
        return lambda entry: any(value not in (None, "", {}, []) for value in _values(entry, node.path))
    judge = _judge_of(node)
    wanted = _NEGATIONS.get(node.operator)
    if wanted is None:
        return lambda entry: any(judge(value) for value in _values(entry, node.path))

    def differs(entry: Entry) -> bool:
        values = list(_values(entry, node.path))
        return bool(values) and not any(judge(value) for value in values)

    return differs


def _judge_of(node: Comparison) -> Callable[[Any], bool]:
    """What compares one value of the field; negations are judged as what they negate."""
    op = _NEGATIONS.get(node.operator, node.operator)
    if op == "=~":
        pattern = _compile_regex(node)
        return lambda value: isinstance(value, str) and pattern.search(value) is not None
    if node.path in TIMES:
        at_ns = _read(parse_ns, node)
        return lambda value: _ORDER[op](parse_ns(value), at_ns)
    if node.path == SEVERITY:
        level = _read(severity_level, node)
        return lambda value: _ORDER[op](SEVERITIES[value], level)
    return lambda value: _compare(value, op, node.value)


def _read(reader: Callable[[str], int], node: Comparison) -> int:
    try:
        return reader(node.value)
    except ValueError as error:
        raise FilterError(str(error), node.position) from None


def severity_level(text: str) -> int:
    """The level of a severity's name (in any case) or number.

    Raises:
        ValueError: there is no such severity.
    """
    level = SEVERITIES.get(text.upper(), int(text) if re.fullmatch(r"[0-9]{1,3}", text) else None)
    if level is None:
        raise ValueError(f"{text!r} is no severity")
    return level


def _compile_regex(node: Comparison) -> re.Pattern[str]:
    if _NOT_RE2.search(node.value):
        raise FilterError("the regular expression uses what RE2 does not have", node.position)
    try:
        return re.compile(node.value)
    except (re.error, OverflowError, RecursionError) as error:
        raise FilterError(f"the regular expression is none: {error}", node.position) from None


def _values(entry: Entry, path: tuple[str, ...]) -> Iterator[Any]:
    """Every value at a path, of lists each element; the default where the field has one and is absent."""
    found = list(_walk(entry, path))
    if not found and path in DEFAULTS:
        yield DEFAULTS[path]
    elif not found and path == SEVERITY:
        yield "DEFAULT"
    yield from found


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _walk(element, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):  # a key may hold dots: labels.a.b is labels["a.b"], too
            key = ".".join(path[:length])
            if key in value:
                yield from _walk(value[key], path[length:])


def _compare(value: Any, op: Operator, wanted: str) -> bool:
    if op == ":" and isinstance(value, (str, dict)):
        return wanted in value or any(wanted.casefold() in text for text in _texts(value))
    match value:
        case str():
            return _ORDER[op](value.casefold(), wanted.casefold())
        case bool():
            return wanted.lower() in ("true", "false") and _ORDER[op](value, wanted.lower() == "true")
        case int() | float():
            return _order_numbers(value, op, wanted)
        case _:
            return value is None and op in ("=", ":") and wanted == "NULL_VALUE"


def _order_numbers(value: float, op: Operator, wanted: str) -> bool:
    try:
        return _ORDER[op](value, float(wanted))
    except ValueError:
        return False


def _texts(value: Any) -> Iterator[str]:
    """Every scalar inside, folded."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield str(value).casefold()
