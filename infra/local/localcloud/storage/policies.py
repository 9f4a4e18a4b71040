"""The IAM policy of a bucket, with its etag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.state import State
from localcloud.storage.buckets import Bucket
from localcloud.storage.clock import etag_of
from localcloud.storage.errors import condition_not_met, invalid

_PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})


def first_policy(project: str) -> dict[str, Any]:
    """What the service gives a new bucket: the project's own roles on it."""
    owners = [f"projectEditor:{project}", f"projectOwner:{project}"]
    viewers = [f"projectViewer:{project}"]
    return {
        "version": 1,
        "bindings": [
            {"role": "roles/storage.legacyBucketOwner", "members": owners},
            {"role": "roles/storage.legacyBucketReader", "members": viewers},
        ],
    }


def bucket_policy(state: State, bucket: str) -> dict[str, Any] | None:
    """The bucket's policy, `{"version": …, "bindings": […]}`; `None` when there is no such bucket."""
    row = state.db.execute("SELECT policy FROM storage_buckets WHERE name = ?", (bucket,)).fetchone()
    if row is None:
        return None
    policy: dict[str, Any] = msgspec.json.decode(row["policy"])
    return policy


def show_policy(state: State, bucket: str, requested_version: int) -> dict[str, Any]:
    """The policy as `getIamPolicy` answers.

    Conditions are shown to those only who ask for version 3, as the real service does: to others, a conditional
    binding appears under a role name that grants nothing.
    """
    row = state.db.execute("SELECT policy, policy_revision FROM storage_buckets WHERE name = ?", (bucket,)).fetchone()
    policy = msgspec.json.decode(row["policy"])
    bindings = policy["bindings"]
    if requested_version < 3:
        bindings = [_without_condition(binding) for binding in bindings]
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{bucket}",
        "version": policy["version"] if requested_version >= 3 else 1,
        "etag": etag_of(row["policy_revision"]),
        "bindings": bindings,
    }


def set_policy(state: State, bucket: Bucket, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The bucket has the policy afterwards; returns it. Call it inside a transaction.

    Raises:
        Refusal: 412, the etag is stale or public access is prevented; 400, the policy is malformed.
    """
    row = state.db.execute("SELECT policy_revision FROM storage_buckets WHERE name = ?", (bucket.name,)).fetchone()
    if wanted.get("etag") and wanted["etag"] != etag_of(row["policy_revision"]):
        raise condition_not_met()
    policy = {"version": _checked_version(wanted), "bindings": _checked_bindings(bucket, wanted)}
    state.db.execute(
        "UPDATE storage_buckets SET policy = ?, policy_revision = policy_revision + 1 WHERE name = ?",
        (msgspec.json.encode(policy), bucket.name),
    )
    return policy


def _checked_version(wanted: Mapping[str, Any]) -> int:
    version = wanted.get("version") or 1
    if not isinstance(version, int) or version not in {1, 3}:
        raise invalid(f"Invalid policy version: {version}")
    return version


def _checked_bindings(bucket: Bucket, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    bindings = wanted.get("bindings") or []
    if not isinstance(bindings, list) or not all(isinstance(binding, Mapping) for binding in bindings):
        raise invalid("Invalid argument: bindings")
    return [_checked_binding(bucket, binding, wanted) for binding in bindings if binding.get("members")]


def _checked_binding(bucket: Bucket, binding: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    role, members, condition = binding.get("role"), binding["members"], binding.get("condition")
    if not isinstance(role, str) or not isinstance(members, list) or not all(isinstance(m, str) for m in members):
        raise invalid("Invalid argument: a binding needs a role and members.")
    if bucket.prevents_public_access and _PUBLIC & set(members):
        raise condition_not_met(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is "
            "enforced."
        )
    if condition is None:
        return {"role": role, "members": sorted(set(members))}
    if wanted.get("version") != 3:
        raise invalid("Conditional bindings need a policy of version 3.")
    if not bucket.is_uniform:
        raise invalid("Conditional bindings need uniform bucket-level access.")
    if not isinstance(condition, Mapping) or not isinstance(condition.get("expression"), str):
        raise invalid("Invalid argument: a condition needs an expression.")
    return {"role": role, "members": sorted(set(members)), "condition": dict(condition)}


def _without_condition(binding: Mapping[str, Any]) -> Mapping[str, Any]:
    condition = binding.get("condition")
    if condition is None:
        return binding
    mark = hashlib.sha256(msgspec.json.encode(condition)).hexdigest()[:20]
    return {"role": f"{binding['role']}_withcond_{mark}", "members": binding["members"]}
