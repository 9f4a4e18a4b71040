"""Notices what was changed behind Dagwarden's back in an environment's bucket, reports it, heals it as policy says.

Always in this order: the position, then the bucket, then the head. So the ledger knows whatever a mirror has put there
in between, and what it does not know is drift.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from dagwarden.audit.entry import AuditEntry
from dagwarden.errors import Contended, InvalidInput, NotFound
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.names import NO_RELEASE, EnvironmentName, ReleaseNumber, policy_object
from dagwarden.policy.model import Drift as DriftRules
from dagwarden.sync.drift import (
    DRIFT,
    HEAL_LIMIT,
    Drifted,
    HealLimit,
    Remedy,
    Standing,
    Survey,
    check_heals,
    choose_remedy,
    classify,
    is_mirrored,
    survey,
)
from dagwarden.sync.drift_entries import Sighting, tell_found, tell_healed
from dagwarden.sync.environment_bucket import Change, EnvironmentBucket
from dagwarden.sync.mirror import HeadMoved, Mirror
from dagwarden.sync.stretch import Stretch, read_stretch

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.storage import ObjectInfo

REPORT_ONLY = DriftRules(changed_files="report", unknown_files="report")
"""What holds while policy.yaml cannot be read: nothing is changed on a guess."""
ROUNDS = 5
"""How often a look is taken again because a release came out meanwhile."""
ENTRIES_PER_WRITE = 200
"""Audit entries in one request; Cloud Logging takes 1,000 and 10 MB. Source: cloud.google.com/logging/quotas."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the whole bucket found, compared with which release."""

    release: ReleaseNumber
    survey: Survey


