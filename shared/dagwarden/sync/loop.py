"""Keeps one agent going: notices as they come, a look at the ledger now and then, tidying in between."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from dagwarden.errors import DagwardenError
from dagwarden.names import notice_filter
from dagwarden.sync.agent import Agent
from dagwarden.sync.instance import Instance
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.reporter import Reporter
from dagwarden.sync.trees import Root
from dagwarden.wire import digest

if TYPE_CHECKING:
    from pathlib import Path

    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.topics import Incoming, Stream, Subscription
    from dagwarden.sync.instance import Say

VERIFY_EVERY_S = 3600.0
"""Seconds between two readings of every byte of the live tree."""

SUBSCRIPTION_EXPIRES_S = 86400.0
"""An instance that is gone for a day comes back under a new subscription. Pub/Sub allows no shorter time."""

CALM_S = 0.2
"""Seconds between a release and the tidying after it: its receipt goes out first, and agents that share the machine
have laid it down as well before this one makes thousands of links."""

PULSE_S = 0.5
FIRST_WAIT_S = 0.5
PATIENCE_S = 10.0
"""Seconds the last receipts may take at the end."""


class Loop:
    """One agent, its threads and its timetable."""

    def __init__(
        self,
        cloud: Cloud,
        root: Path,
        instance: Instance,
        *,
        now: Callable[[], dt.datetime],
        say: Say,
        metrics: Metrics,
    ) -> None:
        """Starts nothing."""
        place = Root(root)
        self.reporter = Reporter(cloud, place, instance, now=now, say=say, metrics=metrics)
        self.agent = Agent(cloud, place, instance, self.reporter, now)
        self._cloud = cloud
        self._instance = instance
        self._now = now
        self._say = say
        self._period_s = jittered(cloud.settings.reconcile_every_s, instance.subscription())
        self._stop = threading.Event()
        self._is_look_due = threading.Event()
        self._stream: Stream | None = None
        self._connect = _Backoff(self._period_s)
        self._look = _Backoff(self._period_s)

    def stop(self) -> None:
        """`run` returns soon, after the message under way. Safe in a signal handler."""
        self._stop.set()

    def find_fault(self) -> str:
        """Why the agent is not healthy; empty while it is."""
        if self.agent.last_sync_at is None:
            return "nothing was synced yet"
        age_s = (self._now() - self.agent.last_sync_at).total_seconds()
        return f"the last look at the ledger was {age_s:.0f} s ago" if age_s > 3 * self._period_s else ""

    def run_once(self, *, reads_bytes: bool = False) -> None:
        """The newest release is live, undamaged, and said so, afterwards.

        Raises:
            Transient, Permanent: as `Agent.reconcile`.
        """
        self.agent.open()
        try:
            self.reporter.outbox.start()
            self.agent.reconcile(reads_bytes=reads_bytes)
            self.agent.tidy()
        finally:
            self.reporter.outbox.stop(PATIENCE_S)
            self.agent.close()

    def run(self, *, reads_bytes: bool = False) -> None:
        """Runs until `stop`. What fails is reported and tried again.

        Args:
            reads_bytes: read every byte of the live tree at start, too.

        Raises:
            InvalidInput, AlreadyExists, AccessDenied: the root folder cannot be used.
        """
        self.agent.open()
        tidier = threading.Thread(target=self._tidy, name="tidier", daemon=True)
        try:
            self.reporter.outbox.start()
            tidier.start()
            self._keep_going(reads_bytes)
        finally:
            self._stop.set()
            self._disconnect()
            self.agent.applied.set()
            tidier.join()
            self.reporter.outbox.stop(PATIENCE_S)
            self.agent.close()
            self._say("stopped")

    def _keep_going(self, reads_bytes: bool) -> None:
        is_ready = False
        verified_at = time.monotonic()
        self._is_look_due.set()
        while not self._stop.is_set():
            # The subscription stands before the ledger is looked at: no release falls between the two.
            self._keep_connected()
            if self._is_look_due.is_set() or self._look.is_over():
                self._is_look_due.clear()
                is_hour_over = time.monotonic() - verified_at >= VERIFY_EVERY_S
                if self._reconcile(reads_bytes=is_hour_over or (reads_bytes and not is_ready)):
                    verified_at = time.monotonic() if is_hour_over else verified_at
                    if not is_ready:
                        is_ready = True
                        self._say("ready", release=self.agent.tree.number if self.agent.tree else 0)
            self._stop.wait(PULSE_S)

    def _reconcile(self, *, reads_bytes: bool) -> bool:
        try:
            self.agent.reconcile(reads_bytes=reads_bytes)
        except DagwardenError:
            self._look.lengthen()  # reported already
            return False
        self._look.reset(self._period_s)
        return True

    def _keep_connected(self) -> None:
        if self._stream is not None and self._stream.is_running():
            return
        if self._stream is not None:
            self._say("stream of notices ended", severity="WARNING")
            self._disconnect()
            self._is_look_due.set()
        if not self._connect.is_over():
            return
        try:
            self._subscription.ensure(
                self._cloud.settings.notices_topic,
                notice_filter(self._instance.environment, self._instance.component),
                expires_after_s=SUBSCRIPTION_EXPIRES_S,
            )
            self._stream = self._subscription.stream(self._take_notice)
            self._connect.reset(FIRST_WAIT_S)
        except DagwardenError as error:
            self._connect.lengthen()
            self._say("no notices", severity="WARNING", error=str(error), hint="the ledger is looked at all the same")

    @cached_property
    def _subscription(self) -> Subscription:
        """One client for all reconnects: each has a channel of its own."""
        return self._cloud.subscription(self._instance.subscription())

    def _take_notice(self, incoming: Incoming) -> None:
        if not self.agent.take_notice(incoming):
            self._look.shorten()

    def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(DagwardenError):
                stream.close()

    def _tidy(self) -> None:
        while not self._stop.is_set():
            self.agent.applied.wait()
            is_stopping = self._stop.wait(CALM_S)
            self.agent.applied.clear()
            if not is_stopping:
                self.agent.tidy()


class _Backoff:
    """When something is to be done next: later and later while it fails. Shared between threads."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._wait_s = FIRST_WAIT_S
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        return time.monotonic() >= self._at

    def reset(self, next_s: float) -> None:
        """It went well: do it again after so long."""
        with self._lock:
            self._wait_s = FIRST_WAIT_S
            self._at = time.monotonic() + next_s

    def lengthen(self) -> None:
        """It failed: wait twice as long as before."""
        with self._lock:
            self._at = time.monotonic() + self._wait_s
            self._wait_s = min(self._wait_s * 2, self._longest_s)

    def shorten(self) -> None:
        """Something else failed that this would mend: do it soon."""
        with self._lock:
            self._at = min(self._at, time.monotonic() + self._wait_s)


def jittered(period_s: float, name: str) -> float:
    """The period, made a tenth longer or shorter at most, by name: a fleet started at once does not look at once.

    >>> jittered(120.0, "dagwarden-prod-worker-a") == jittered(120.0, "dagwarden-prod-worker-a")
    True
    """
    return period_s * (0.9 + 0.2 * int(digest(name.encode())[:8], 16) / 0xFFFFFFFF)
