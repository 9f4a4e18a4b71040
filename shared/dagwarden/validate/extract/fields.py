"""Single attributes of live objects as values of the model; what cannot be read is noted, never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from dagwarden.validate.extract.flatten import Budget
from dagwarden.validate.extract.originals import Originals, read
from dagwarden.validate.extract.peek import (
    MISSING,
    Unreadable,
    elements_of,
    is_instance,
    is_sequence,
    items_of,
    number_of,
    seconds_of,
    text_of,
)
from dagwarden.validate.model import MAX_EDGES, MAX_FACTS, MAX_ITEMS, MAX_TASKS, MAX_TEXT, Cut
from dagwarden.validate.plain import Suspect

T = TypeVar("T")


class Limits(msgspec.Struct, kw_only=True):
    """How much more of one file the model holds, and what was left out of it."""

    tasks: int = MAX_TASKS
    edges: int = MAX_EDGES
    budget: Budget = msgspec.field(default_factory=Budget)
    cuts: list[Cut] = msgspec.field(default_factory=list)
    suspects: list[Suspect] = msgspec.field(default_factory=list)

    def cut(self, what: str, kept: int, of: int) -> None:
        """Note that something was more than is kept; the first few notes stand for all."""
        if kept < of and len(self.cuts) < MAX_FACTS:
            self.cuts.append(Cut(what=what[:MAX_TEXT], kept=kept, of=of))


class Fields(msgspec.Struct, kw_only=True):
    """The attributes of one live object."""

    look_up: Callable[[str], Any]
    """What it has under a name; MISSING for nothing; Unreadable where only code could tell."""
    limits: Limits
    unreadable: list[str] = msgspec.field(default_factory=list)

    def take(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """One attribute; None where there is none, or where it cannot be read, which is noted."""
        try:
            found = self.look_up(name)
            return None if found is MISSING or found is None else convert(found)
        except Unreadable:
            self.unreadable.append(name)
            return None

    def is_set(self, name: str) -> bool:
        """Whether an attribute is true."""
        return bool(self.take(name, number_of))

    def names(self, name: str) -> tuple[str, ...]:
        """The texts of a list, or the keys of a dictionary, in their order; those of a set sorted."""
        found = self.take(name, lambda value: names_of(value, name, self.limits))
        return found or ()


def fields_of(originals: Originals, value: object, limits: Limits) -> Fields:
    """The attributes of an object, as `read` reads them."""
    return Fields(look_up=lambda name: read(originals, value, name), limits=limits)


def names_of(value: Any, what: str, limits: Limits) -> tuple[str, ...]:
    """Texts, each cut to what the model holds.

    Raises:
        Unreadable: it holds none.
    """
    if is_instance(value, dict):
        found = [short(key) for key, _ in items_of(value)]
    elif is_sequence(value):
        found = [short(each) for each in elements_of(value)]
        if is_instance(value, set) or is_instance(value, frozenset):
            found.sort()
    else:
        found = [short(value)]
    limits.cut(what, MAX_ITEMS, len(found))
    return tuple(found[:MAX_ITEMS])


def short(value: object) -> str:
    """A text as long as the model holds.

    Raises:
        Unreadable: it is none.
    """
    return text_of(value)[:MAX_TEXT]


def whole(value: object) -> int:
    """A whole number.

    Raises:
        Unreadable: it is none, or more than 64 bits hold.
    """
    found = number_of(value)
    if found != found or abs(found) >= 1 << 63:  # noqa: PLR0124 (only NaN is not itself)
        raise Unreadable("number")
    return int(found)


def length(value: object) -> int:
    """Of a text.

    Raises:
        Unreadable: it is none.
    """
    return len(text_of(value))


def truth(value: object) -> bool:
    """Whether a number or bool is true.

    Raises:
        Unreadable: it is neither.
    """
    return bool(number_of(value))


def seconds(value: object) -> float:
    """A length of time that JSON can hold.

    Raises:
        Unreadable: it is none, or not finite.
    """
    found = seconds_of(value)
    if found != found or abs(found) == float("inf"):  # noqa: PLR0124 (only NaN is not itself)
        raise Unreadable("seconds")
    return found
