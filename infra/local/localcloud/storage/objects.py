"""Objects and their versions: created, changed and removed, with the events that causes, in one transaction each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.state import State
from localcloud.storage.buckets import Bucket, retained_until
from localcloud.storage.checksums import Content
from localcloud.storage.clock import Generations, Now, etag_of, read_stamp, stamp
from localcloud.storage.conditions import Conditions
from localcloud.storage.drafts import MUTABLE_FIELDS, checked_draft
from localcloud.storage.errors import no_such_object, retention_not_met, under_hold
from localcloud.storage.herald import Happening, Herald
from localcloud.storage.links import PUBLIC_URL, with_links
from localcloud.storage.merge import merge_patch
from localcloud.storage.resources import new_resource

_HOLDS = (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based"))


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of an object as stored; `resource` lacks the links."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    is_live: bool
    blob: str
    resource: dict[str, Any]

    @property
    def etag(self) -> str:
        """Changes with content and metadata."""
        return etag_of(self.generation, self.metageneration)

    @property
    def content(self) -> Content:
        """The stored bytes' description."""
        count = self.resource.get("componentCount")
        return Content(
            blob=self.blob,
            size_bytes=int(self.resource["size"]),
            crc32c=self.resource["crc32c"],
            md5=self.resource.get("md5Hash"),
            component_count=count,
        )


