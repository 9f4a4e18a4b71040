"""A checked expression as CEL writes it down (`cel.expr.CheckedExpr`), read for what it uses and what it may not do.

Source: proto/cel/expr/syntax.proto and checked.proto of https://github.com/google/cel-spec.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from dagwarden.documents import suggest
from dagwarden.policy.conditions.types import read_fields

MAX_MACROS = 6
"""`all`, `exists`, `map`, `filter` and the like in one expression."""
MAX_CHAIN = 2
"""Of them, how many may stand in the list that another one walks, itself included: what a `map` makes can grow."""
MAX_SUMS = 16

_NOT_TAKEN = {
    "dyn": "`dyn` hides a type from the check",
    "type": "types are checked when the policy is loaded: `type` has nothing to ask",
}
_COMPARISONS = frozenset({"_==_", "_!=_", "@in"})
_MACRO_VARIABLES = ("@", "__")
"""How the names begin that macros make up."""

_INT, _TEXT, _SUB, _FLAG = (getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind}") for kind in
                            ("INT64", "STRING", "MESSAGE", "BOOL"))  # fmt: skip
_MESSAGES: dict[str, tuple[tuple[str, int, int, str], ...]] = {
    "CheckedExpr": (("type_map", 3, _SUB, "TypeEntry*"), ("expr", 4, _SUB, "Expr")),
    "TypeEntry": (("key", 1, _INT, ""), ("value", 2, _SUB, "Type")),
    "Type": (
        ("list_type", 6, _SUB, "ListType"),
        ("map_type", 7, _SUB, "MapType"),
        ("message_type", 9, _TEXT, ""),
    ),
    "ListType": (("elem_type", 1, _SUB, "Type"),),
    "MapType": (("key_type", 1, _SUB, "Type"), ("value_type", 2, _SUB, "Type")),
    "Expr": (
        ("id", 2, _INT, ""),
        ("const_expr", 3, _SUB, "Constant"),
        ("ident_expr", 4, _SUB, "Ident"),
        ("select_expr", 5, _SUB, "Select"),
        ("call_expr", 6, _SUB, "Call"),
        ("list_expr", 7, _SUB, "CreateList"),
        ("struct_expr", 8, _SUB, "CreateStruct"),
        ("comprehension_expr", 9, _SUB, "Comprehension"),
    ),
    "Constant": (("string_value", 6, _TEXT, ""),),
    "Ident": (("name", 1, _TEXT, ""),),
    "Select": (("operand", 1, _SUB, "Expr"), ("field", 2, _TEXT, ""), ("test_only", 3, _FLAG, "")),
    "Call": (("target", 1, _SUB, "Expr"), ("function", 2, _TEXT, ""), ("args", 3, _SUB, "Expr*")),
    "CreateList": (("elements", 1, _SUB, "Expr*"),),
    "CreateStruct": (("message_name", 1, _TEXT, ""), ("entries", 2, _SUB, "Entry*")),
    "Entry": (("map_key", 3, _SUB, "Expr"), ("value", 4, _SUB, "Expr")),
    "Comprehension": (
        ("iter_var", 1, _TEXT, ""),
        ("iter_range", 2, _SUB, "Expr"),
        ("accu_init", 4, _SUB, "Expr"),
        ("loop_condition", 5, _SUB, "Expr"),
        ("loop_step", 6, _SUB, "Expr"),
        ("result", 7, _SUB, "Expr"),
    ),
}  # fmt: skip
"""The parts of these messages that are read: (name, number, type, message; `*` where there may be many)."""


class Syntax(msgspec.Struct, frozen=True, kw_only=True):
    """What an expression uses, and what is wrong with its meaning."""

    variables: frozenset[str]
    names: frozenset[str]
    """Every field it reads, of whatever structure."""
    constants: tuple[tuple[str, str], ...]
    """Texts that a function reads as something else: (function, text), e.g. the pattern of `matches`."""
    power: int
    """How many loops lie within each other, each over a list of its own: so fast the steps grow; 0: no loop."""
    faults: tuple[str, ...]


def read_syntax(serialized: bytes, structures: Mapping[str, type[msgspec.Struct]]) -> Syntax:
    """Read what a checked expression uses.

    Args:
        serialized: an Any that holds a `cel.expr.CheckedExpr`.
        structures: those it may name.
    """
    checked: Any = _checked_expression().FromString(any_pb2.Any.FromString(serialized).value)
    types = {entry.key: entry.value for entry in checked.type_map}
    nodes = list(_walk(checked.expr))
    faults = [fault for check in _CHECKS for fault in check(nodes, types)]
    faults += _check_words(nodes, types, structures)
    return Syntax(
        variables=frozenset(node.ident_expr.name for node in nodes if node.HasField("ident_expr")),
        names=frozenset(node.select_expr.field for node in nodes if node.HasField("select_expr")),
        constants=tuple(_find_constants(nodes)),
        power=_find_power(checked.expr, frozenset()),
        faults=tuple(dict.fromkeys(faults)),
    )


@functools.cache
def _checked_expression() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="cel/expr.proto", package="cel.expr", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            message.field.add(
                name=field,
                number=number,
                type=kind,
                label=3 if of.endswith("*") else 1,
                type_name=f".cel.expr.{of.rstrip('*')}" if of else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("cel.expr.CheckedExpr"))


def _walk(message: Message) -> Iterator[Any]:
    """Every expression within a message, outer ones first."""
    if message.DESCRIPTOR.name == "Expr":
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if isinstance(value, Message) else value:
                yield from _walk(each)


def _find_power(message: Message, around: frozenset[str]) -> int:
    """How many loops lie within each other; what walks a list that an outer loop's item holds adds nothing.

    Args:
        around: the variables of the loops that it lies in.
    """
    loop: Any = getattr(message, "comprehension_expr", None)
    parts = [each for field, value in message.ListFields() if field.message_type is not None
             for each in ([value] if isinstance(value, Message) else value)]  # fmt: skip
    if loop is None or not message.HasField("comprehension_expr"):
        return max((_find_power(each, around) for each in parts), default=0)
    own = 0 if _find_root(loop.iter_range) in around else 1
    within = around | {loop.iter_var}
    step = max(_find_power(loop.loop_step, within), _find_power(loop.loop_condition, within))
    return max(_find_power(loop.iter_range, around), own + step)


def _find_root(node: Any) -> str:
    """The variable that a list is taken from; empty: none."""
    if node.HasField("select_expr"):
        return _find_root(node.select_expr.operand)
    if node.HasField("comprehension_expr"):
        return _find_root(node.comprehension_expr.iter_range)
    if node.HasField("call_expr"):
        given = next((each for _, given in _calls([node]) for each in given), None)
        return _find_root(given) if given is not None else ""
    return str(node.ident_expr.name)


def _calls(nodes: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Each call with all that it is given, the value it is called on first."""
    for node in nodes:
        if node.HasField("call_expr"):
            call = node.call_expr
            yield node, [*([call.target] if call.HasField("target") else []), *call.args]


