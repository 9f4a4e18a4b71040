"""One subscription at work: brings its backlog to its consumers and takes their answers."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import grpc
from msgspec import structs

from localcloud.calls import Calls

from .backlog import Backlog, Entry, Lease, Load, Room
from .faults import UNTROUBLED, Fate, fate_of
from .filters import parse_filter
from .resources import Delivery, RetryPolicy, Subscription
from .store import Store, Waiting

PUSH_RETRY: Final = RetryPolicy(min_s=0.1, max_s=60.0)
"""How push subscriptions without a retry policy back off. Source: https://cloud.google.com/pubsub/docs/push#push_backoff"""

_SHARE = 100
_HOLDERS = itertools.count(1)


class Consumer(Protocol):
    """Whoever takes deliveries: a streaming pull, a waiting pull, the pusher."""

    @property
    def caller(self) -> str:
        """The name its process is registered by, for `crash` faults."""

    @property
    def holder(self) -> int:
        """What tells it from every other consumer."""

    @property
    def deadline_s(self) -> float:
        """How long it may keep a message before it must answer."""

    @property
    def is_open(self) -> bool:
        """Whether it still takes anything."""

    def room(self, load: Load) -> Room:
        """What it can take now, having `load` in hand."""

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        """Take them; each is to be acknowledged, extended or given back by its ack id."""

    def refuse(self, delivery: Delivery, status: grpc.StatusCode) -> None:
        """A planned fault: `delivery` met this error on its way, and did not arrive."""

    def break_off(self, status: grpc.StatusCode, message: str) -> None:
        """Nothing comes any more: end with this status once what was accepted is sent."""


def new_holder() -> int:
    """A number no other consumer of this process has."""
    return next(_HOLDERS)


