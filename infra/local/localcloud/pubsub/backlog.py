"""What one subscription still has to deliver: a pure state machine over entries, leases and ordering keys.

An entry is *ready*, *leased* (handed out, its deadline running) or *resting* (backing off). Entries with an ordering
key stand in a lane; a lane hands out its entries in order to one holder at a time, and when one fails, it and all later
ones of the lane are handed out again, even those acknowledged meanwhile. Time is passed in, in seconds of any clock.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .resources import RetryPolicy
from .store import Waiting

_ACK_ID = re.compile(r"([0-9]{1,18})-[0-9a-f]{8}-([0-9]{1,18})-[0-9]{1,18}")


@dataclass(slots=True, eq=False)
class Entry:
    """One unacknowledged message."""

    message_id: int
    ordering_key: str
    size_bytes: int
    failures: int = 0
    lease: Lease | None = None
    lane: Lane | None = None
    is_done: bool = False
    is_excused: bool = False
    """A fault has already struck it: it is not asked about again."""


@dataclass(slots=True, eq=False)
class Lease:
    """An entry in the hands of `holder` until `expires_at`."""

    entry: Entry
    holder: int
    expires_at: float
    ack_ids: list[str]

    @property
    def attempt(self) -> int:
        """Which delivery this is, from 1."""
        return self.entry.failures + 1


@dataclass(slots=True, eq=False)
class Lane:
    """The entries of one ordering key, oldest first; the first `given` of them are handed out or done."""

    key: str
    entries: deque[Entry] = field(default_factory=deque)
    given: int = 0
    holder: int | None = None
    rests_until: float = 0.0
    is_queued: bool = False


@dataclass(slots=True)
class Load:
    """What one holder has in hand."""

    messages: int = 0
    size_bytes: int = 0


@dataclass(slots=True, frozen=True)
class Room:
    """What one holder can still take; `run` is how many of one ordering key it may have in hand."""

    messages: int
    size_bytes: int
    run: int = 1_000_000


class Backlog:
    """All of one subscription's unacknowledged messages.

    Args:
        prefix: begins every ack id: the subscription's row id, `-`, eight hex digits that differ in each run.
    """

    def __init__(self, prefix: str, *, is_ordered: bool, retry: RetryPolicy | None, is_strict: bool) -> None:
        self.retry = retry
        self.is_strict = is_strict
        self._is_ordered = is_ordered
        self._prefix = prefix
        self._serial = itertools.count(1)
        self._entries: dict[int, Entry] = {}
        self._ready: deque[Entry | Lane] = deque()
        self._resting: list[tuple[float, int, Entry | Lane]] = []
        self._lanes: dict[str, Lane] = {}
        self._leases: dict[str, Lease] = {}
        self._deadlines: list[tuple[float, int, Lease]] = []
        self.loads: dict[int, Load] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def has_ready(self) -> bool:
        """Whether `take` may find something."""
        return bool(self._ready)

    def add(self, arrivals: Iterable[Waiting]) -> None:
        """The messages wait, behind all others."""
        for waiting in arrivals:
            entry = Entry(waiting.message_id, waiting.ordering_key, waiting.size_bytes, waiting.failures)
            self._entries[entry.message_id] = entry
            if self._is_ordered and entry.ordering_key:
                lane = self._lanes.setdefault(entry.ordering_key, Lane(entry.ordering_key))
                entry.lane = lane
                lane.entries.append(entry)
                self._queue_lane(lane)
            else:
                self._ready.append(entry)

    # handing out

    def take(self, holder: int, room: Room, now: float, deadline_s: float) -> list[Lease]:
        """Leases for as much as `holder` has room for (one entry at least where it has nothing in hand)."""
        self._wake_resting(now)
        taken: list[Lease] = []
        aside: list[Entry | Lane] = []
        size_bytes = 0
        is_empty_handed = self.loads.get(holder, Load()).messages == 0
        while self._ready and len(taken) < room.messages:
            item = self._ready[0]
            entry = self._next_of(item)
            if entry is None:
                self._ready.popleft()
                continue
            if isinstance(item, Lane) and not (item.holder in (None, holder) and item.given < room.run):
                aside.append(self._ready.popleft())
                continue
            if size_bytes + entry.size_bytes > room.size_bytes and (taken or not is_empty_handed):
                break
            self._ready.popleft()
            size_bytes += entry.size_bytes
            taken.append(self._lease(entry, holder, now + deadline_s))
        self._ready.extendleft(reversed(aside))
        return taken

    def _next_of(self, item: Entry | Lane) -> Entry | None:
        """The entry that `item`, the first of the ready ones, has to give; None: nothing any more."""
        if isinstance(item, Entry):
            return None if item.is_done else item
        while item.given < len(item.entries) and item.entries[item.given].is_done:
            item.given += 1
        if item.given < len(item.entries) and not item.rests_until:
            return item.entries[item.given]
        item.is_queued = False
        return None

    def _lease(self, entry: Entry, holder: int, expires_at: float) -> Lease:
        lease = Lease(entry, holder, expires_at, [])
        entry.lease = lease
        self.copy_lease(lease)
        load = self.loads.setdefault(holder, Load())
        load.messages += 1
        load.size_bytes += entry.size_bytes
        heapq.heappush(self._deadlines, (expires_at, next(self._serial), lease))
        lane = entry.lane
        if lane is not None:
            lane.holder = holder
            lane.given += 1
            lane.is_queued = False
            self._queue_lane(lane, first=True)
        return lease

    def is_own(self, ack_id: str) -> bool:
        """Whether `ack_id` is one this subscription has given, in this run of the process or in an earlier one."""
        found = _ACK_ID.fullmatch(ack_id)
        return found is not None and found[1] == self._prefix.split("-")[0]

    def lease(self, ack_id: str) -> Lease | None:
        """The lease that runs under `ack_id`."""
        return self._leases.get(ack_id)

    def copy_lease(self, lease: Lease) -> str:
        """Another ack id for the same lease."""
        ack_id = f"{self._prefix}-{lease.entry.message_id}-{next(self._serial)}"
        lease.ack_ids.append(ack_id)
        self._leases[ack_id] = lease
        return ack_id

    # what becomes of a lease

    def ack(self, ack_ids: Sequence[str]) -> tuple[list[int], list[str]]:
        """(ids of messages now done for good, ack ids that are no longer good)."""
        done: list[int] = []
        stale: list[str] = []
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            entry = lease.entry if lease else self._late(ack_id)
            if entry is None:
                stale.append(ack_id)
            elif not entry.is_done:
                done += self._finish(entry)
        return done, stale

    def _late(self, ack_id: str) -> Entry | None:
        """The entry of an expired lease: it may still be acknowledged unless order or exactly-once forbid."""
        found = _ACK_ID.fullmatch(ack_id)
        entry = self._entries.get(int(found[2])) if found else None
        return entry if entry is not None and entry.lane is None and not self.is_strict else None

    def finish(self, message_id: int) -> list[int]:
        """Ids of messages done for good now that this one is."""
        entry = self._entries.get(message_id)
        return [] if entry is None or entry.is_done else self._finish(entry)

    def _finish(self, entry: Entry) -> list[int]:
        self._release(entry)
        entry.is_done = True
        lane = entry.lane
        if lane is None:
            del self._entries[entry.message_id]
            return [entry.message_id]
        done: list[int] = []
        while lane.entries and lane.entries[0].is_done:
            first = lane.entries.popleft()
            lane.given = max(0, lane.given - 1)
            del self._entries[first.message_id]
            done.append(first.message_id)
        self._settle_lane(lane)
        return done

    def extend(self, ack_ids: Sequence[str], now: float, seconds: float) -> list[str]:
        """Ack ids that are no longer good; the other leases run `seconds` from now."""
        stale: list[str] = []
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is None:
                stale.append(ack_id)
                continue
            lease.expires_at = now + seconds
            heapq.heappush(self._deadlines, (lease.expires_at, next(self._serial), lease))
        return stale

    def nack(self, ack_ids: Sequence[str], now: float) -> tuple[list[Entry], list[str]]:
        """(entries that failed and wait again, ack ids that are no longer good)."""
        failed: list[Entry] = []
        stale: list[str] = []
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is None:
                stale.append(ack_id)
            else:
                failed.append(self._fail(lease.entry, now))
        return failed, stale

    def expire(self, now: float) -> list[Entry]:
        """Entries whose lease ran out; they failed and wait again."""
        failed: list[Entry] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            expires_at, _, lease = heapq.heappop(self._deadlines)
            if lease.entry.lease is lease and lease.expires_at == expires_at:
                failed.append(self._fail(lease.entry, now))
        return failed

    def _fail(self, entry: Entry, now: float) -> Entry:
        entry.failures += 1
        self.put_back(entry, now + self.retry.backoff_s(entry.failures) if self.retry else 0.0)
        return entry

    def put_back(self, entry: Entry, ready_at: float = 0.0) -> None:
        """A leased entry waits again, at the end (in its lane: where it was), not before `ready_at`."""
        self._release(entry)
        lane = entry.lane
        item: Entry | Lane = entry
        if lane is not None:
            lane.rests_until = ready_at
            self._rewind(lane, entry)
            item = lane
        if ready_at:
            heapq.heappush(self._resting, (ready_at, next(self._serial), item))
        elif lane is None:
            self._ready.append(entry)

    def _rewind(self, lane: Lane, entry: Entry) -> None:
        lane.given = min(lane.given, lane.entries.index(entry))
        for later in itertools.islice(lane.entries, lane.given, None):
            later.is_done = False
            self._release(later)
        self._settle_lane(lane)

    def _settle_lane(self, lane: Lane) -> None:
        if lane.given == 0:
            lane.holder = None
        if lane.entries:
            self._queue_lane(lane)
        elif self._lanes.get(lane.key) is lane and not lane.is_queued:
            del self._lanes[lane.key]

    def _queue_lane(self, lane: Lane, *, first: bool = False) -> None:
        if lane.is_queued or lane.given >= len(lane.entries) or lane.rests_until:
            return
        lane.is_queued = True
        if first:
            self._ready.appendleft(lane)
        else:
            self._ready.append(lane)

    def _release(self, entry: Entry) -> None:
        lease, entry.lease = entry.lease, None
        if lease is None:
            return
        for ack_id in lease.ack_ids:
            del self._leases[ack_id]
        load = self.loads.get(lease.holder)
        if load:
            load.messages -= 1
            load.size_bytes -= entry.size_bytes

    # time

    def wake(self, entry: Entry) -> None:
        """A resting entry (or its lane) is ready at once."""
        for index, (_, serial, item) in enumerate(self._resting):
            if item is entry or item is entry.lane:
                self._resting[index] = (0.0, serial, item)
        heapq.heapify(self._resting)

    def _wake_resting(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            _, _, item = heapq.heappop(self._resting)
            if isinstance(item, Lane):
                item.rests_until = 0.0
                self._queue_lane(item)
            elif not item.is_done:
                self._ready.append(item)

    def next_event_at(self) -> float | None:
        """When `expire` or `take` next has something to do that they have not now; None: never."""
        while self._deadlines and not self._is_current(self._deadlines[0]):
            heapq.heappop(self._deadlines)
        times = [heap[0][0] for heap in (self._deadlines, self._resting) if heap]
        return min(times, default=None)

    @staticmethod
    def _is_current(deadline: tuple[float, int, Lease]) -> bool:
        expires_at, _, lease = deadline
        return lease.entry.lease is lease and lease.expires_at == expires_at
