"""What is found in IAM: the binding, who set it and when, and the smallest change that puts it right."""

from __future__ import annotations

import datetime as dt
import itertools
import shlex

import msgspec

from dagwarden.iam.snapshot import ACCOUNT, BUCKET, OTHER, PROJECT, Condition, Grant
from dagwarden.lint.finding import Finding


class RemoveMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="remove_member"):
    """One member goes from one binding, as Google's `BindingDelta` tells it."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None


class DeleteKey(msgspec.Struct, frozen=True, kw_only=True, tag="delete_key"):
    """One key of a service account goes."""

    account: str
    key_id: str


class SetBucket(msgspec.Struct, frozen=True, kw_only=True, tag="set_bucket"):
    """One setting of a bucket is turned on."""

    bucket: str
    flag: str
    """Of `gcloud storage buckets update`, e.g. `--versioning`."""


class SetEnvironment(msgspec.Struct, frozen=True, kw_only=True, tag="set_environment"):
    """Settings of an environment in Cloud Composer are changed."""

    environment: str
    """`projects/P/locations/L/environments/E`."""
    flags: tuple[str, ...]
    """Of `gcloud composer environments update`. It makes one kind of change at a time: several flags, one kind."""


Fix = RemoveMember | DeleteKey | SetBucket | SetEnvironment


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who brought something about, as Cloud Audit Logs tell it."""

    principal: str
    at: dt.datetime
    caller_ip: str = ""


class Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One setting of an environment in Cloud Composer."""

    path: str
    """In the API's `Environment`, as update masks name it."""
    value: str = ""
    """Empty where it is not set, or is a secret."""


class IamFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with the IAM around an environment."""

    finding: Finding
    resource: str
    grant: Grant | None = None
    setting: Setting | None = None
    fix: Fix | None = None
    command: str = ""
    """The fix as a command; empty where there is no single one."""
    origin: Origin | None = None
    """None where the log does not tell."""


def undo(grant: Grant) -> RemoveMember:
    """The change that takes a grant back."""
    return RemoveMember(resource=grant.resource, role=grant.role, member=grant.member, condition=grant.condition)


def say_command(fix: Fix, project: str) -> str:
    """The `gcloud` command that makes the change; nothing in it is read by a shell as anything but text.

    >>> say_command(SetBucket(bucket="b", flag="--versioning"), "p")
    'gcloud storage buckets update gs://b --versioning'
    """
    if isinstance(fix, DeleteKey):
        return shlex.join([*_GCLOUD_KEYS, fix.key_id, f"--iam-account={fix.account}", f"--project={project}"])
    if isinstance(fix, SetBucket):
        return shlex.join(["gcloud", "storage", "buckets", "update", f"gs://{fix.bucket}", fix.flag])
    if isinstance(fix, SetEnvironment):
        _, project, _, location, _, name = fix.environment.split("/")
        where = [f"--location={location}", f"--project={project}"]
        return shlex.join(["gcloud", "composer", "environments", "update", name, *where, *fix.flags])
    words = [f"--member={fix.member}", f"--role={fix.role}", _say_condition(fix)]
    return shlex.join(["gcloud", *_say_place(fix.resource, project), *(word for word in words if word)])


_GCLOUD_KEYS = ["gcloud", "iam", "service-accounts", "keys", "delete"]
_REMOVE = "remove-iam-policy-binding"
_GROUPS = {
    **{kind: ["pubsub", kind] for kind in ("topics", "subscriptions", "snapshots", "schemas")},
    **{kind: ["run", kind] for kind in ("services", "jobs")},
    "secrets": ["secrets"],
}
"""Kind of thing -> the group of gcloud's commands on it."""


def _say_place(resource: str, project: str) -> list[str]:
    if resource.startswith(BUCKET):
        return ["storage", "buckets", _REMOVE, f"gs://{resource.removeprefix(BUCKET)}"]
    if resource.startswith(ACCOUNT):
        return ["iam", "service-accounts", _REMOVE, resource.removeprefix(ACCOUNT), f"--project={project}"]
    if resource.startswith(OTHER):
        kind, name = resource.split("/")[-2:]
        flag = "region" if kind in ("services", "jobs") else "location"
        location = [f"--{flag}={resource.split('/')[6]}"] if "/locations/" in resource else []
        return [*_GROUPS.get(kind, [kind]), _REMOVE, name, *location, f"--project={project}"]
    return ["projects", _REMOVE, resource.removeprefix(PROJECT)]


def _say_condition(fix: RemoveMember) -> str:
    """Source: `gcloud topic escaping`: a delimiter of one's own stands between carets."""
    if fix.condition is None:
        return "" if fix.resource.startswith((BUCKET, OTHER)) else "--condition=None"
    parts = [f"expression={fix.condition.expression}"]
    parts += [f"{name}={text}" for name in ("title", "description") if (text := getattr(fix.condition, name))]
    mark = next(
        mark for mark in (f"~{number}~" for number in itertools.count()) if not any(mark in part for part in parts)
    )
    return f"--condition=^{mark}^{mark.join(parts)}"
