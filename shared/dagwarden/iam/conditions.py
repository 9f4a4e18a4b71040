"""Conditions of bindings, as far as they can be told without running them."""

from __future__ import annotations

import re

from dagwarden.iam.snapshot import Condition

_PREFIX = re.compile(r'\s*\(?\s*resource\.name\.startsWith\(\s*(?:"([^"\\]*)"|\'([^\'\\]*)\')\s*\)\s*\)?\s*')


def read_prefixes(condition: Condition) -> tuple[str, ...] | None:
    """The prefixes of resource names that a condition admits; None when it says anything else.

    >>> read_prefixes(Condition(expression='resource.name.startsWith("projects/_/buckets/b/objects/dags/")'))
    ('projects/_/buckets/b/objects/dags/',)
    """
    parts = [_PREFIX.fullmatch(part) for part in condition.expression.split("||")]
    return None if None in parts else tuple(part[1] or part[2] or "" for part in parts if part)


def may_hold(condition: Condition | None, resource_name: str) -> bool:
    """Whether a binding may hold for a resource, or for something whose name starts so.

    A condition that cannot be told counts as met: what is not known to be refused may be allowed.
    """
    prefixes = read_prefixes(condition) if condition else ("",)
    if prefixes is None:
        return True
    return any(resource_name.startswith(prefix) or prefix.startswith(resource_name) for prefix in prefixes)
