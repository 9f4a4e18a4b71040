"""Whether Airflow is still Airflow after a stranger's code ran: functions and classes compared by identity."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from types import CodeType, FunctionType, ModuleType
from typing import Any

from dagwarden.validate.extract.peek import namespace
from dagwarden.validate.words import Words, find_pointer, find_version

GUARDED = ("airflow.sdk.definitions", "airflow.sdk.bases", "airflow.models", "dagwarden.validate")
"""Packages whose functions and classes must always be what they were."""
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

    def find_places(self) -> Iterator[int | None]:
        """The words of memory of which one is another if this is changed; None where that cannot be told by words."""
        yield find_version(_behind(self.holder))
        if self.code is not None:
            function = self.value
            if type(function) is not FunctionType:
                function = function.__func__
                yield find_pointer(self.value, function)
            yield find_pointer(function, self.code)


class Originals:
    """Functions and classes that are looked at together: only those whose words of memory changed."""

    def __init__(self, all_of_them: Iterable[Original]) -> None:
        self._by_place: dict[int | None, list[Original]] = {}
        for original in all_of_them:
            for place in original.find_places():
                self._by_place.setdefault(place, []).append(original)
        self._always = self._by_place.pop(None, [])
        self._words = Words(place for place in self._by_place if place is not None)

    def find_changed(self) -> Iterator[str]:
        """The dotted names of those that are no longer what they were."""
        suspects = [*self._always, *(each for place in self._words.find_changed() for each in self._by_place[place])]
        for original in dict.fromkeys(suspects):
            if not original.is_unchanged():
                yield f"{original.where}.{original.name}"


class Snapshot:
    """What was imported when this was made, as it was then."""

    def __init__(self) -> None:
        seen: set[int] = set()
        known = vars(sys.modules["builtins"])
        always = [Original("builtins", known, name, known[name]) for name in BUILTINS]
        self._if_used: dict[int, Originals] = {}
        for name, module in list(sys.modules.items()):
            if type(module) is ModuleType and _lies_in(name, GUARDED):
                always += _of_module(name, module, seen)
            elif type(module) is ModuleType and _lies_in(name, GUARDED_IF_USED):
                self._if_used |= {
                    id(kind): Originals(_of_class(path, kind)) for path, kind in _classes_of(name, module)
                }
        self._always = Originals(always)

    def find_patched(self, used: Iterable[type]) -> tuple[str, ...]:
        """The dotted names of what is no longer what it was, at most MAX_NAMED.

        Args:
            used: the classes of the tasks found, and those they descend from.
        """
        looked_at = [self._always, *(self._if_used[id(kind)] for kind in used if id(kind) in self._if_used)]
        return tuple(islice(chain.from_iterable(each.find_changed() for each in looked_at), MAX_NAMED))


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


def _behind(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary itself, where a class shows a view of it."""
    found: dict[str, Any] = holder if type(holder) is dict else gc.get_referents(holder)[0]
    return found