class Outlet:
    """The deliveries of one subscription.

    Args:
        on_dead: publishes a message to the dead-letter topic and settles it; False where it could not.
        now_us: the wall clock, microseconds since 1970.
    """

    def __init__(
        self,
        row_id: int,
        subscription: Subscription,
        *,
        store: Store,
        calls: Calls,
        on_dead: Callable[[Outlet, Entry], bool],
        now_us: Callable[[], int],
    ) -> None:
        self.row_id = row_id
        self.subscription = subscription
        self.used_us = now_us()
        self._store = store
        self._calls = calls
        self._on_dead = on_dead
        self._now_us = now_us
        self._consumers: deque[Consumer] = deque()
        self._overtaken: list[Entry] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump_handle: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._matches = parse_filter(subscription.filter)
        self.backlog = self._load()

    def _load(self) -> Backlog:
        subscription = self.subscription
        backlog = Backlog(
            f"{self.row_id}-{secrets.token_hex(4)}",
            is_ordered=subscription.is_ordered,
            retry=subscription.retry or (PUSH_RETRY if subscription.push else None),
            is_strict=subscription.is_exactly_once,
        )
        backlog.add(self._store.backlog(self.row_id))
        return backlog

    # life

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliveries go out from now on."""
        self._loop = loop
        self.wake()

    def stop(self) -> None:
        """Nothing goes out any more; timers are gone."""
        self._loop = None
        for handle in (self._pump_handle, self._timer):
            if handle:
                handle.cancel()
        self._pump_handle = self._timer = None

    def close(self, status: grpc.StatusCode, message: str) -> None:
        """Every consumer is told that it ends, and why."""
        for consumer in tuple(self._consumers):
            consumer.break_off(status, message)

    def reload(self) -> None:
        """The backlog is what the store says; every lease is void."""
        self.backlog = self._load()
        self.wake()

    def replace(self, subscription: Subscription) -> None:
        """The subscription's configuration is this one now; leases stay."""
        self.subscription = subscription
        self.backlog.retry = subscription.retry or (PUSH_RETRY if subscription.push else None)
        self.backlog.is_strict = subscription.is_exactly_once
        self.wake()

    # consumers

    def join(self, consumer: Consumer) -> None:
        """`consumer` gets its share from now on."""
        self._consumers.append(consumer)
        self.wake()

    def leave(self, consumer: Consumer) -> None:
        """`consumer` gets nothing more; what it has in hand stays its own until the deadline."""
        self.used_us = self._now_us()
        if consumer in self._consumers:
            self._consumers.remove(consumer)
        self.backlog.loads.pop(consumer.holder, None)

    @property
    def is_pulled(self) -> bool:
        """Whether someone consumes now."""
        return bool(self._consumers)

    def wants(self, attributes: Mapping[str, str]) -> bool:
        """Whether a message with these attributes is for this subscription."""
        return not self.subscription.is_detached and self._matches(attributes)

    # answers

    def arrive(self, arrivals: Iterable[Waiting]) -> None:
        """New messages wait."""
        self.backlog.add(arrivals)
        self.wake()

    def ack(self, ack_ids: Sequence[str]) -> list[str]:
        """Ack ids that were no longer good; the messages of the others are done, durably."""
        self.used_us = self._now_us()
        done, stale = self.backlog.ack(ack_ids)
        self.settle(done)
        self.wake()
        return stale

    def modify(self, ack_ids: Sequence[str], seconds: float) -> list[str]:
        """Ack ids that were no longer good; 0 seconds give the others back as failed."""
        self.used_us = self._now_us()
        now = time.monotonic()
        if seconds > 0:
            stale = self.backlog.extend(ack_ids, now, seconds)
        else:
            failed, stale = self.backlog.nack(ack_ids, now)
            self._note_failed(failed)
        self.wake()
        return stale

    def return_unsent(self, deliveries: Iterable[Delivery]) -> None:
        """These never left: they wait again, and it does not count as a failure."""
        for delivery in deliveries:
            lease = self.backlog.lease(delivery.ack_id)
            if lease:
                self.backlog.put_back(lease.entry)
        self.wake()

    def settle(self, message_ids: Sequence[int]) -> None:
        """These are acknowledged, durably."""
        if message_ids:
            self._store.settle(self.row_id, message_ids, retains=self.subscription.retains_acked, now_us=self._now_us())

    def _note_failed(self, failed: Sequence[Entry]) -> None:
        policy = self.subscription.dead_letter
        if not failed:
            return
        self._store.note_failures(self.row_id, {entry.message_id: entry.failures for entry in failed})
        for entry in failed:
            if policy and entry.failures >= policy.max_attempts and self._on_dead(self, entry):
                self.settle(self.backlog.finish(entry.message_id))

    # the pump

    def wake(self) -> None:
        """Look, in this turn of the loop, whether something can go out."""
        if self._loop is not None and self._pump_handle is None:
            self._pump_handle = self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_handle = None
        if self._loop is None:
            return
        now = time.monotonic()
        self._note_failed(self.backlog.expire(now))
        idle = 0
        while idle < len(self._consumers):
            consumer = self._consumers[0]
            self._consumers.rotate(-1)
            idle = 0 if self._serve(consumer, now) else idle + 1
        self._set_timer(now)

    def _serve(self, consumer: Consumer, now: float) -> bool:
        room = consumer.room(self.backlog.loads.get(consumer.holder, Load()))
        if room.messages <= 0:
            return False
        share = max(1, min(room.messages, _SHARE, -(-len(self.backlog) // len(self._consumers))))
        leases = self.backlog.take(consumer.holder, Room(share, room.size_bytes, room.run), now, consumer.deadline_s)
        self._deliver(consumer, leases, now)
        return bool(leases)

    def _deliver(self, consumer: Consumer, leases: Sequence[Lease], now: float) -> None:
        if not leases:
            return
        bodies = self._store.messages([lease.entry.message_id for lease in leases])
        batch: list[Delivery] = []
        for lease in leases:
            entry = lease.entry
            message = bodies.get(entry.message_id)
            if message is None:  # retention took it
                self.backlog.finish(entry.message_id)
            elif not consumer.is_open:
                self.backlog.put_back(entry)
            elif entry.lease is lease:  # else a fault on an earlier one of its key has called it back
                delivery = Delivery(ack_id=lease.ack_ids[0], message=message, attempt=lease.attempt)
                fate = self._ask(entry)
                if fate is UNTROUBLED:
                    batch.append(delivery)
                else:  # what precedes it leaves first, so that the fault strikes this one alone
                    batch = self._accept(consumer, batch)
                    self._strike(consumer, lease, delivery, fate, now)
        self._accept(consumer, batch)

    def _ask(self, entry: Entry) -> Fate:
        """What becomes of this delivery; counts it."""
        if entry.is_excused:
            return UNTROUBLED
        return fate_of(self._calls.begin("pubsub", "deliver", "pubsub", self.subscription.name))

    def _accept(self, consumer: Consumer, batch: Sequence[Delivery]) -> list[Delivery]:
        """`consumer` has the batch; returns an empty one."""
        if batch:
            consumer.accept(batch)
            self._let_overtaken_go(batch[-1].message.id)
        return []

    def _strike(self, consumer: Consumer, lease: Lease, delivery: Delivery, fate: Fate, now: float) -> None:
        """Do to one delivery what its fate is."""
        entry = lease.entry
        if fate.crashes:
            self._calls.crash(consumer.caller)
        if fate.refuses:
            consumer.refuse(delivery, fate.refuses)
        elif fate.hold_s is not None:
            entry.is_excused = True
            self.backlog.put_back(entry, now + fate.hold_s)
            self._overtaken += [entry] if fate.is_overtaken else []
        elif fate.copies == 0:
            self.settle(self.backlog.finish(entry.message_id))
        else:
            more = [structs.replace(delivery, ack_id=self.backlog.copy_lease(lease)) for _ in range(fate.copies - 1)]
            self._accept(consumer, [structs.replace(delivery, breaks_after=fate.breaks_after), *more])

    def _let_overtaken_go(self, passing_id: int) -> None:
        """What was held back until another has passed is ready, now that `passing_id` has."""
        if not self._overtaken:
            return
        for held in self._overtaken:
            if held.message_id != passing_id:
                self.backlog.wake(held)
        self._overtaken.clear()
        self.wake()

    def _set_timer(self, now: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        at = self.backlog.next_event_at()
        if at is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, at - now), self._pump)
