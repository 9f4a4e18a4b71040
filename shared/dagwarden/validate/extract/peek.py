"""Attributes of objects that may lie, read without running a line of theirs.

`getattr`, `isinstance`, `vars`, iteration ask the object: a property, a metaclass or `__getattribute__` of a DAG file
may answer what it likes. What is read here is what the interpreter itself keeps: the type, its order of bases, the
namespaces of classes, the dictionary and the slots of the instance, the storage of built-in containers.
"""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Final

MISSING: Final = object()
"""What is not there, where None could be."""

_TRUE_MRO = type.__dict__["__mro__"].__get__
_NAMESPACE = type.__dict__["__dict__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_FLAGS = type.__dict__["__flags__"].__get__
_HEAP = 1 << 9
_DAG_FILE = re.compile(r"\Aunusual_prefix_[0-9a-f]{40}_")
"""Source: airflow._shared.module_loading.MODIFIED_DAG_MODULE_NAME of 3.3.2."""
_NEVER_DESCRIPTORS = frozenset(
    {types.NoneType, types.FunctionType, bool, int, float, str, tuple, list, dict, set, frozenset}
)
_MODULE_NAMESPACE = type.__getattribute__(types.ModuleType, "__dict__")["__dict__"].__get__


class Unreadable(Exception):
    """Code of the file would have to run to learn this."""


def true_mro(kind: type) -> tuple[type, ...]:
    """The classes a class derives from, itself first; `mro` and `__mro__` of its metaclass are not asked."""
    order: tuple[type, ...] = _TRUE_MRO(kind)
    return order


def namespace(kind: type) -> Mapping[str, Any]:
    """What a class itself defines."""
    defined: Mapping[str, Any] = _NAMESPACE(kind)
    return defined


def module_namespace(module: types.ModuleType) -> dict[str, Any]:
    """The globals of a module.

    Raises:
        Unreadable: it is no module.
    """
    if not is_instance(module, types.ModuleType):
        raise Unreadable("module")
    found: dict[str, Any] = _MODULE_NAMESPACE(module)
    return found


def is_heap_type(kind: type) -> bool:
    """Whether a class was made by running code, rather than compiled in."""
    return bool(_FLAGS(kind) & _HEAP)


def qualified_name(kind: type) -> str:
    """Module and name of a class, as it was created or renamed; of a DAG file's without what Airflow puts before it."""
    module = namespace(kind).get("__module__")
    own: str = _QUALNAME(kind)
    return f"{_DAG_FILE.sub('', module, count=1)}.{own}" if type(module) is str else own


def derives_from(kind: type, base: type) -> bool:
    """Whether a class is another or has it among its bases; compared by identity, as metaclasses may define `==`."""
    for each in _TRUE_MRO(kind):  # noqa: SIM110 (the hottest spot: a generator costs twice as much)
        if each is base:
            return True
    return False


def is_instance(value: object, kind: type) -> bool:
    """Whether a value is one, whatever its `__class__` says."""
    return derives_from(type(value), kind)


def instance_dict(value: object) -> dict[str, Any]:
    """The instance's own dictionary; empty where it has none.

    Raises:
        Unreadable: its class hides it behind something of its own.
    """
    for kind in _TRUE_MRO(type(value)):
        found = _NAMESPACE(kind).get("__dict__", MISSING)
        if found is MISSING:
            continue
        if type(found) is not types.GetSetDescriptorType or found.__objclass__ is not kind:
            raise Unreadable("__dict__")
        inside = found.__get__(value)
        if type(inside) is not dict:
            raise Unreadable("__dict__")
        return inside
    return {}


def find_in_class(kind: type, name: str) -> tuple[Any, type | None]:
    """What a class has under a name and which of its bases says so; MISSING and None where none does."""
    for base in _TRUE_MRO(kind):
        defined = _NAMESPACE(base)
        if name in defined:
            return defined[name], base
    return MISSING, None


def peek(value: object, name: str) -> Any:
    """What `value.name` is before anything computes it: slot, instance dictionary or class, in Python's own order.

    A property is not asked, whoever defines it.

    Returns:
        MISSING where there is no such attribute.

    Raises:
        Unreadable: only code could tell.
    """
    found, owner = find_in_class(type(value), name)
    if type(found) is types.MemberDescriptorType and is_instance(value, found.__objclass__):
        try:
            return found.__get__(value)
        except AttributeError:
            return MISSING
    if owner is not None and _is_data_descriptor(found):
        raise Unreadable(name)
    held = dict.get(instance_dict(value), name, MISSING)
    return found if held is MISSING else held


def _is_data_descriptor(found: object) -> bool:
    kind = type(found)
    if type(kind) is type and kind in _NEVER_DESCRIPTORS:  # a metaclass of the file may define `hash`
        return False
    return any("__set__" in namespace(each) or "__delete__" in namespace(each) for each in true_mro(kind))


def items_of(value: object) -> Iterator[tuple[Any, Any]]:
    """What a dictionary stores, not what a subclass of it tells.

    Raises:
        Unreadable: it is none.
    """
    if not is_instance(value, dict):
        raise Unreadable("dict")
    yield from dict.items(value)  # type: ignore[arg-type]


_SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset)


def is_sequence(value: object) -> bool:
    """Whether it is a list, tuple or set, or stores what one does."""
    return any(is_instance(value, kind) for kind in _SEQUENCES)


def elements_of(value: object) -> Iterator[Any]:
    """What a list, tuple or set stores; sets in no order.

    Raises:
        Unreadable: it is none.
    """
    for kind in _SEQUENCES:
        if is_instance(value, kind):
            yield from kind.__iter__(value)  # type: ignore[attr-defined]
            return
    raise Unreadable("sequence")


def text_of(value: object) -> str:
    """The characters a string holds, also an enum's or another subclass's.

    Raises:
        Unreadable: it is no string.
    """
    if type(value) is str:
        return value
    if is_instance(value, str):
        return str.__str__(value)
    raise Unreadable("str")


def number_of(value: object) -> float | int | bool:
    """The number a value holds.

    Raises:
        Unreadable: it is none.
    """
    if type(value) is bool or type(value) is int or type(value) is float:
        return value
    if is_instance(value, int):
        return int.__index__(value)  # type: ignore[arg-type]
    if is_instance(value, float):
        return float.__pos__(value)  # type: ignore[arg-type]
    raise Unreadable("number")


def seconds_of(value: object) -> float:
    """The length of a timedelta, or a number of seconds.

    Raises:
        Unreadable: it is neither.
    """
    if is_instance(value, dt.timedelta):
        return dt.timedelta.total_seconds(value)  # type: ignore[arg-type]
    return float(number_of(value))


def moment_of(value: object) -> str:
    """A date and time in ISO 8601, as its own clock shows it; Airflow keeps those of DAGs in UTC.

    Raises:
        Unreadable: it is none.
    """
    if not is_instance(value, dt.datetime):
        raise Unreadable("datetime")
    parts = [getattr(dt.datetime, name).__get__(value) for name in ("year", "month", "day", "hour", "minute", "second")]
    year, month, day, hour, minute, second = parts
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