class Healer:
    """Judges objects of environments' buckets against the ledger. Safe to share between threads."""

    def __init__(self, cloud: Cloud, mirror: Mirror) -> None:
        self._cloud = cloud
        self._mirror = mirror

    def look_into(self, environment: EnvironmentName, bucket: EnvironmentBucket, event: ObjectEvent) -> Drifted | None:
        """The object an event names is afterwards what policy wants it to be, and drift is in the audit log.

        The event is a hint: what is live now is judged. Only a generation that is gone again is judged by what the
        event says of it, so that nothing that ever lay there goes unreported.

        Returns:
            What was found; None when all is in order, or the mirror is still on its way.
        """
        if not is_mirrored(event.name):
            return None
        for _ in range(ROUNDS):
            try:
                return self._look_into(environment, bucket, event)
            except HeadMoved:
                continue
        raise Contended("the head keeps moving", operation="judge object", subject=event.resource)

    def survey(self, environment: EnvironmentName, bucket: EnvironmentBucket, rules: DriftRules | None = None) -> Found:
        """Everything under `dags/` and `plugins/` compared with the head; nothing is changed.

        Args:
            rules: in place of those of policy.yaml.
        """
        return self._survey(environment, bucket, rules)[0]

    def reconcile(
        self,
        environment: EnvironmentName,
        bucket: EnvironmentBucket,
        *,
        at: dt.datetime,
        rules: DriftRules | None = None,
        limit: HealLimit | None = HEAL_LIMIT,
    ) -> Found:
        """Everything under `dags/` and `plugins/` is afterwards what the head has, or reported, as policy says.

        Args:
            at: stands for when a file vanished, which nothing tells: to be the same at every delivery.
            rules: in place of those of policy.yaml.
            limit: None for none.

        Returns:
            What was found before anything was healed.

        Raises:
            LimitExceeded: so much would be healed that the bucket may be the wrong one: all of it is reported, nothing
                is healed.
            Transient: releases keep coming out.
        """
        for _ in range(ROUNDS):
            self._mirror.bring_to_head(environment, bucket)
            found, stretch = self._survey(environment, bucket, rules)
            if stretch is None:
                return found
            try:
                self._heal(bucket, stretch, found.survey, at=at, limit=limit)
                return found
            except HeadMoved:
                continue
        raise Contended("the head keeps moving", operation="reconcile", subject=f"gs://{bucket.name}")

    def _look_into(self, environment: EnvironmentName, bucket: EnvironmentBucket, event: ObjectEvent) -> Drifted | None:
        stretch, live = self._look(environment, bucket, event.name, is_fresh=False)
        if stretch is None:
            return None
        if classify(live, stretch.wanted(event.name)) is not Standing.IN_ORDER:  # lag, perhaps: how much of it?
            stretch, live = self._look(environment, bucket, event.name, is_fresh=True)
        assert stretch is not None, "releases do not go away"
        source = f"event {event.event_id}"
        entries = []
        if is_overtaken(event, live) and not _is_known(stretch, event):
            entries.append(tell_found(stretch, bucket.name, event.name, Sighting.of_event(event), source=source))
        found = self._judge(stretch, event.name, live)
        if found is not None:
            sighting = Sighting.of(live) if live else Sighting.of_absence(event.generation, event.time)
            entries += _tell(stretch, bucket.name, found, sighting, source)
        self._mirror.audit.write(*entries)
        if found is not None and found.remedy is not Remedy.REPORT:
            self._mirror.apply(bucket, stretch, [_to_change(found)], decided={found.path})
        return found

    def _look(
        self, environment: EnvironmentName, bucket: EnvironmentBucket, path: str, *, is_fresh: bool
    ) -> tuple[Stretch | None, ObjectInfo | None]:
        position = self._mirror.find_position(environment, is_fresh=is_fresh)
        live = bucket.look(path)
        return self._read_stretch(environment, position), live

    def _judge(self, stretch: Stretch, path: str, live: ObjectInfo | None) -> Drifted | None:
        wanted = stretch.wanted(path)
        standing = classify(live, wanted)
        if standing not in DRIFT or stretch.is_lagging(path, live):
            return None
        remedy = choose_remedy(standing, self._read_rules(stretch.environment))
        return Drifted(path=path, standing=standing, remedy=remedy, live=live, wanted=wanted)

    def _survey(
        self, environment: EnvironmentName, bucket: EnvironmentBucket, rules: DriftRules | None
    ) -> tuple[Found, Stretch | None]:
        position = self._mirror.find_position(environment, is_fresh=True)
        lives = bucket.list_all()
        stretch = self._read_stretch(environment, position)
        if stretch is None:
            return Found(release=NO_RELEASE, survey=Survey(drifted=(), lagging=(), population=0)), None
        rules = rules or self._read_rules(environment)
        found = survey(lives, stretch.after.files, rules, stretch.is_lagging)
        return Found(release=stretch.after.number, survey=found), stretch

    def _heal(
        self, bucket: EnvironmentBucket, stretch: Stretch, found: Survey, *, at: dt.datetime, limit: HealLimit | None
    ) -> None:
        sightings = [
            (drifted, Sighting.of(drifted.live) if drifted.live else Sighting.of_absence(0, at))
            for drifted in found.drifted
        ]
        try:
            if limit is not None:
                check_heals(found, limit, f"gs://{bucket.name}")
        finally:  # what is too much to heal is reported all the same
            self._write(
                tell_found(stretch, bucket.name, drifted.path, seen, source="reconciliation")
                for drifted, seen in sightings
            )
        self._write(
            tell_healed(stretch, bucket.name, drifted, seen)
            for drifted, seen in sightings
            if drifted.remedy is not Remedy.REPORT
        )
        heals = found.heals()
        self._mirror.apply(bucket, stretch, [_to_change(each) for each in heals], {each.path for each in heals})

    def _read_stretch(self, environment: EnvironmentName, position: ReleaseNumber | None) -> Stretch | None:
        """None when there is no release: then the bucket is nobody's business yet."""
        head = self._mirror.find_head(environment)
        if not head:
            return None
        is_credible = position is not None and position <= head
        return read_stretch(self._mirror.ledger, environment, position if is_credible else None, head)

    def _read_rules(self, environment: EnvironmentName) -> DriftRules:
        from dagwarden.policy.load import load_policy

        name = policy_object(environment)
        try:
            return load_policy(self._cloud.store.read(name), name).drift
        except NotFound:
            return DriftRules()
        except InvalidInput:
            return REPORT_ONLY

    def _write(self, entries: Iterable[AuditEntry]) -> None:
        waiting = list(entries)
        for start in range(0, len(waiting), ENTRIES_PER_WRITE):
            self._mirror.audit.write(*waiting[start : start + ENTRIES_PER_WRITE])


def is_overtaken(event: ObjectEvent, live: ObjectInfo | None) -> bool:
    """Whether the generation that an event announces is no longer the live one."""
    return event.kind is ObjectEventKind.FINALIZED and (live is None or live.generation != event.generation)


def _is_known(stretch: Stretch, event: ObjectEvent) -> bool:
    """Whether what an overtaken generation held had been released: then it was a mirror's work."""
    then = Sighting.of_event(event).live
    assert then is not None, "an event is of an object"
    is_ours = classify(then, stretch.wanted(event.name)) is Standing.IN_ORDER
    return is_ours or stretch.is_lagging(event.name, then) or stretch.was_released(event.name, then)


def _tell(stretch: Stretch, bucket: str, found: Drifted, sighting: Sighting, source: str) -> Sequence[AuditEntry]:
    detected = tell_found(stretch, bucket, found.path, sighting, source=source)
    if found.remedy is Remedy.REPORT:
        return [detected]
    return [detected, tell_healed(stretch, bucket, found, sighting)]


def _to_change(found: Drifted) -> Change:
    return Change(path=found.path, live=found.live, wanted=found.wanted)
