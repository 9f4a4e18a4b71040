"""What changed is seen in memory, without looking at the objects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from dagwarden.validate.integrity import Original, Originals
from dagwarden.validate.words import Words, find_pointer, find_version

TEXT = """
class Held:
    def plain(self): return 1
    @classmethod
    def of_class(cls): return 1
    @staticmethod
    def static(): return 1
    @property
    def known(self): return 1
def free(): return 1
def other(): return 2
"""


def make_module() -> ModuleType:
    module = ModuleType("made")
    exec(TEXT, vars(module))
    return module


def watch(module: ModuleType) -> Originals:
    inside, outside = vars(module.Held), vars(module)
    of_class = [Original("made.Held", inside, name, inside[name]) for name in ("plain", "of_class", "static", "known")]
    return Originals([*of_class, *(Original("made", outside, name, outside[name]) for name in ("free", "Held"))])


CHANGES: dict[str, Callable[[ModuleType], object]] = {
    "made.free": lambda module: setattr(module, "free", module.other),
    "made.Held": lambda module: setattr(module, "Held", type("Held", (), {})),
    "made.Held.plain": lambda module: setattr(module.Held, "plain", module.other),
    "made.Held.of_class": lambda module: type.__delattr__(module.Held, "of_class"),
    "made.Held.static": lambda module: setattr(module.Held.static, "__code__", module.other.__code__),
    "made.Held.known": lambda module: setattr(module.Held, "known", property(module.other)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_kind_of_change_is_named(name: str) -> None:
    module = make_module()
    originals = watch(module)
    CHANGES[name](module)
    assert list(originals.find_changed()) == [name]


def test_code_put_into_a_function_and_a_method_initialised_anew_are_named() -> None:
    module = make_module()
    originals = watch(module)
    module.free.__code__ = module.other.__code__
    vars(module.Held)["of_class"].__init__(module.other)
    assert sorted(originals.find_changed()) == ["made.Held.of_class", "made.free"]


def test_what_is_put_back_or_added_is_no_change() -> None:
    module = make_module()
    originals = watch(module)
    was, module.free = module.free, module.other
    module.free = was
    module.Held.more = 1
    assert list(originals.find_changed()) == []


def test_python_of_this_version_is_read_by_words() -> None:
    assert sys.version_info[:2] == (3, 11)
    held: dict[str, object] = {}
    place = find_version(held)
    assert place is not None
    words = Words([place])
    assert words.find_changed() == []
    held["a"] = 1
    assert words.find_changed() == [place]
    assert find_pointer(make_module, make_module.__code__) is not None
    assert find_pointer(make_module, object()) is None
