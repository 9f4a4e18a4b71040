"""A class counts as untouched only while nothing was set on it, and each way of replacing its code is seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from dagwarden.validate.integrity import Snapshot

NAME = "airflow.providers.made_up"


class Operator:
    """As a package defines one."""

    def execute(self) -> int:
        return 1

    @property
    def shown(self) -> int:
        return 1

    @classmethod
    def make(cls) -> int:
        return 1


def other(self: object) -> int:
    return 2


@pytest.fixture
def kind() -> Iterator[type]:
    module, made = ModuleType(NAME), type("Operator", (), {**vars(Operator), "__module__": NAME})
    vars(module)["Operator"] = made
    sys.modules[NAME] = module
    yield made
    del sys.modules[NAME]


def replace_function(kind: Any) -> None:
    kind.execute = other


def replace_code(kind: Any) -> None:
    Operator.execute.__code__ = other.__code__


def replace_code_of_property(kind: Any) -> None:
    vars(kind)["shown"].fget.__code__ = other.__code__


def replace_code_of_method(kind: Any) -> None:
    vars(kind)["make"].__func__.__code__ = other.__code__


def add_function(kind: Any) -> None:
    kind.helper = other


@pytest.mark.parametrize(
    ("touch", "named"),
    [
        (add_function, ()),
        (replace_function, ("execute",)),
        (replace_code_of_property, ("shown",)),
        (replace_code_of_method, ("make",)),
        (replace_code, ("execute",)),
    ],
)
def test_what_is_set_on_a_class_is_seen(kind: type, touch: Callable[[Any], None], named: tuple[str, ...]) -> None:
    snapshot = Snapshot(lambda _: True)
    assert snapshot.is_as_it_was(kind)
    assert snapshot.find_patched([kind]) == ()
    touch(kind)
    assert not snapshot.is_as_it_was(kind)
    assert snapshot.find_patched([kind]) == tuple(f"{NAME}.Operator.{name}" for name in named)


def test_a_class_that_was_not_its_packages_own_is_never_taken_for_untouched(kind: type) -> None:
    assert not Snapshot(lambda _: False).is_as_it_was(kind)


def test_a_class_that_is_not_known_is_not_taken_for_untouched(kind: type) -> None:
    assert not Snapshot(lambda _: True).is_as_it_was(Operator)
