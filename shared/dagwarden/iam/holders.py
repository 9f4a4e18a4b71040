"""Who holds a permission on something, and by what: through a binding, a basic role, or the right to grant it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dagwarden.iam.conditions import may_hold, read_prefixes
from dagwarden.iam.members import CONVENIENCE, parse_member
from dagwarden.iam.roles import find_permissions
from dagwarden.iam.snapshot import Grant, Snapshot, list_grants, name_project


class Holder(msgspec.Struct, frozen=True):
    """A member, and the step by which it holds something."""

    member: str
    step: str


def list_holders(snapshot: Snapshot, permission: str, resource: str, names: tuple[str, ...] = ("",)) -> list[Holder]:
    """Who holds a permission on a resource, by its policy or its project's; convenience members spelt out.

    Args:
        names: full names of objects, or what they start with; a binding under a condition counts if it may hold for
            one of them. The empty one stands for the resource whole.
    """
    project = name_project(snapshot.places.project)
    found: list[Holder] = []
    for grant in list_grants(snapshot.policies):
        if grant.resource not in (resource, project) or not _permits(snapshot, grant, permission):
            continue
        if any(may_hold(grant.condition, name) for name in names):
            found += _spell_out(snapshot, grant)
    return list(dict.fromkeys(found))


def _permits(snapshot: Snapshot, grant: Grant, permission: str) -> bool:
    return permission in (find_permissions(grant.role, snapshot) or ())


def _spell_out(snapshot: Snapshot, grant: Grant) -> Iterator[Holder]:
    step = f"{grant.role} on {grant.resource}{_say_condition(grant)}"
    member = parse_member(grant.member)
    if member.kind not in CONVENIENCE:
        yield Holder(grant.member, step)
        return
    basic, project = CONVENIENCE[member.kind], name_project(member.name)
    for other in list_grants(snapshot.policies):
        if other.resource == project and other.role == basic:
            yield Holder(other.member, f"{basic} on {project}, so {step}")


def _say_condition(grant: Grant) -> str:
    if grant.condition is None:
        return ""
    prefixes = read_prefixes(grant.condition)
    if prefixes is None:
        return f" if {grant.condition.expression}"
    return f" under {' and '.join(prefix.rpartition('/objects/')[2] or prefix for prefix in prefixes)}"
