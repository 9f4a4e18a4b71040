"""Pub/Sub as a whole: publishes, seeks, forgets, and runs its gRPC server and its pushers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import grpc
import httpx

from localcloud.calls import Calls
from localcloud.state import State

from .backlog import Entry
from .catalog import Catalog, SnapshotEntry, TopicEntry
from .encoders import Encoder, rfc3339
from .errors import InvalidArgument
from .limits import check_message
from .names import id_of, project_of
from .outlet import Outlet
from .push import Pusher, SignOidc
from .resources import Message, Subscription, Topic
from .rpc import make_server
from .store import Store, Waiting

SWEEP_S: Final = 30.0
"""How often retention and expiry are looked after."""

_STOP_GRACE_S: Final = 0.2


log = logging.getLogger(__name__)


class PubSub:
    """The local Pub/Sub; implements `localcloud.ports.Broker`.

    All calls are made from the event loop's thread (or, before `start`, from one thread). Messages published before
    `start` wait for it.

    Args:
        sign_oidc: (service account e-mail, audience) -> token; None sends pushes without a bearer token.
        clock: the wall clock, seconds since 1970.
    """

    def __init__(
        self,
        state: State,
        calls: Calls,
        sign_oidc: SignOidc | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.calls = calls
        self.state = state
        self._store = Store(state)
        self._sign_oidc = sign_oidc
        self._clock = clock
        self._encoders: dict[str, Encoder] = {}
        self._pushers: dict[int, Pusher] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http: httpx.AsyncClient | None = None
        self._server: grpc.aio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self.catalog = Catalog(
            state, self._store, make_outlet=self._make_outlet, on_change=self._attend, now_us=self.now_us
        )

    def now_us(self) -> int:
        """The wall clock, microseconds since 1970."""
        return int(self._clock() * 1_000_000)

    # what other services use

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> str:
        """Publish inside the transaction under way, or in one of its own; deliveries start once it is committed.

        Args:
            topic: full name, `projects/P/topics/T`.

        Returns:
            The message id.

        Raises:
            KeyError: there is no such topic.
            InvalidArgument: the service would not take the message.
        """
        entry = self.catalog.topic(topic)
        size_bytes = check_message(data, attributes, ordering_key)
        return str(self._publish(entry, data, attributes, ordering_key, size_bytes))

    def create_topic(self, name: str) -> Topic:
        """The topic of that name, made if it was not there."""
        entry = self.catalog.topics.get(name)
        return entry.topic if entry else self.catalog.add_topic(Topic(name=name))

    def create_subscription(self, subscription: Subscription) -> Subscription:
        """`subscription`, made if it was not there, changed to this if it was.

        Raises:
            NotFound: its topic is missing.
            InvalidArgument: the service would not take it, or what cannot change (topic, filter, ordering) would.
        """
        outlet = self.catalog.outlets.get(subscription.name)
        if outlet is None:
            return self.catalog.add_subscription(subscription)
        present = outlet.subscription
        if present == subscription:
            return present
        if _fixed_parts(present) != _fixed_parts(subscription):
            raise InvalidArgument(f"topic, filter and ordering of {subscription.name} cannot change")
        return self.catalog.replace_subscription(subscription)

    def register_encoder(self, name: str, encoder: Encoder) -> None:
        """Subscriptions whose push attribute `ENCODER_ATTRIBUTE` is `name` have their requests made by `encoder`."""
        self._encoders[name] = encoder

    # publishing

    def _publish(
        self, entry: TopicEntry, data: bytes, attributes: Mapping[str, str], ordering_key: str, size_bytes: int
    ) -> int:
        wanting = [outlet for outlet in entry.outlets if outlet.wants(attributes)]
        cursors = [outlet.row_id for outlet in wanting] + [snapshot.row_id for snapshot in entry.snapshots]
        now_us = self.now_us()
        retention_s = entry.topic.retention_s
        with self.state.transaction():
            message_id = self._store.add_message(
                entry.row_id,
                cursors,
                data=data,
                attributes=attributes,
                ordering_key=ordering_key,
                published_us=now_us,
                kept_until_us=now_us + int(retention_s * 1e6) if retention_s else 0,
            )
            arrival = Waiting(message_id, ordering_key, size_bytes, 0)
            self.state.after_commit(partial(_announce, wanting, arrival))
        return message_id

    def _bury(self, outlet: Outlet, entry: Entry) -> bool:
        """Publish what failed too often to the dead-letter topic; False where that is missing."""
        policy = outlet.subscription.dead_letter
        grave = self.catalog.topics.get(policy.topic) if policy else None
        message = self._store.messages([entry.message_id]).get(entry.message_id)
        if grave is None or message is None:
            return False
        attributes = message.attributes | _epitaph(outlet.subscription, message, entry.failures)
        with self.state.transaction():
            self._publish(grave, message.data, attributes, message.ordering_key, entry.size_bytes)
            outlet.settle([entry.message_id])
        return True

    # seeking

    def seek_to_time(self, outlet: Outlet, since_us: int) -> None:
        """What was published before is acknowledged; what was published since, and is still kept, is not."""
        entry = self.catalog.topics.get(outlet.subscription.topic)
        now_us = self.now_us()
        kept = self._store.candidates(entry.row_id, since_us, now_us) if entry else []
        self._store.replay(
            outlet.row_id,
            since_us,
            retains=outlet.subscription.retains_acked,
            extra=[message.id for message in kept if outlet.wants(message.attributes)],
            now_us=now_us,
        )
        outlet.reload()

    def seek_to_snapshot(self, outlet: Outlet, snapshot: SnapshotEntry) -> None:
        """What the snapshot holds is unacknowledged, all else is acknowledged.

        Raises:
            InvalidArgument: the snapshot is of another topic.
        """
        if snapshot.snapshot.topic != outlet.subscription.topic:
            raise InvalidArgument("The snapshot is of another topic")
        held = self._store.waiting_messages(snapshot.row_id)
        self._store.restore(
            outlet.row_id,
            [message.id for message in held if outlet.wants(message.attributes)],
            retains=outlet.subscription.retains_acked,
            now_us=self.now_us(),
        )
        outlet.reload()

    # forgetting

    def sweep(self) -> None:
        """Messages past their retention, and subscriptions and snapshots past their time, are gone."""
        now_us = self.now_us()
        with self.state.transaction():
            self._store.note_use({outlet.row_id: outlet.used_us for outlet in self.catalog.outlets.values()})
            for outlet in tuple(self.catalog.outlets.values()):
                self._sweep(outlet, now_us)
            for entry in tuple(self.catalog.snapshots.values()):
                if entry.snapshot.expires_at_s * 1e6 <= now_us:
                    self.catalog.remove_snapshot(entry.snapshot.name)
            self._store.purge(now_us)

    def _sweep(self, outlet: Outlet, now_us: int) -> None:
        """One subscription's share of a sweep."""
        ttl_s = outlet.subscription.ttl_s
        if outlet.is_pulled:
            outlet.used_us = now_us
        if ttl_s is not None and outlet.used_us + ttl_s * 1e6 < now_us:
            self.catalog.remove_subscription(outlet.subscription.name)
            return
        before_us = now_us - int(outlet.subscription.retention_s * 1e6)
        if self._store.oldest_message_us() < before_us:
            for message_id in self._store.forget_before(outlet.row_id, before_us):
                outlet.backlog.finish(message_id)

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self.sweep()
            except Exception:  # say a full disk: the next sweep may do better
                log.exception("sweep failed")

    # life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Serve gRPC on `host`, deliver and push; returns the port (a free one where `port` is 0).

        Raises:
            OSError: the port is taken.
        """
        self._server = make_server(self)
        bound = self._server.add_insecure_port(f"{host}:{port}")
        if bound == 0:
            raise OSError(f"cannot listen on {host}:{port}")
        await self._server.start()
        self._loop = asyncio.get_running_loop()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(limits=limits, timeout=None, follow_redirects=False, trust_env=False)  # noqa: S113 the pusher has its own
        for outlet in self.catalog.outlets.values():
            self._attend(outlet)
        self._sweeper = self._loop.create_task(self._sweep_now_and_then())
        return bound

    async def stop(self) -> None:
        """No port, task or connection is left; what was not acknowledged waits for the next start."""
        self._loop = None
        if self._sweeper:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for outlet in self.catalog.outlets.values():
            outlet.close(grpc.StatusCode.UNAVAILABLE, "The server is shutting down")
            outlet.stop()
        self._store.note_use({outlet.row_id: outlet.used_us for outlet in self.catalog.outlets.values()})
        if self._server:
            await self._server.stop(_STOP_GRACE_S)
        if self._http:
            await self._http.aclose()

    def _make_outlet(self, row_id: int, subscription: Subscription) -> Outlet:
        return Outlet(row_id, subscription, store=self._store, calls=self.calls, on_dead=self._bury, now_us=self.now_us)

    def _attend(self, outlet: Outlet) -> None:
        """The outlet runs, and has a pusher of its present target if it is to have one; a removed one has none."""
        if self._loop is None or self._http is None:
            return
        is_live = self.catalog.outlets.get(outlet.subscription.name) is outlet
        target = outlet.subscription.push if is_live else None
        pusher = self._pushers.get(outlet.row_id)
        if pusher and pusher.target != target:
            outlet.leave(self._pushers.pop(outlet.row_id))
            pusher = None
        if target and pusher is None:
            pusher = Pusher(outlet, target, http=self._http, encoders=self._encoders, sign_oidc=self._sign_oidc)
            self._pushers[outlet.row_id] = pusher
            outlet.join(pusher)
        if is_live:
            outlet.start(self._loop)


def _announce(outlets: Iterable[Outlet], arrival: Waiting) -> None:
    for outlet in outlets:
        outlet.arrive([arrival])


def _fixed_parts(subscription: Subscription) -> tuple[str, str, bool]:
    return subscription.topic, subscription.filter, subscription.is_ordered


def _epitaph(subscription: Subscription, message: Message, failures: int) -> dict[str, str]:
    """Source: https://cloud.google.com/pubsub/docs/handling-failures#how_dead_letter_topics_work"""
    return {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(failures),
        "CloudPubSubDeadLetterSourceSubscription": id_of(subscription.name),
        "CloudPubSubDeadLetterSourceSubscriptionProject": project_of(subscription.name),
        "CloudPubSubDeadLetterSourceTopicPublishTime": rfc3339(message.published_us),
    }
