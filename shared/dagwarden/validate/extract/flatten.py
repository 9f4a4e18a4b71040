"""Live arguments made plain, with bounds on depth and size."""

from __future__ import annotations

import datetime as dt
import types
from typing import Any

import msgspec

from dagwarden.validate.extract.originals import Originals, is_library
from dagwarden.validate.extract.peek import (
    Unreadable,
    elements_of,
    instance_dict,
    is_instance,
    is_sequence,
    items_of,
    number_of,
    qualified_name,
    seconds_of,
    text_of,
)
from dagwarden.validate.model import Known
from dagwarden.validate.plain import Opaque, Plain

MAX_DEPTH = 16
MAX_NODES_OF_A_FILE = 500_000
MAX_NODES_OF_AN_ARGUMENT = 10_000
MAX_CHARACTERS = 65_536
"""Of one text: commands and queries are looked through for e-mails of service accounts."""

MODELS = ("kubernetes.", "kubernetes_asyncio.", "airflow.providers.cncf.kubernetes.")
"""Packages whose objects are read as the dictionaries they keep: V1Pod and its parts, Secret."""
_AS_THEY_ARE = (bool, int, float, str)
_NO_PART_OF_A_MODEL = ("local_vars_configuration", "discriminator")


class Budget(msgspec.Struct, kw_only=True):
    """How much more may be read."""

    nodes: int = MAX_NODES_OF_A_FILE
    of_this_argument: int = MAX_NODES_OF_AN_ARGUMENT
    was_exceeded: bool = False

    def take(self) -> bool:
        """Whether one more value may be read."""
        if self.nodes <= 0 or self.of_this_argument <= 0:
            self.was_exceeded = True
            return False
        self.nodes -= 1
        self.of_this_argument -= 1
        return True


def flatten(originals: Originals, value: object, budget: Budget) -> Plain:
    """A live argument as a plain value; nothing of it is called."""
    budget.of_this_argument = MAX_NODES_OF_AN_ARGUMENT
    return _flatten(originals, value, budget, MAX_DEPTH)


def _flatten(originals: Originals, value: Any, budget: Budget, depth: int) -> Plain:
    kind = type(value)
    if value is None or any(kind is plain for plain in _AS_THEY_ARE):
        return value[:MAX_CHARACTERS] if kind is str else value  # type: ignore[no-any-return]
    if depth <= 0 or not budget.take():
        return Opaque(Known.UNREADABLE, "more than is read")
    if is_resolved_later(originals, value):
        return Opaque(Known.TEMPLATED, qualified_name(kind))
    if not is_library(originals, kind):
        return Opaque(Known.UNREADABLE, qualified_name(kind))
    try:
        return _flatten_library(originals, value, budget, depth)
    except Unreadable:
        return Opaque(Known.UNREADABLE, qualified_name(kind))


def is_resolved_later(originals: Originals, value: object) -> bool:
    """Whether it stands for something that is known at run time only."""
    return any(is_instance(value, kind) for kind in originals.resolved_later)


def _flatten_library(originals: Originals, value: Any, budget: Budget, depth: int) -> Plain:
    if is_instance(value, dict):
        return {
            key: _flatten(originals, held, budget, depth - 1)
            for name, held in items_of(value)
            if budget.take() and (key := _key(name))
        }
    if is_sequence(value):
        return [_flatten(originals, each, budget, depth - 1) for each in elements_of(value) if budget.take()]
    if is_instance(value, str):
        return text_of(value)[:MAX_CHARACTERS]
    if is_instance(value, int) or is_instance(value, float):
        return number_of(value)
    if is_instance(value, dt.timedelta):
        return seconds_of(value)
    if is_instance(value, types.MappingProxyType):
        raise Unreadable("mappingproxy")
    if qualified_name(type(value)).startswith(MODELS):
        held = instance_dict(value)
        names = {name: name.lstrip("_") for name in held if type(name) is str}
        return {
            own: _flatten(originals, held[name], budget, depth - 1)
            for name, own in names.items()
            if own not in _NO_PART_OF_A_MODEL and held[name] is not None and budget.take()
        }
    raise Unreadable(qualified_name(type(value)))


def _key(name: object) -> str:
    try:
        return text_of(name)[:256]
    except Unreadable:
        return f"<{qualified_name(type(name))}>"
