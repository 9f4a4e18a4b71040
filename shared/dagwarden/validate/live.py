"""Reading objects that may lie: from where Python keeps the values, never through the objects' own code."""

from __future__ import annotations

from collections.abc import Callable
from types import GetSetDescriptorType
from typing import Any

_MRO_OF = type.__dict__["__mro__"].__get__
_DICT_OF = type.__dict__["__dict__"].__get__
_KEYS: Any = dict.keys
_VALUES: Any = dict.values
_GET: Any = dict.get
_TEXT: Callable[[object], str] = str.__str__


def is_kind(value: object, kind: type) -> bool:
    """Whether the value's class really descends from `kind`, whatever `__class__` or a metaclass say."""
    return any(each is kind for each in _MRO_OF(type(value)))


def fields_of(value: object, base: type) -> dict[str, Any]:
    """The instance's own dictionary, read by the descriptor of `base`, which it descends from.

    Raises:
        TypeError: the instances of `base` have none, or it is not of that kind.
    """
    for kind in _MRO_OF(base):
        descriptor = _DICT_OF(kind).get("__dict__")
        if type(descriptor) is GetSetDescriptorType:
            fields = descriptor.__get__(value)
            if type(fields) is not dict:
                raise TypeError("its attributes are no dictionary")
            return fields
    raise TypeError(f"{base.__qualname__} keeps no dictionary")


def keys_of(value: object) -> list[object]:
    """The keys of a dictionary, or of what descends from one, as the dictionary has them.

    Raises:
        TypeError: it is none.
    """
    return list(_KEYS(value))


def values_of(value: object) -> list[Any]:
    """The values of a dictionary, or of what descends from one, as the dictionary has them.

    Raises:
        TypeError: it is none.
    """
    return list(_VALUES(value))


def kinds_of(kind: type) -> tuple[type, ...]:
    """A class and all it descends from, whatever its metaclass says."""
    return tuple(_MRO_OF(kind))


def get_item(value: object, key: str) -> Any:
    """What a dictionary, or what descends from one, holds under a key; None where it holds nothing.

    Raises:
        TypeError: it is none.
    """
    return _GET(value, key)


def text_of(value: object) -> str:
    """A string, or what descends from one, as plain text.

    Raises:
        TypeError: it is none.
    """
    return _TEXT(value)