class Objects:
    """The objects in the state."""

    def __init__(self, state: State, generations: Generations, herald: Herald, now: Now) -> None:
        self._state = state
        self._db = state.db
        self._generations = generations
        self._herald = herald
        self._now = now

    def live(self, bucket: str, name: str) -> Version | None:
        """The current version, if any."""
        row = self._db.execute(
            "SELECT * FROM storage_objects WHERE bucket = ? AND name = ? AND live = 1", (bucket, name)
        ).fetchone()
        return None if row is None else _version(row)

    def find(self, bucket: str, name: str, generation: int | None = None) -> Version:
        """The current version, or the one of `generation`.

        Raises:
            Refusal: 404, there is none.
        """
        if generation is None:
            found = self.live(bucket, name)
        else:
            row = self._db.execute(
                "SELECT * FROM storage_objects WHERE bucket = ? AND name = ? AND generation = ?",
                (bucket, name, generation),
            ).fetchone()
            found = None if row is None else _version(row)
        if found is None:
            raise no_such_object(bucket, name)
        return found

    def create(
        self, bucket: Bucket, name: str, draft: Mapping[str, Any], content: Content, conditions: Conditions
    ) -> Version:
        """A new generation is live afterwards; the one before is noncurrent, or gone if the bucket is unversioned.

        Raises:
            Refusal: 412, a precondition failed; 403, the current version is retained or held; 400, bad metadata.
        """
        settings = checked_draft(draft)
        with self._state.transaction() as db:
            current = self.live(bucket.name, name)
            conditions.check(current)
            if current is not None:
                self._check_removable(bucket, current)
            created = self._new_version(bucket, name, settings, content)
            if current is not None:
                self._dethrone(bucket, current)
            db.execute("INSERT INTO storage_objects VALUES (?, ?, ?, ?, 1, ?, ?)", _row(created))
            if current is None:
                self._announce("finalized", created)
            else:
                self._announce("finalized", created, overwroteGeneration=str(current.generation))
                self._announce_end(bucket, current, overwrittenByGeneration=str(created.generation))
        return created

    def delete(self, bucket: Bucket, name: str, generation: int | None, conditions: Conditions) -> None:
        """The version is gone for good afterwards; a live one of a versioned bucket, not named by its generation, stays
        as noncurrent.

        Raises:
            Refusal: 404, no such version; 412, a precondition failed; 403, it is retained or held.
        """
        with self._state.transaction():
            doomed = self.find(bucket.name, name, generation)
            conditions.check(doomed)
            self._check_removable(bucket, doomed)
            if generation is None:
                self._dethrone(bucket, doomed)
                self._announce_end(bucket, doomed)
            else:
                self._remove(doomed)
                self._announce("deleted", self._ended(doomed))

    def change(
        self,
        bucket: Bucket,
        name: str,
        generation: int | None,
        patch: Mapping[str, Any],
        conditions: Conditions,
        *,
        replace: bool = False,
    ) -> Version:
        """The metadata in `patch` holds afterwards, null removing a field or key; the metageneration has grown by one.

        Args:
            replace: reset every mutable field that is not named (`update` as against `patch`).

        Raises:
            Refusal: 404, no such version; 412, a precondition failed; 400, bad metadata.
        """
        changes = checked_draft(patch, keep_nulls=True)
        changes.pop("storageClass", None)  # only a rewrite changes that
        with self._state.transaction() as db:
            before = self.find(bucket.name, name, generation)
            conditions.check(before)
            after = self._patched(before, changes, replace=replace)
            db.execute(
                "UPDATE storage_objects SET metageneration = ?, resource = ? "
                "WHERE bucket = ? AND name = ? AND generation = ?",
                (after.metageneration, msgspec.json.encode(after.resource), bucket.name, name, after.generation),
            )
            self._announce("metadataUpdated", after)
        return after

    def move(self, bucket: Bucket, source: Version, name: str, conditions: Conditions) -> Version:
        """The object is called `name` afterwards and its old name is free: both or neither.

        Raises:
            Refusal: as for creating and for deleting.
        """
        with self._state.transaction():
            created = self.create(bucket, name, source.resource, source.content, conditions)
            self.delete(bucket, source.name, None, Conditions(generation=source.generation))
        return created

    def _new_version(self, bucket: Bucket, name: str, settings: Mapping[str, Any], content: Content) -> Version:
        generation = self._generations.next()
        return Version(
            bucket=bucket.name,
            name=name,
            generation=generation,
            metageneration=1,
            is_live=True,
            blob=content.blob,
            resource=new_resource(bucket, name, generation, content) | dict(settings),
        )

    def _patched(self, before: Version, changes: Mapping[str, Any], *, replace: bool) -> Version:
        reset = MUTABLE_FIELDS - {"storageClass"} if replace else frozenset()
        kept = {key: value for key, value in before.resource.items() if key not in reset}
        metageneration = before.metageneration + 1
        resource = merge_patch(kept, changes) | {
            "metageneration": str(metageneration),
            "etag": etag_of(before.generation, metageneration),
            "updated": stamp(self._now()),
        }
        resource.setdefault("contentType", "application/octet-stream")
        if not resource.get("metadata"):
            resource.pop("metadata", None)
        return msgspec.structs.replace(before, metageneration=metageneration, resource=resource)

    def _check_removable(self, bucket: Bucket, version: Version) -> None:
        for field, label in _HOLDS:
            if version.resource.get(field):
                raise under_hold(bucket.name, version.name, label)
        until = retained_until(bucket, version.resource["timeCreated"])
        if until is not None and self._now() < read_stamp(until):
            raise retention_not_met(bucket.name, version.name, until)

    def _dethrone(self, bucket: Bucket, version: Version) -> None:
        """`version` is live no more: noncurrent or gone, as the bucket has it."""
        if not (bucket.is_versioned and version.is_live):
            self._remove(version)
            return
        self._db.execute(
            "UPDATE storage_objects SET live = 0, resource = ? WHERE bucket = ? AND name = ? AND generation = ?",
            (msgspec.json.encode(self._ended(version).resource), version.bucket, version.name, version.generation),
        )

    def _remove(self, version: Version) -> None:
        self._db.execute(
            "DELETE FROM storage_objects WHERE bucket = ? AND name = ? AND generation = ?",
            (version.bucket, version.name, version.generation),
        )

    def _ended(self, version: Version) -> Version:
        ended = {**version.resource, "timeDeleted": stamp(self._now())}
        return msgspec.structs.replace(version, is_live=False, resource=ended)

    def _announce_end(self, bucket: Bucket, version: Version, **extra: str) -> None:
        self._announce("archived" if bucket.is_versioned else "deleted", self._ended(version), **extra)

    def _announce(self, happening: Happening, version: Version, **extra: str) -> None:
        self._herald.announce(happening, with_links(version.resource, PUBLIC_URL), **extra)


def _version(row: sqlite3.Row) -> Version:
    return Version(
        bucket=row["bucket"],
        name=row["name"],
        generation=row["generation"],
        metageneration=row["metageneration"],
        is_live=bool(row["live"]),
        blob=row["blob"],
        resource=msgspec.json.decode(row["resource"]),
    )


def _row(version: Version) -> tuple[str, str, int, int, str, bytes]:
    return (
        version.bucket,
        version.name,
        version.generation,
        version.metageneration,
        version.blob,
        msgspec.json.encode(version.resource),
    )
