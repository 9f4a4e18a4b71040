"""The mirror: a new release goes to the environment's bucket; what strangers do there is noticed."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.identity import utc_now
from dagwarden.errors import InvalidInput
from dagwarden.events import ObjectEvent, ObjectEventKind, PubsubEvent, read_notification, read_object_event
from dagwarden.events.messages import MESSAGE_PUBLISHED, read_pubsub_event
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, environment_object, parse_environment, parse_release_object
from dagwarden.policy.environment import load_environment
from dagwarden.sync.heal import Healer
from dagwarden.sync.mirror import Mirror

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.sync.environment_bucket import EnvironmentBucket

ENVIRONMENT = "environment"
"""Attribute of every message the mirror takes: the notification config's custom attribute, or the schedule's."""
DO = "do"
RECONCILE = "reconcile"
"""A message with `do` = `reconcile` makes the mirror look at the whole bucket."""
FRESH = dt.timedelta(seconds=60)
"""How long environment.yaml is believed without reading it again."""


class MirrorHandler:
    """Takes the mirror's events. One for each process; what it remembers only saves calls."""

    def __init__(self, cloud: Cloud, *, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._cloud = cloud
        self._now = now
        self._mirror = Mirror(cloud, Ledger(cloud), AuditWriter(cloud, now=now), now)
        self._healer = Healer(cloud, self._mirror)
        self._buckets: dict[EnvironmentName, tuple[dt.datetime, str]] = {}
        self._lock = threading.Lock()

    def take(self, attributes: Mapping[str, str], data: object) -> None:
        """A release is mirrored, a notification of an environment's bucket looked into, a reconciliation made.

        Raises:
            InvalidInput: the event means nothing here.
            LimitExceeded: a reconciliation found more to heal than it may.
            Transient: delivered again, it may go better.
        """
        if attributes.get("type") == MESSAGE_PUBLISHED:
            self._take_message(read_pubsub_event(attributes, data))
        else:
            self._take_release(read_object_event(attributes, data))

    def _take_release(self, event: ObjectEvent) -> None:
        if event.bucket != self._cloud.ledger.name:
            raise InvalidInput("no release comes from this bucket", operation="mirror", subject=event.resource)
        named = parse_release_object(event.name)
        if named is None or event.kind is not ObjectEventKind.FINALIZED:
            return
        environment, number = named
        if bucket := self._find_bucket(environment):
            self._mirror.bring_to_head(environment, bucket, number)

    def _take_message(self, message: PubsubEvent) -> None:
        environment = parse_environment(message.attributes.get(ENVIRONMENT, ""))
        bucket = self._find_bucket(environment)
        if bucket is None:
            return
        if message.attributes.get(DO) == RECONCILE:
            self._healer.reconcile(environment, bucket, at=message.published_at)
            return
        event = read_notification(message)
        if event.bucket != bucket.name:
            raise InvalidInput(
                f"{environment} has the bucket {bucket.name}",
                operation="judge object",
                subject=event.resource,
                hint="correct environment.yaml, or the bucket's notification config",
            )
        self._healer.look_into(environment, bucket, event)

    def _find_bucket(self, environment: EnvironmentName) -> EnvironmentBucket | None:
        """The environment's bucket; None where agents alone bring the files."""
        with self._lock:
            read_at, name = self._buckets.get(environment, (None, ""))
        if read_at is None or self._now() - read_at > FRESH:
            read_at, where = self._now(), environment_object(environment)
            found = load_environment(self._cloud.store.read(where), where)
            if found.name != environment:
                raise InvalidInput(f"names {found.name}", operation="find bucket", subject=where)
            name = found.bucket
            with self._lock:
                self._buckets[environment] = (read_at, name)
        return self._mirror.open_bucket(name) if name else None
