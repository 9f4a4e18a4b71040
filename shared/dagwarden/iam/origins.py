"""Who brought about what stands in a policy: the newest entry of the admin-activity log that added it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from dagwarden.iam.finding import IamFinding, Origin
from dagwarden.iam.snapshot import Condition, Grant


class DeltaAction(enum.StrEnum):
    """What became of a member of a binding."""

    ADD = "ADD"
    REMOVE = "REMOVE"


class BindingDelta(msgspec.Struct, frozen=True, kw_only=True):
    """One member that came or went.

    Source: google/iam/v1/policy.proto, BindingDelta.
    """

    action: DeltaAction
    role: str
    member: str
    condition: Condition | None = None


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One call that set a policy, or made a key."""

    resource: str
    origin: Origin
    deltas: tuple[BindingDelta, ...] | None
    """None where the log does not tell what came and went."""

    @property
    def added(self) -> tuple[Grant, ...]:
        """What came."""
        return tuple(
            Grant(resource=self.resource, role=delta.role, member=delta.member, condition=delta.condition)
            for delta in self.deltas or ()
            if delta.action is DeltaAction.ADD
        )


def index_origins(changes: Iterable[PolicyChange]) -> Mapping[Grant, Origin]:
    """Grant -> who added it last."""
    ordered = sorted(changes, key=lambda change: change.origin.at)
    return {key_of(grant): change.origin for change in ordered for grant in change.added}


def key_of(grant: Grant) -> Grant:
    """The grant without what says nothing of when it holds: titles of conditions are not always logged."""
    if grant.condition is None:
        return grant
    return msgspec.structs.replace(grant, condition=Condition(expression=grant.condition.expression))


def add_origins(findings: Iterable[IamFinding], origins: Mapping[Grant, Origin]) -> tuple[IamFinding, ...]:
    """The findings, each with who brought its grant about, where that is known."""
    return tuple(
        msgspec.structs.replace(each, origin=origins.get(key_of(each.grant), each.origin)) if each.grant else each
        for each in findings
    )
