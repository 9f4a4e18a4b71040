"""Which topics, subscriptions and snapshots there are, and how they hang together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from msgspec import structs

from localcloud.state import State

from .errors import AlreadyExists, FailedPrecondition, NotFound
from .limits import check_labels, check_subscription, check_topic
from .names import DELETED_TOPIC, check_name
from .outlet import Outlet
from .resources import DAY_S, Snapshot, Subscription, Topic
from .store import Store

SNAPSHOT_LIFE_S = 7 * DAY_S
"""Source: Snapshot.expire_time of google.pubsub.v1."""
_SNAPSHOT_LEAST_S = 3_600.0


@dataclass(slots=True, eq=False)
class TopicEntry:
    """A topic, and who gets what is published to it."""

    row_id: int
    topic: Topic
    outlets: list[Outlet] = field(default_factory=list)
    snapshots: list[SnapshotEntry] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SnapshotEntry:
    """A snapshot and its cursor id."""

    row_id: int
    snapshot: Snapshot


class Catalog:
    """All resources, in SQLite and in memory.

    What is created or changed inside a transaction is in force once that is committed, not before.

    Args:
        make_outlet: what serves the subscription with this row id.
        on_change: told of each outlet that is new, gone, or whose subscription has changed.
    """

    def __init__(
        self,
        state: State,
        store: Store,
        *,
        make_outlet: Callable[[int, Subscription], Outlet],
        on_change: Callable[[Outlet], None],
        now_us: Callable[[], int],
    ) -> None:
        self.topics: dict[str, TopicEntry] = {}
        self.outlets: dict[str, Outlet] = {}
        self.snapshots: dict[str, SnapshotEntry] = {}
        self._state = state
        self._store = store
        self._make_outlet = make_outlet
        self._on_change = on_change
        self._now_us = now_us
        for stored, topic in store.resources("topic", Topic):
            self.topics[topic.name] = TopicEntry(stored.id, topic)
        for stored, subscription in store.resources("subscription", Subscription):
            self._admit(stored.id, subscription).used_us = stored.used_us
        for stored, snapshot in store.resources("snapshot", Snapshot):
            self._admit_snapshot(stored.id, snapshot)

    # look-ups

    def topic(self, name: str) -> TopicEntry:
        """The topic of that name.

        Raises:
            NotFound: there is none.
        """
        entry = self.topics.get(name)
        if entry is None:
            check_name("topic", name)
            raise NotFound(f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
        return entry

    def outlet(self, name: str) -> Outlet:
        """What serves the subscription of that name.

        Raises:
            NotFound: there is none.
        """
        outlet = self.outlets.get(name)
        if outlet is None:
            check_name("subscription", name)
            raise NotFound(f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
        return outlet

    def snapshot(self, name: str) -> SnapshotEntry:
        """The snapshot of that name.

        Raises:
            NotFound: there is none.
        """
        entry = self.snapshots.get(name)
        if entry is None:
            check_name("snapshot", name)
            raise NotFound(f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
        return entry

    # topics

    def add_topic(self, topic: Topic) -> Topic:
        """The new topic.

        Raises:
            Refused: the name is taken, or the service would not take the topic.
        """
        check_topic(topic)
        if topic.name in self.topics:
            raise AlreadyExists(f"Resource already exists in the project (resource={topic.name}).")
        with self._state.transaction():
            row_id = self._store.add_resource("topic", topic.name, topic, self._now_us())
            self._state.after_commit(lambda: self.topics.__setitem__(topic.name, TopicEntry(row_id, topic)))
        return topic

    def replace_topic(self, topic: Topic) -> Topic:
        """The topic of that name is this one now; its messages are kept as long as it says."""
        entry = self.topic(check_topic(topic).name)
        with self._state.transaction():
            self._store.replace_resource(entry.row_id, topic)
            self._store.retain(entry.row_id, int((topic.retention_s or 0) * 1e6))
            self._state.after_commit(lambda: setattr(entry, "topic", topic))
        return topic

    def remove_topic(self, name: str) -> None:
        """The topic and its snapshots are gone; its subscriptions keep their backlog and are of no topic."""
        entry = self.topic(name)
        orphans = [structs.replace(outlet.subscription, topic=DELETED_TOPIC) for outlet in entry.outlets]
        with self._state.transaction():
            self._store.remove_resource(entry.row_id)
            for outlet, orphan in zip(entry.outlets, orphans, strict=True):
                self._store.replace_resource(outlet.row_id, orphan)
            for snapshot in entry.snapshots:
                self._store.remove_resource(snapshot.row_id)
            self._state.after_commit(lambda: self._drop_topic(entry, orphans))

    def _drop_topic(self, entry: TopicEntry, orphans: list[Subscription]) -> None:
        del self.topics[entry.topic.name]
        for snapshot in entry.snapshots:
            del self.snapshots[snapshot.snapshot.name]
        for outlet, orphan in zip(entry.outlets, orphans, strict=True):
            outlet.replace(orphan)

    # subscriptions

    def add_subscription(self, subscription: Subscription) -> Subscription:
        """The new subscription; it gets what is published from now on.

        Raises:
            Refused: the name is taken, the topic is missing, or the service would not take the subscription.
        """
        check_subscription(subscription)
        if subscription.name in self.outlets:
            raise AlreadyExists(f"Resource already exists in the project (resource={subscription.name}).")
        self.topic(subscription.topic)
        with self._state.transaction():
            row_id = self._store.add_resource("subscription", subscription.name, subscription, self._now_us())
            self._state.after_commit(lambda: self._on_change(self._admit(row_id, subscription)))
        return subscription

    def replace_subscription(self, subscription: Subscription) -> Subscription:
        """The subscription of that name is this one now; its backlog stays."""
        outlet = self.outlet(check_subscription(subscription).name)
        with self._state.transaction():
            self._store.replace_resource(outlet.row_id, subscription)
            self._state.after_commit(lambda: self._alter(outlet, subscription))
        return subscription

    def _alter(self, outlet: Outlet, subscription: Subscription) -> None:
        outlet.replace(subscription)
        self._on_change(outlet)

    def remove_subscription(self, name: str) -> None:
        """The subscription is gone with all that waited for it; its consumers are told."""
        outlet = self.outlet(name)
        with self._state.transaction():
            self._store.remove_resource(outlet.row_id)
            self._state.after_commit(lambda: self._drop(outlet))

    def detach(self, name: str) -> None:
        """The subscription keeps its name, and neither holds nor gets messages."""
        outlet = self.outlet(name)
        detached = structs.replace(outlet.subscription, is_detached=True, push=None)
        with self._state.transaction():
            self._store.restore(outlet.row_id, [], retains=False, now_us=self._now_us())
            self._store.replace_resource(outlet.row_id, detached)
            self._state.after_commit(lambda: self._cut_off(outlet, detached))

    def _cut_off(self, outlet: Outlet, detached: Subscription) -> None:
        outlet.close(grpc.StatusCode.FAILED_PRECONDITION, "The subscription was detached")
        self._alter(outlet, detached)
        outlet.reload()

    def _admit(self, row_id: int, subscription: Subscription) -> Outlet:
        outlet = self._make_outlet(row_id, subscription)
        self.outlets[subscription.name] = outlet
        topic = self.topics.get(subscription.topic)
        if topic:
            topic.outlets.append(outlet)
        return outlet

    def _drop(self, outlet: Outlet) -> None:
        del self.outlets[outlet.subscription.name]
        topic = self.topics.get(outlet.subscription.topic)
        if topic:
            topic.outlets.remove(outlet)
        outlet.close(grpc.StatusCode.NOT_FOUND, "Subscription does not exist")
        self._on_change(outlet)
        outlet.stop()

    # snapshots

    def add_snapshot(self, name: str, subscription: str, labels: dict[str, str]) -> Snapshot:
        """A snapshot of what the subscription has not acknowledged now.

        Raises:
            Refused: the name is taken or no name, the subscription is missing or has lost its topic.
        """
        check_name("snapshot", name)
        check_labels(labels)
        if name in self.snapshots:
            raise AlreadyExists(f"Resource already exists in the project (resource={name}).")
        outlet = self.outlet(subscription)
        if outlet.subscription.topic == DELETED_TOPIC:
            raise FailedPrecondition("The subscription's topic has been deleted")
        now_s = self._now_us() / 1e6
        oldest_us = self._store.oldest_us(outlet.row_id)
        expires_at_s = SNAPSHOT_LIFE_S + (now_s if oldest_us is None else oldest_us / 1e6)
        if expires_at_s < now_s + _SNAPSHOT_LEAST_S:
            raise FailedPrecondition("The snapshot would expire within the hour: the backlog is too old")
        snapshot = Snapshot(name=name, topic=outlet.subscription.topic, expires_at_s=expires_at_s, labels=labels)
        with self._state.transaction():
            row_id = self._store.add_resource("snapshot", name, snapshot, self._now_us())
            self._store.copy_backlog(outlet.row_id, row_id)
            self._state.after_commit(lambda: self._admit_snapshot(row_id, snapshot))
        return snapshot

    def replace_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot of that name is this one now."""
        entry = self.snapshot(snapshot.name)
        check_labels(snapshot.labels)
        with self._state.transaction():
            self._store.replace_resource(entry.row_id, snapshot)
            self._state.after_commit(lambda: setattr(entry, "snapshot", snapshot))
        return snapshot

    def remove_snapshot(self, name: str) -> None:
        """The snapshot is gone, and what was kept for it alone."""
        entry = self.snapshot(name)
        with self._state.transaction():
            self._store.remove_resource(entry.row_id)
            self._store.purge(self._now_us())
            self._state.after_commit(lambda: self._drop_snapshot(entry))

    def _admit_snapshot(self, row_id: int, snapshot: Snapshot) -> None:
        entry = SnapshotEntry(row_id, snapshot)
        self.snapshots[snapshot.name] = entry
        self.topics[snapshot.topic].snapshots.append(entry)

    def _drop_snapshot(self, entry: SnapshotEntry) -> None:
        del self.snapshots[entry.snapshot.name]
        self.topics[entry.snapshot.topic].snapshots.remove(entry)
