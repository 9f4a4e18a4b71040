"""IAM as tests write it down: short."""

from __future__ import annotations

import datetime as dt

from dagwarden.iam.snapshot import Binding, Condition, Places, ResourcePolicy, Snapshot
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
PLACES = Places(
    environment="prod", project="p", inbox="inbox", ledger="ledger", store="store", environment_bucket="composer"
)
HEAD = "apiVersion: dagwarden/v1\nkind: Policy\n"


def write_policy(iam: str = "", rest: str = "") -> Policy:
    """A policy with this `iam` section (indented as it stands in the file)."""
    return load_policy(f"{HEAD}{rest}{'iam:' if iam else ''}\n{iam}".encode())


def on(resource: str, *bindings: tuple[str, str] | tuple[str, str, str]) -> ResourcePolicy:
    """A policy from (role, member) or (role, member, expression of its condition)."""
    return ResourcePolicy(
        resource=resource,
        bindings=tuple(
            Binding(
                role=binding[0],
                members=(binding[1],),
                condition=Condition(expression=binding[2]) if len(binding) == 3 else None,
            )
            for binding in bindings
        ),
        etag="e1",
    )


def under(bucket: str, prefix: str) -> str:
    """The condition that a binding is for objects whose names begin so."""
    return f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{prefix}")'


def take(*policies: ResourcePolicy, **more: object) -> Snapshot:
    """A snapshot of these policies."""
    known: dict[str, object] = {"roles": {"roles/browser": frozenset()}, **more}
    return Snapshot(places=PLACES, policies=policies, taken_at=NOW, **known)  # type: ignore[arg-type]
