"""Whether Airflow is still Airflow after a stranger's code ran: functions and classes compared by identity."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from types import CodeType, FunctionType, ModuleType
from typing import Any

from dagwarden.validate.extract.peek import namespace

GUARDED = ("airflow.sdk.definitions", "airflow.sdk.bases", "airflow.models", "dagwarden.validate")
"""Packages whose functions and classes must always be what they were. Looking costs a page of memory each."""
GUARDED_IF_USED = ("airflow.providers",)
"""Packages whose classes must be, where a task is one of them."""
BUILTINS = ("isinstance", "issubclass", "getattr", "type", "id", "dict", "str", "object", "super", "property")
MAX_NAMED = 20

CALLABLE = (FunctionType, classmethod, staticmethod, property)


class Original:
    """One function or class of a module or class, as it was."""

    __slots__ = ("code", "holder", "name", "value", "where")

    def __init__(self, where: str, holder: Mapping[str, Any], name: str, value: Any) -> None:
        self.where, self.holder, self.name, self.value = where, holder, name, value
        self.code = _code(value)

    def is_unchanged(self) -> bool:
        """Whether the name still means the same object, running the same code."""
        return self.holder.get(self.name) is self.value and _code(self.value) is self.code


class Snapshot:
    """What was imported when this was made, as it was then."""

    def __init__(self) -> None:
        seen: set[int] = set()
        known = vars(sys.modules["builtins"])
        self.always = [Original("builtins", known, name, known[name]) for name in BUILTINS]
        self.if_used: dict[int, list[Original]] = {}
        for name, module in list(sys.modules.items()):
            if type(module) is ModuleType and _lies_in(name, GUARDED):
                self.always += _of_module(name, module, seen)
            elif type(module) is ModuleType and _lies_in(name, GUARDED_IF_USED):
                self.if_used |= {id(kind): list(_of_class(where, kind)) for where, kind in _classes_of(name, module)}

    def find_patched(self, used: Iterable[type]) -> tuple[str, ...]:
        """The dotted names of what is no longer what it was, at most MAX_NAMED.

        Args:
            used: the classes of the tasks found, and those they descend from.
        """
        looked_at = chain(self.always, *(self.if_used.get(id(kind), ()) for kind in used))
        changed = (f"{original.where}.{original.name}" for original in looked_at if not original.is_unchanged())
        return tuple(islice(changed, MAX_NAMED))


def _lies_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _classes_of(name: str, module: ModuleType) -> Iterator[tuple[str, type]]:
    for each, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == name:
            yield f"{name}.{each}", value


def _of_module(name: str, module: ModuleType, seen: set[int]) -> Iterator[Original]:
    holder = vars(module)
    for each, value in list(holder.items()):
        if isinstance(value, type) or type(value) is FunctionType:
            yield Original(name, holder, each, value)
        if isinstance(value, type) and value.__module__ == name and id(value) not in seen:
            seen.add(id(value))
            yield from _of_class(f"{name}.{each}", value)


def _of_class(name: str, kind: type) -> Iterator[Original]:
    holder = namespace(kind)
    for each, value in list(holder.items()):
        if type(value) in CALLABLE:
            yield Original(name, holder, each, value)


def _code(value: Any) -> CodeType | None:
    if type(value) is FunctionType:
        return value.__code__
    if type(value) in (classmethod, staticmethod) and type(value.__func__) is FunctionType:
        return value.__func__.__code__
    return None
