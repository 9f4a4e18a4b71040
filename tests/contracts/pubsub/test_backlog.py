"""The backlog under any sequence of what may happen to it: nothing lost, nothing in two hands, every key in order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from localcloud.pubsub.backlog import Backlog, Lease, Room
from localcloud.pubsub.resources import RetryPolicy
from localcloud.pubsub.store import Waiting

HOLDERS = st.sampled_from([1, 2, 3])
KEYS = st.sampled_from(["", "", "a", "b"])
PICKS = st.integers(0, 1000)
RUNS = st.sampled_from([1, 9])
DEADLINE_S = 10.0
SETTINGS = settings(max_examples=150, deadline=None)


class BacklogMachine(RuleBasedStateMachine):
    """Publishes, takes, answers and lets time pass; the model is the set of what is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.next_id = 1
        self.backlog = Backlog("7-0123abcd", is_ordered=True, retry=self.retry(), is_strict=False)
        self.due: set[int] = set()
        self.keys: dict[int, str] = {}
        self.given: list[Lease] = []

    def retry(self) -> RetryPolicy | None:
        return None

    @initialize(keys=st.lists(KEYS, min_size=4, max_size=12))
    def begin(self, keys: list[str]) -> None:
        for key in keys:
            self.publish(key, 10)

    @rule(key=KEYS, size=st.integers(1, 50))
    def publish(self, key: str, size: int) -> None:
        self.backlog.add([Waiting(self.next_id, key, size, 0)])
        self.due.add(self.next_id)
        self.keys[self.next_id] = key
        self.next_id += 1

    @rule(holder=HOLDERS, messages=st.integers(1, 5), size=st.integers(1, 120), run=RUNS)
    def take(self, holder: int, messages: int, size: int, run: int) -> None:
        taken = self.backlog.take(holder, Room(messages, size, run), self.now, DEADLINE_S)
        assert len(taken) <= messages
        assert len(taken) <= 1 or sum(lease.entry.size_bytes for lease in taken) <= size
        for lease in taken:
            assert lease.entry.message_id in self.due
            self.check_order(lease)
        self.given += taken

    def check_order(self, lease: Lease) -> None:
        """A key never shows a message while an earlier one of it was neither shown nor is done."""
        key = self.keys[lease.entry.message_id]
        if not key:
            return
        earlier = [m for m in self.due if self.keys[m] == key and m < lease.entry.message_id]
        in_hand = {each.entry.message_id: each.holder for each in self.live()}
        for message_id in earlier:
            entry = self.backlog._entries[message_id]
            assert entry.is_done or message_id in in_hand, "overtaken within its key"
            assert entry.is_done or in_hand[message_id] == lease.holder, "one key in two hands"

    def live(self) -> list[Lease]:
        return list({id(lease): lease for lease in self.backlog._leases.values()}.values())

    @precondition(lambda self: self.live())
    @rule(pick=PICKS)
    def ack(self, pick: int) -> None:
        lease = self.live()[pick % len(self.live())]
        done, stale = self.backlog.ack(lease.ack_ids)
        assert not stale
        self.due -= set(done)

    @precondition(lambda self: self.given)
    @rule(pick=PICKS)
    def ack_late(self, pick: int) -> None:
        """With an ack id that may have expired: good for messages without a key only."""
        lease = self.given[pick % len(self.given)]
        is_current = lease.entry.lease is lease
        done, _ = self.backlog.ack(lease.ack_ids)
        assert is_current or not done or not self.keys[lease.entry.message_id]
        self.due -= set(done)

    @precondition(lambda self: self.live())
    @rule(pick=PICKS)
    def nack(self, pick: int) -> None:
        lease = self.live()[pick % len(self.live())]
        before = lease.entry.failures
        [failed], stale = self.backlog.nack(lease.ack_ids[:1], self.now)
        assert (failed.failures, stale) == (before + 1, [])

    @precondition(lambda self: self.given)
    @rule(pick=PICKS)
    def nack_late(self, pick: int) -> None:
        lease = self.given[pick % len(self.given)]
        failed, stale = self.backlog.nack(lease.ack_ids[:1], self.now)
        assert len(failed) + len(stale) == 1

    @precondition(lambda self: self.live())
    @rule(pick=PICKS, seconds=st.sampled_from([1.0, 5.0, 600.0]))
    def extend(self, pick: int, seconds: float) -> None:
        lease = self.live()[pick % len(self.live())]
        assert self.backlog.extend(lease.ack_ids, self.now, seconds) == []

    @rule(seconds=st.sampled_from([0.5, 5.0, 11.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        unexpired = [lease for lease in self.live() if lease.expires_at > self.now and not lease.entry.ordering_key]
        self.backlog.expire(self.now)
        assert all(lease.expires_at > self.now for lease in self.live())
        assert all(lease.entry.lease is lease for lease in unexpired)

    @rule(holder=HOLDERS)
    def leave(self, holder: int) -> None:
        self.backlog.loads.pop(holder, None)

    @rule(data=st.data())
    def settle_elsewhere(self, data: st.DataObject) -> None:
        """As retention, a dead letter or a lost delivery do."""
        if self.due:
            self.due -= set(self.backlog.finish(data.draw(st.sampled_from(sorted(self.due)))))

    @invariant()
    def nothing_is_lost_or_invented(self) -> None:
        assert set(self.backlog._entries) == self.due

    @invariant()
    def nothing_is_in_two_hands(self) -> None:
        held = [lease.entry.message_id for lease in self.live()]
        assert len(held) == len(set(held))

    @invariant()
    def loads_are_what_is_held(self) -> None:
        for holder, load in self.backlog.loads.items():
            mine = [lease for lease in self.live() if lease.holder == holder]
            assert load.messages <= len(mine)

    def teardown(self) -> None:
        """Whatever happened, one patient holder gets and finishes everything."""
        for _ in range(4 * len(self.due) + 4):
            self.now += 2000.0
            self.backlog.expire(self.now)
            for lease in self.backlog.take(9, Room(100, 10_000), self.now, DEADLINE_S):
                if lease.ack_ids:
                    self.due -= set(self.backlog.ack(lease.ack_ids[:1])[0])
        assert not self.due
        assert len(self.backlog) == 0


class RetryingMachine(BacklogMachine):
    """The same with back-off."""

    def retry(self) -> RetryPolicy | None:
        return RetryPolicy(min_s=1.0, max_s=30.0)


class TestBacklog(BacklogMachine.TestCase):
    settings = SETTINGS


class TestBacklogWithRetries(RetryingMachine.TestCase):
    settings = SETTINGS
