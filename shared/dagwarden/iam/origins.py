"""Who brought about what stands: the newest entry of the admin-activity log that added a grant or changed a setting."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from dagwarden.iam.finding import DeleteKey, IamFinding, Origin
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
    """One call that set a policy, made a key, or changed settings."""

    resource: str
    origin: Origin
    deltas: tuple[BindingDelta, ...] | None
    """None where the log does not tell what came and went."""
    settings: tuple[str, ...] = ()
    """What of the resource the call was to change: paths of settings, each with all within it, or ids of keys."""

    @property
    def added(self) -> tuple[Grant, ...]:
        """What came."""
        return tuple(
            Grant(resource=self.resource, role=delta.role, member=delta.member, condition=delta.condition)
            for delta in self.deltas or ()
            if delta.action is DeltaAction.ADD
        )


class Origins(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, as far as the log tells."""

    grants: Mapping[Grant, Origin]
    """Grant -> who added it last."""
    settings: tuple[tuple[str, str, Origin], ...]
    """Resource, what of it, and who changed that; the newest first."""

    def find(self, found: IamFinding) -> Origin | None:
        """Who brought about what was found."""
        if found.grant is not None:
            return self.grants.get(key_of(found.grant))
        what = found.fix.key_id if isinstance(found.fix, DeleteKey) else found.setting and found.setting.path
        if what:
            path = _fold(what)
            for resource, changed, origin in self.settings:
                if resource == found.resource and (path.startswith(changed) or changed.startswith(path)):
                    return origin
        return None


def index_origins(changes: Iterable[PolicyChange]) -> Origins:
    """What the calls brought about, by what it is."""
    ordered = sorted(changes, key=lambda change: change.origin.at)
    return Origins(
        grants={key_of(grant): change.origin for change in ordered for grant in change.added},
        settings=tuple(
            (change.resource, _fold(path), change.origin) for change in reversed(ordered) for path in change.settings
        ),
    )


def _fold(path: str) -> str:
    """A path as both its spellings have it (`nodeConfig`, `node_config`), and an end; the empty one is of everything.

    >>> _fold("config.node_config"), _fold("")
    ('config.nodeconfig.', '')
    """
    return f"{path.replace('_', '').lower()}." if path else ""


def key_of(grant: Grant) -> Grant:
    """The grant without what says nothing of when it holds: titles of conditions are not always logged."""
    if grant.condition is None:
        return grant
    return msgspec.structs.replace(grant, condition=Condition(expression=grant.condition.expression))


def add_origins(findings: Iterable[IamFinding], origins: Origins) -> tuple[IamFinding, ...]:
    """The findings, each with who brought it about, where that is known."""
    return tuple(msgspec.structs.replace(each, origin=origins.find(each) or each.origin) for each in findings)
