"""Takes snapshots of IAM: of everything around an environment, or of the one thing that changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from dagwarden.cloud.composer import read_state
from dagwarden.cloud.iam import Iam
from dagwarden.cloud.logs import Log
from dagwarden.errors import NotFound
from dagwarden.events.iam_changes import METHODS, read_logged_change
from dagwarden.iam.origins import Origins, PolicyChange, index_origins
from dagwarden.iam.roles import list_unknown
from dagwarden.iam.snapshot import (
    Account,
    BucketSettings,
    Places,
    ResourcePolicy,
    Snapshot,
    name_account,
    name_bucket,
    name_project,
)

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.iam.watch import Watch

ACTIVITY_LOG = "cloudaudit.googleapis.com%2Factivity"
MOST_ENTRIES = 2_000
"""How many of the newest changes are looked through for who set a binding; older ones are not told."""


def read_all(cloud: Cloud, watch: Watch, now: dt.datetime) -> Snapshot:
    """The whole IAM around an environment and, where Cloud Composer runs it, its settings.

    Raises:
        AccessDenied: this identity may not read the IAM; settings that it may not read are told as such.
    """
    whole = read_whole(cloud.iam, watch.places, now)
    return msgspec.structs.replace(whole, composer=read_state(cloud.composer, watch.described))


def read_whole(iam: Iam, places: Places, now: dt.datetime) -> Snapshot:
    """All policies, settings, accounts and keys around an environment; a bucket that is not there is left out.

    Raises:
        AccessDenied: this identity may not read them.
    """
    accounts = tuple(
        msgspec.structs.replace(account, keys=iam.read_keys(account.email, places.project))
        for account in iam.list_accounts(places.project)
    )
    resources = (
        name_project(places.project),
        *(name_bucket(bucket) for bucket in places.buckets),
        *(name_account(account.email) for account in accounts),
    )
    policies = (find_policy(iam, resource, places.project) for resource in resources)
    snapshot = Snapshot(
        places=places,
        policies=tuple(policy for policy in policies if policy),
        buckets=tuple(_find_buckets(iam, places)),
        accounts=accounts,
        is_whole=True,
        taken_at=now,
    )
    return read_roles(iam, snapshot)


def read_roles(iam: Iam, snapshot: Snapshot) -> Snapshot:
    """The snapshot with the permissions of every role in it that the table does not have."""
    unknown = iam.read_roles(list_unknown(snapshot))
    return msgspec.structs.replace(snapshot, roles={**snapshot.roles, **unknown})


def find_policy(iam: Iam, resource: str, project: str) -> ResourcePolicy | None:
    """The policy on a resource; None where there is no such resource (any more)."""
    try:
        return iam.read_policy(resource, project)
    except NotFound:
        return None


def find_bucket(iam: Iam, name: str) -> tuple[BucketSettings, ...]:
    """What a bucket is set to; empty where there is none (any more)."""
    try:
        return (iam.read_bucket(name),)
    except NotFound:
        return ()


def read_account(iam: Iam, email: str, project: str) -> Account:
    """A service account with its keys."""
    return Account(email=email, keys=iam.read_keys(email, project))


def read_origins(log: Log, since: dt.datetime, *known: PolicyChange) -> Origins:
    """Who added what stands in policies, and changed settings, as far as the admin-activity log tells.

    Args:
        log: that log, see ACTIVITY_LOG.
        known: changes that it may not show yet.
    """
    methods = " OR ".join(f'"{method}"' for method in sorted({method for _, method in METHODS}))
    asked = f'protoPayload.methodName=({methods}) AND timestamp >= "{since.isoformat()}"'
    entries = log.read(asked, newest_first=True, limit=MOST_ENTRIES)
    changes = (read_logged_change(entry.payload, entry.about, entry.timestamp) for entry in entries)
    return index_origins([*(change for change in changes if change), *known])


def _find_buckets(iam: Iam, places: Places) -> Iterator[BucketSettings]:
    for bucket in places.buckets:
        yield from find_bucket(iam, bucket)
