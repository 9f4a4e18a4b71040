"""Whether Airflow is still Airflow after a stranger's code ran: functions and classes compared by identity."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from types import CodeType, FunctionType, ModuleType
from typing import Any

from dagwarden.validate.extract.originals import functions_of
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

    __slots__ = ("codes", "holder", "name", "value", "where")

    def __init__(self, where: str, holder: Mapping[str, Any], name: str, value: Any) -> None:
        self.where, self.holder, self.name, self.value = where, holder, name, value
        self.codes = _codes(value)

    def is_unchanged(self) -> bool:
        """Whether the name still means the same object, running the same code."""
        return self.holder.get(self.name) is self.value and list(map(id, _codes(self.value))) == list(
            map(id, self.codes)
        )

    def find_places(self) -> Iterator[int | None]:
        """The words of memory of which one is another if this is changed; None where that cannot be told by words."""
        yield find_version(_behind(self.holder))
        for function, code in zip(functions_of(self.value), self.codes, strict=True):
            if function is not self.value:
                yield find_pointer(self.value, function)
            yield find_pointer(function, code)


class Originals:
    """Functions and classes that are looked at together: only those whose words of memory changed."""

    def __init__(self, all_of_them: Iterable[Original]) -> None:
        self._by_place: dict[int | None, list[Original]] = {}
        for original in all_of_them:
            for place in original.find_places():
                self._by_place.setdefault(place, []).append(original)
        self._always = self._by_place.pop(None, [])
        self._words = Words(place for place in self._by_place if place is not None)

    def are_untouched(self) -> bool:
        """Whether nothing at all was set on what holds them; False where words do not tell, or where there are none."""
        return bool(self._by_place) and not self._always and not self._words.find_changed()

    def find_changed(self) -> Iterator[str]:
        """The dotted names of those that are no longer what they were."""
        suspects = [*self._always, *(each for place in self._words.find_changed() for each in self._by_place[place])]
        for original in dict.fromkeys(suspects):
            if not original.is_unchanged():
                yield f"{original.where}.{original.name}"


class Snapshot:
    """What was imported when this was made, as it was then.

    Args:
        is_own: whether all code of a class is its package's own.
    """

    def __init__(self, is_own: Callable[[type], bool]) -> None:
        kinds: dict[int, tuple[str, type]] = {}
        known = vars(sys.modules["builtins"])
        always = [Original("builtins", known, name, known[name]) for name in BUILTINS]
        self._if_used: dict[int, Originals] = {}
        for name, module in list(sys.modules.items()):
            if type(module) is ModuleType and _lies_in(name, GUARDED):
                always += _of_module(name, module, kinds)
            elif type(module) is ModuleType and _lies_in(name, GUARDED_IF_USED):
                found = {id(kind): (path, kind) for path, kind in _classes_of(name, module)}
                kinds |= found
                self._if_used |= {number: Originals(_of_class(path, kind)) for number, (path, kind) in found.items()}
        self._always = Originals(always)
        self._own = {
            number: (kind, self._if_used.get(number) or Originals(_of_class(path, kind)))
            for number, (path, kind) in kinds.items()
            if is_own(kind)
        }

    def is_as_it_was(self, kind: type) -> bool:
        """Whether nothing was set on a class since, whose code was its package's own; False where that is not known."""
        _, looked_at = self._own.get(id(kind), (None, None))
        return looked_at is not None and looked_at.are_untouched()

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


def _of_module(name: str, module: ModuleType, kinds: dict[int, tuple[str, type]]) -> Iterator[Original]:
    holder = vars(module)
    for each, value in list(holder.items()):
        if isinstance(value, type) or type(value) is FunctionType:
            yield Original(name, holder, each, value)
        if isinstance(value, type) and value.__module__ == name and id(value) not in kinds:
            kinds[id(value)] = f"{name}.{each}", value
            yield from _of_class(f"{name}.{each}", value)


def _of_class(name: str, kind: type) -> Iterator[Original]:
    holder = namespace(kind)
    for each, value in list(holder.items()):
        if type(value) in CALLABLE:
            yield Original(name, holder, each, value)


def _codes(value: Any) -> list[CodeType]:
    return [function.__code__ for function in functions_of(value)]


def _behind(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary itself, where a class shows a view of it."""
    found: dict[str, Any] = holder if type(holder) is dict else gc.get_referents(holder)[0]
    return found
