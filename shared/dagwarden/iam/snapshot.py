"""IAM as it was at one moment: policies on resources, settings of buckets, service accounts and their keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # functions that only write findings start without what reads documents
    from dagwarden.iam.composer import ComposerState

PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})

PROJECT, BUCKET, ACCOUNT = "projects/", "buckets/", "serviceAccounts/"
"""What names of resources start with: `projects/P`, `buckets/B`, `serviceAccounts/E-MAIL`."""
OTHER = "//"
"""What names of things of other services start with: `//pubsub.googleapis.com/projects/P/topics/T`.

Source: cloud.google.com/iam/docs/full-resource-names."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a binding holds: an expression in CEL."""

    expression: str
    title: str = ""
    description: str = ""


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A role and who holds it."""

    role: str
    members: tuple[str, ...]
    condition: Condition | None = None


class AuditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which Data Access logs a project keeps of one service."""

    service: str
    log_types: tuple[str, ...]
    exempted: tuple[str, ...] = ()


class ResourcePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy on one resource."""

    resource: str
    bindings: tuple[Binding, ...]
    etag: str = ""
    audit_configs: tuple[AuditConfig, ...] | None = None
    """None where they were not looked at."""


class BucketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket is set to."""

    name: str
    has_uniform_access: bool
    prevents_public_access: bool
    is_versioned: bool
    project: str = ""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a service account."""

    key_id: str
    is_user_managed: bool
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    is_disabled: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One service account."""

    email: str
    is_disabled: bool = False
    keys: tuple[Key, ...] = ()


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The names that the parts of a Dagwarden have in one environment."""

    environment: str
    project: str
    inbox: str
    ledger: str
    store: str
    environment_bucket: str = ""
    """Empty where agents alone bring the files."""
    composer: str = ""
    """Its full name in Cloud Composer; empty where that does not run it."""
    accounts: tuple[str, ...] = ()
    """E-mails of the service accounts that environment.yaml says its components run as."""

    @property
    def buckets(self) -> tuple[str, ...]:
        """All buckets there are."""
        return tuple(name for name in (self.inbox, self.ledger, self.store, self.environment_bucket) if name)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """As much of the IAM of an environment as was read; what was not read is absent, and nothing is said of it."""

    places: Places
    policies: tuple[ResourcePolicy, ...] = ()
    buckets: tuple[BucketSettings, ...] = ()
    accounts: tuple[Account, ...] = ()
    roles: Mapping[str, frozenset[str] | None] = msgspec.field(default_factory=dict)
    """Permissions of the roles that the table does not have; None where they could not be read."""
    composer: ComposerState | None = None
    """None where Cloud Composer does not run the environment, or its settings were not looked at."""
    is_whole: bool = False
    """Whether everything was read: only then does something absent mean that it is not there."""
    taken_at: dt.datetime


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One member of one binding."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None


def list_grants(policies: tuple[ResourcePolicy, ...]) -> Iterator[Grant]:
    """Every member of every binding."""
    for policy in policies:
        for binding in policy.bindings:
            for member in binding.members:
                yield Grant(resource=policy.resource, role=binding.role, member=member, condition=binding.condition)


def name_project(project: str) -> str:
    """`projects/P`."""
    return PROJECT + project


def name_bucket(bucket: str) -> str:
    """`buckets/B`."""
    return BUCKET + bucket


def name_account(email: str) -> str:
    """`serviceAccounts/E-MAIL`."""
    return ACCOUNT + email


def name_other(service: str, name: str) -> str:
    """`//pubsub.googleapis.com/projects/P/topics/T`."""
    return f"{OTHER}{service}/{name}"


def name_environment(composer: str) -> str:
    """`//composer.googleapis.com/projects/P/locations/L/environments/E`."""
    return name_other("composer.googleapis.com", composer)
