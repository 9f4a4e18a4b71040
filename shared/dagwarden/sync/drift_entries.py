"""What the audit log is told of drift: the same entry for the same object, whoever saw it and however often."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from dagwarden.audit.entries import drift_detected, drift_healed
from dagwarden.audit.entry import AuditEntry
from dagwarden.events.objects import ObjectEvent
from dagwarden.sync.drift import Drifted, Remedy, classify
from dagwarden.sync.stretch import Stretch

if TYPE_CHECKING:
    from dagwarden.cloud.storage import ObjectInfo


class Sighting(msgspec.Struct, frozen=True):
    """What was seen at a path, and by which generation and time it is known again."""

    live: ObjectInfo | None
    generation: int
    at: dt.datetime

    @classmethod
    def of(cls, live: ObjectInfo) -> Sighting:
        """An object."""
        return cls(live, live.generation, live.updated_at)

    @classmethod
    def of_absence(cls, generation: int, at: dt.datetime) -> Sighting:
        """Nothing, where a file was wanted; `generation` was the last there, 0 when unknown."""
        return cls(None, generation, at)

    @classmethod
    def of_event(cls, event: ObjectEvent) -> Sighting:
        """A generation that has gone again, as its event told of it."""
        from dagwarden.cloud.storage import ObjectInfo

        then = ObjectInfo(
            bucket=event.bucket,
            name=event.name,
            generation=event.generation,
            metageneration=1,
            size_bytes=event.size_bytes,
            md5=event.md5,
            updated_at=event.time,
            metadata=event.metadata,
        )
        return cls(then, event.generation, event.time)


def tell_found(stretch: Stretch, bucket: str, path: str, seen: Sighting, *, source: str) -> AuditEntry:
    """The entry on an object that is not what any release on the way had there.

    Args:
        source: what led to it being seen.
    """
    wanted = stretch.wanted(path)
    return drift_detected(
        environment=stretch.environment,
        resource=f"gs://{bucket}/{path}#{seen.generation}",
        drift=classify(seen.live, wanted),
        release=stretch.after.number,
        found=(seen.live.md5 or "unknown content") if seen.live else "nothing",
        expected=wanted.md5 if wanted else "nothing",
        at=seen.at,
        source=source,
    )


REASONS = {
    Remedy.PUT_BACK: "policy heals changed files: the head's content is put back",
    Remedy.REMOVE: "policy removes unknown files: the object is deleted",
}


def tell_healed(stretch: Stretch, bucket: str, found: Drifted, seen: Sighting) -> AuditEntry:
    """The entry on drift that is about to be put right."""
    return drift_healed(
        environment=stretch.environment,
        resource=f"gs://{bucket}/{found.path}#{seen.generation}",
        drift=found.standing,
        release=stretch.after.number,
        at=seen.at,
        reason=REASONS[found.remedy],
    )