def _check_functions(nodes: list[Any], _types: Mapping[int, Any]) -> Iterator[str]:
    for node, _ in _calls(nodes):
        if reason := _NOT_TAKEN.get(node.call_expr.function):
            yield reason
    for node in nodes:
        if node.HasField("struct_expr") and node.struct_expr.message_name:
            yield f"makes a {node.struct_expr.message_name}: conditions only read what there is"


def _check_comparisons(nodes: list[Any], types: Mapping[int, Any]) -> Iterator[str]:
    for node, given in _calls(nodes):
        if node.call_expr.function in _COMPARISONS:
            for each in given:
                if each.id in types and (name := _find_structure(types[each.id])):
                    yield f"compares a whole {name}: compare fields of it"


def _find_structure(kind: Any) -> str:
    """The structure that a type is or holds; empty: none."""
    if kind.HasField("list_type"):
        return _find_structure(kind.list_type.elem_type)
    if kind.HasField("map_type"):
        return _find_structure(kind.map_type.value_type)
    return str(kind.message_type)


def _check_patterns(nodes: list[Any], _types: Mapping[int, Any]) -> Iterator[str]:
    for node, given in _calls(nodes):
        if node.call_expr.function == "matches" and not (given and _read_texts(given[-1])):
            yield "the pattern of `matches` must be written out: what a push says must not become one"


def _check_size(nodes: list[Any], types: Mapping[int, Any]) -> Iterator[str]:
    loops = [node.comprehension_expr for node in nodes if node.HasField("comprehension_expr")]
    if len(loops) > MAX_MACROS:
        yield f"has {len(loops)} macros (`all`, `exists`, `map`, …); at most {MAX_MACROS} may be"
    for loop in loops:
        chain = 1 + sum(inner.HasField("comprehension_expr") for inner in _walk(loop.iter_range))
        if chain > MAX_CHAIN:
            yield f"chains {chain} macros; at most {MAX_CHAIN} may be chained"
    sums = [given for node, given in _calls(nodes) if node.call_expr.function == "_+_"]
    own = [given for given in sums if not given[0].ident_expr.name.startswith(_MACRO_VARIABLES)]
    if len(own) > MAX_SUMS:
        yield f"has {len(own)} sums; at most {MAX_SUMS} may be"
    if any(types[given[0].id].HasField("list_type") for given in own if given[0].id in types):
        yield "adds lists: ask of each of them instead"


_CHECKS: tuple[Callable[[list[Any], Mapping[int, Any]], Iterator[str]], ...] = (
    _check_functions,
    _check_comparisons,
    _check_patterns,
    _check_size,
)


def _check_words(
    nodes: list[Any], types: Mapping[int, Any], structures: Mapping[str, type[msgspec.Struct]]
) -> Iterator[str]:
    """Texts that a field of few words is compared with and can never be."""
    for node, given in _calls(nodes):
        if node.call_expr.function not in _COMPARISONS:
            continue
        texts = [text for each in given for text in _read_texts(each)]
        for each in given:
            if not each.HasField("select_expr") or each.select_expr.operand.id not in types:
                continue
            kind = structures.get(types[each.select_expr.operand.id].message_type)
            name = each.select_expr.field
            words = read_fields(kind)[name].words if kind else ()
            for text in texts:
                if words and text not in words:
                    yield f"`{name}` is never `{text}`{suggest(text, words)} (known: {', '.join(words)})"


def _read_texts(node: Any) -> list[str]:
    """The texts that an expression is, or lists."""
    if node.HasField("const_expr") and node.const_expr.HasField("string_value"):
        return [node.const_expr.string_value]
    return [text for each in node.list_expr.elements for text in _read_texts(each)]


def _find_constants(nodes: list[Any]) -> Iterator[tuple[str, str]]:
    for node, given in _calls(nodes):
        for text in _read_texts(given[-1]) if given else ():
            yield node.call_expr.function, text
