"""Buckets: their resources and what those demand of the objects in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.state import State
from localcloud.storage.clock import Generations, Now, etag_of, read_stamp, stamp
from localcloud.storage.conditions import Conditions
from localcloud.storage.errors import conflict, invalid, no_such_bucket
from localcloud.storage.merge import merge_patch
from localcloud.storage.settings import CREATION_FIELDS, MUTABLE_FIELDS, check_lock, checked_settings, retention_s

# Source: https://cloud.google.com/storage/docs/buckets#naming
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket as stored."""

    name: str
    project: str
    generation: int
    metageneration: int
    resource: dict[str, Any]

    @property
    def etag(self) -> str:
        """Changes with the metadata."""
        return etag_of(self.metageneration)

    @property
    def is_versioned(self) -> bool:
        """Whether replaced and deleted objects stay as noncurrent versions."""
        return bool(self.resource.get("versioning", {}).get("enabled"))

    @property
    def is_uniform(self) -> bool:
        """Whether access is decided by IAM alone."""
        uniform = self.resource["iamConfiguration"].get("uniformBucketLevelAccess", {})
        return bool(uniform.get("enabled"))

    @property
    def prevents_public_access(self) -> bool:
        """Whether no binding may name everybody."""
        return bool(self.resource["iamConfiguration"].get("publicAccessPrevention") == "enforced")

    @property
    def retention_s(self) -> int:
        """How old an object must be to be deleted or replaced, in seconds; 0 without a policy."""
        return int(self.resource.get("retentionPolicy", {}).get("retentionPeriod", 0))


class Buckets:
    """The buckets in the state."""

    def __init__(self, state: State, generations: Generations, now: Now) -> None:
        self._state = state
        self._db = state.db
        self._generations = generations
        self._now = now

    def get(self, name: str) -> Bucket:
        """The bucket called `name`.

        Raises:
            Refusal: 404, there is none.
        """
        row = self._db.execute("SELECT * FROM storage_buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise no_such_bucket()
        return Bucket(
            name=row["name"],
            project=row["project"],
            generation=row["generation"],
            metageneration=row["metageneration"],
            resource=msgspec.json.decode(row["resource"]),
        )

    def names(self, project: str, prefix: str, after: str, limit: int) -> list[str]:
        """Up to `limit` names of the project's buckets in order, beginning behind `after`."""
        rows = self._db.execute(
            "SELECT name FROM storage_buckets WHERE project = ? AND name > ? ORDER BY name", (project, after)
        )
        names = (row["name"] for row in rows)
        return [
            name for name, _ in zip((name for name in names if name.startswith(prefix)), range(limit), strict=False)
        ]

    def create(self, project: str, draft: Mapping[str, Any], policy: Mapping[str, Any]) -> Bucket:
        """The bucket exists afterwards.

        Raises:
            Refusal: 400, the name or a setting is wrong; 409, it exists.
        """
        name = draft.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{name}'")
        settings = merge_patch({}, checked_settings(draft, CREATION_FIELDS))
        with self._state.transaction() as db:
            if db.execute("SELECT 1 FROM storage_buckets WHERE name = ?", (name,)).fetchone():
                raise conflict("Your previous request to create the named bucket succeeded and you already own it.")
            generation = self._generations.next()
            resource = self._new_resource(name, generation, settings)
            bucket = Bucket(name=name, project=project, generation=generation, metageneration=1, resource=resource)
            db.execute(
                "INSERT INTO storage_buckets VALUES (?, ?, ?, ?, ?, ?, 1)",
                (name, project, generation, 1, msgspec.json.encode(resource), msgspec.json.encode(policy)),
            )
        return bucket

    def change(self, name: str, patch: Mapping[str, Any], conditions: Conditions, *, replace: bool = False) -> Bucket:
        """The settings in `patch` hold afterwards, null removing one; `replace` resets those that are not named.

        Raises:
            Refusal: 404, no bucket; 412, a precondition failed; 400 or 403, a setting is wrong or locked.
        """
        changes = checked_settings(patch, MUTABLE_FIELDS)
        with self._state.transaction() as db:
            bucket = self.get(name)
            conditions.check(bucket)
            kept = {key: value for key, value in bucket.resource.items() if not (replace and key in MUTABLE_FIELDS)}
            merged = self._completed(merge_patch(kept, changes), bucket.resource)
            merged |= {
                "metageneration": str(bucket.metageneration + 1),
                "etag": etag_of(bucket.metageneration + 1),
                "updated": stamp(self._now()),
            }
            changed = msgspec.structs.replace(bucket, metageneration=bucket.metageneration + 1, resource=merged)
            db.execute(
                "UPDATE storage_buckets SET metageneration = ?, resource = ? WHERE name = ?",
                (changed.metageneration, msgspec.json.encode(merged), name),
            )
        return changed

    def delete(self, name: str, conditions: Conditions) -> None:
        """The bucket is gone afterwards, with its notification configs.

        Raises:
            Refusal: 404, no bucket; 409, it holds objects (noncurrent ones count); 412, a precondition failed.
        """
        with self._state.transaction() as db:
            conditions.check(self.get(name))
            if db.execute("SELECT 1 FROM storage_objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise conflict("The bucket you tried to delete is not empty.")
            db.execute("DELETE FROM storage_buckets WHERE name = ?", (name,))

    def lock_retention(self, name: str, conditions: Conditions) -> Bucket:
        """The retention policy can never be shortened or removed afterwards.

        Raises:
            Refusal: 400, there is no policy or no metageneration was given; 404; 412.
        """
        with self._state.transaction():
            bucket = self.get(name)
            conditions.check(bucket)
            if conditions.metageneration is None or not bucket.retention_s:
                raise invalid("Locking needs ifMetagenerationMatch and a retention policy.")
            return self.change(name, {"retentionPolicy": {"isLocked": True}}, conditions)

    def _new_resource(self, name: str, generation: int, settings: Mapping[str, Any]) -> dict[str, Any]:
        created = stamp(generation)
        resource: dict[str, Any] = {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "projectNumber": "0",
            "generation": str(generation),
            "metageneration": "1",
            "location": "US",
            "storageClass": "STANDARD",
            "etag": etag_of(1),
            "timeCreated": created,
            "updated": created,
            "locationType": "multi-region",
            "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": created},
        }
        return self._completed(resource | dict(settings), {})

    def _completed(self, resource: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """What the service itself adds to settings: effective times, defaults, locks kept."""
        access = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"}
        resource["iamConfiguration"] = merge_patch(access, resource.get("iamConfiguration") or {})
        resource.setdefault("storageClass", "STANDARD")
        policy = resource.get("retentionPolicy")
        old = before.get("retentionPolicy")
        check_lock(old, policy)
        if not policy:
            resource.pop("retentionPolicy", None)
            return resource
        effective = old["effectiveTime"] if old else stamp(self._now())
        resource["retentionPolicy"] = {
            **policy,
            "retentionPeriod": str(retention_s(policy)),
            "effectiveTime": effective,
        }
        return resource


def retained_until(bucket: Bucket, created: str) -> str | None:
    """When an object of `bucket` may be deleted or replaced at the earliest, RFC 3339; `None` without a policy."""
    if not bucket.retention_s:
        return None
    return stamp(read_stamp(created) + bucket.retention_s * 1_000_000)
