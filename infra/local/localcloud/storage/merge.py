"""Merging patches into resources, as HTTP PATCH of the JSON API does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`target` with `patch` laid over it: null removes, objects merge, everything else replaces.

    Source: RFC 7396.

    >>> merge_patch({"a": 1, "m": {"x": "1", "y": "2"}}, {"a": None, "m": {"y": None, "z": "3"}})
    {'m': {'x': '1', 'z': '3'}}
    """
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            before = merged.get(key)
            merged[key] = merge_patch(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
