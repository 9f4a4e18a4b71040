"""The structures that conditions read, as CEL's checker wants their types and as its evaluator wants their values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from dagwarden.policy.conditions.absent import find_absent

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool

NUL_SHOWN = "\u2400"
"""What stands for NUL: cel-expr-python ends a text at its first NUL, so that `lake\\0x` would pass for `lake`."""


def _make_text(value: str) -> str:
    return str(value).replace("\0", NUL_SHOWN)


_SCALARS: dict[type[inspect.Type], tuple[str, Callable[[Any], object]]] = {
    inspect.StrType: ("TYPE_STRING", _make_text),
    inspect.EnumType: ("TYPE_STRING", _make_text),
    inspect.LiteralType: ("TYPE_STRING", _make_text),
    inspect.BoolType: ("TYPE_BOOL", bool),
    inspect.IntType: ("TYPE_INT64", int),
    inspect.FloatType: ("TYPE_DOUBLE", float),
}
"""Kind of a field -> its type as protobuf names it, and what makes its values plain."""


class FieldType(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a structure, as CEL has it: absent where its value is None."""

    name: str
    is_list: bool
    scalar: str
    make_plain: Callable[[Any], object]
    structure: type[msgspec.Struct] | None
    """What it holds instead of a scalar."""
    words: tuple[str, ...]
    """All that its texts can be; empty: anything."""


@functools.cache
def read_fields(kind: type[msgspec.Struct]) -> Mapping[str, FieldType]:
    """The fields of a structure by name."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.name: _read_field(field.name, field.type) for field in info.fields}


def find_structures(roots: Iterable[type[msgspec.Struct]]) -> dict[str, type[msgspec.Struct]]:
    """These structures and all that they hold, by the name CEL knows them by."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting = list(roots)
    while waiting:
        kind = waiting.pop()
        if kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting += [field.structure for field in read_fields(kind).values() if field.structure]
    return found


def declare(structures: Mapping[str, type[msgspec.Struct]]) -> DescriptorPool:
    """A pool with a message of each structure's name and fields: the form in which CEL takes types."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="dagwarden/conditions.proto", syntax="proto3")
    for name, kind in structures.items():
        message = file.message_type.add(name=name)
        for number, field in enumerate(read_fields(kind).values(), start=1):
            message.field.add(
                name=field.name,
                number=number,
                label=proto.LABEL_REPEATED if field.is_list else proto.LABEL_OPTIONAL,
                type=proto.TYPE_MESSAGE if field.structure else proto.Type.Value(field.scalar),
                type_name=f".{field.structure.__name__}" if field.structure else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def make_plain(value: msgspec.Struct, names: frozenset[str]) -> dict[str, object]:
    """The fields of these names, in `value` and all that it holds, as plain values; what is not known is left out."""
    plain: dict[str, object] = {}
    absent = find_absent(value, names)
    for field in _select(type(value), names):
        got = getattr(value, field.name)
        if got is None or field.name in absent:
            continue
        if field.structure is not None:
            plain[field.name] = [make_plain(each, names) for each in got] if field.is_list else make_plain(got, names)
        else:
            plain[field.name] = [*map(field.make_plain, got)] if field.is_list else field.make_plain(got)
    return plain


def count_items(plain: object) -> int:
    """How many items all the lists of a plain value hold together."""
    if isinstance(plain, dict):
        return sum(map(count_items, plain.values()))
    if isinstance(plain, list):
        return len(plain) + sum(count_items(each) for each in plain if isinstance(each, dict))
    return 0


@functools.lru_cache(maxsize=4096)
def _select(kind: type[msgspec.Struct], names: frozenset[str]) -> tuple[FieldType, ...]:
    return tuple(field for name, field in read_fields(kind).items() if name in names)


def _read_field(name: str, kind: inspect.Type) -> FieldType:
    kind = _strip(kind)
    is_list = isinstance(kind, inspect.VarTupleType | inspect.TupleType)
    if isinstance(kind, inspect.VarTupleType):
        kind = _strip(kind.item_type)
    elif isinstance(kind, inspect.TupleType):
        kind = _strip(kind.item_types[0])
    structure = kind.cls if isinstance(kind, inspect.StructType) else None
    scalar, plain = _SCALARS[inspect.StrType if structure else type(kind)]
    return FieldType(
        name=name, is_list=is_list, scalar=scalar, make_plain=plain, structure=structure, words=_list_words(kind)
    )


def _strip(kind: inspect.Type) -> inspect.Type:
    """The type without its constraints, and without None."""
    if isinstance(kind, inspect.Metadata):
        return _strip(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _strip(next(each for each in kind.types if not isinstance(each, inspect.NoneType)))
    return kind


def _list_words(kind: inspect.Type) -> tuple[str, ...]:
    if isinstance(kind, inspect.EnumType):
        return tuple(str(member.value) for member in kind.cls)
    if isinstance(kind, inspect.LiteralType):
        return tuple(str(word) for word in kind.values)
    return ()
