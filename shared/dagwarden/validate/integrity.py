"""Whether Airflow is still Airflow after a stranger's code ran: functions and classes compared by identity."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

GUARDED = ("airflow", "msgspec", "dagwarden.validate")
"""Packages whose functions and classes must stay what they were."""
LEFT_OUT = ("airflow.example_dags", "airflow.migrations")
BUILTINS = ("isinstance", "issubclass", "getattr", "type", "id", "dict", "str", "object", "super", "property")
MAX_NAMED = 20

CALLABLE = (FunctionType, classmethod, staticmethod, property)

_mapping_of = type.__dict__["__dict__"].__get__


class Original:
    """One function or class of a module or class, as it was."""

    __slots__ = ("code", "holder", "name", "value", "where")

    def __init__(self, where: str, holder: Mapping[str, Any], name: str, value: Any) -> None:
        self.where, self.holder, self.name, self.value = where, holder, name, value
        self.code = _code(value)

    def is_unchanged(self) -> bool:
        """Whether the name still means the same object, running the same code."""
        return self.holder.get(self.name) is self.value and _code(self.value) is self.code


def take_originals() -> list[Original]:
    """Every function and class of the guarded packages that are imported now."""
    modules = [(name, module) for name, module in list(sys.modules.items()) if _is_guarded(name, module)]
    seen: set[int] = set()
    originals = [original for name, module in modules for original in _of_module(name, module, seen)]
    known = vars(sys.modules["builtins"])
    return originals + [Original("builtins", known, name, known[name]) for name in BUILTINS]


def find_patched(originals: list[Original]) -> tuple[str, ...]:
    """The dotted names of what is no longer what it was, at most MAX_NAMED."""
    changed = (f"{original.where}.{original.name}" for original in originals if not original.is_unchanged())
    return tuple(name for name, _ in zip(changed, range(MAX_NAMED), strict=False))


def _is_guarded(name: str, module: ModuleType | None) -> bool:
    if type(module) is not ModuleType or name.startswith(LEFT_OUT):
        return False
    return any(name == package or name.startswith(f"{package}.") for package in GUARDED)


def _of_module(name: str, module: ModuleType, seen: set[int]) -> Iterator[Original]:
    holder = vars(module)
    for each, value in list(holder.items()):
        if isinstance(value, type) or type(value) is FunctionType:
            yield Original(name, holder, each, value)
        if isinstance(value, type) and value.__module__ == name and id(value) not in seen:
            seen.add(id(value))
            yield from _of_class(f"{name}.{each}", value)


def _of_class(name: str, kind: type) -> Iterator[Original]:
    holder = _mapping_of(kind)
    for each, value in list(holder.items()):
        if type(value) in CALLABLE:
            yield Original(name, holder, each, value)


def _code(value: Any) -> CodeType | None:
    if type(value) is FunctionType:
        return value.__code__
    if type(value) in (classmethod, staticmethod) and type(value.__func__) is FunctionType:
        return value.__func__.__code__
    return None
