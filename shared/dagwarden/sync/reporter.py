"""Tells what an agent does: a receipt to the pipeline, a number to Prometheus, a line to the log."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagwarden.cloud.clients import VERSION
from dagwarden.ledger.state import list_digest
from dagwarden.names import NO_PARENT, NO_RELEASE, ReleaseNumber, trace_id
from dagwarden.sync.instance import Instance, Say
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.notice import Receipt, ReceiptOutcome
from dagwarden.sync.outbox import Outbox
from dagwarden.sync.trees import Root, Tree

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

LONGEST_ERROR = 2000
"""Characters of an error a receipt carries."""


class Watch:
    """Milliseconds each stage of an apply took."""

    def __init__(self, noticed_at: dt.datetime | None = None, waited_ms: float | None = None) -> None:
        """Starts.

        Args:
            noticed_at: when the notice came, if one did.
            waited_ms: from the notice's publication to here.
        """
        self.noticed_at = noticed_at
        self.stages_ms: dict[str, float] = {} if waited_ms is None else {"notice": waited_ms}
        self._started = self._last = time.perf_counter()

    def mark(self, stage: str) -> None:
        """What was done since the last mark was this stage."""
        now = time.perf_counter()
        self.stages_ms[stage] = round((now - self._last) * 1000, 3)
        self._last = now

    def total_s(self) -> float:
        """Seconds from the start to the last mark."""
        return self._last - self._started


class Reporter:
    """Speaks for one instance. Nothing here waits for the network."""

    def __init__(
        self,
        cloud: Cloud,
        root: Root,
        instance: Instance,
        *,
        now: Callable[[], dt.datetime],
        say: Say,
        metrics: Metrics,
    ) -> None:
        """Sends nothing before its outbox is started."""
        self.say = say
        self.metrics = metrics
        self.outbox = Outbox(
            root.receipts, cloud.settings.receipts_topic, lambda: cloud.topics, on_change=self._see_outbox
        )
        self._instance = instance
        self._now = now
        self._unsent_why = ""

    def tell_applied(self, tree: Tree, visible_at: dt.datetime, watch: Watch) -> None:
        """`tree` became live."""
        self._send(
            ReceiptOutcome.APPLIED,
            tree,
            visible_at=visible_at,
            noticed_at=watch.noticed_at,
            stages_ms=watch.stages_ms,
        )
        self.metrics.see_release(tree.number, watch.total_s())
        self.say(
            "release applied",
            release=tree.number,
            tree=tree.name,
            took_ms=round(watch.total_s() * 1000, 1),
            stages_ms=watch.stages_ms,
            trace=trace_id(tree.push_id) if tree.push_id else "",
        )

    def tell_running(self, tree: Tree | None, healed: str = "") -> None:
        """`tree` still is live; `healed` says what was found damaged and made anew."""
        self._send(ReceiptOutcome.RUNNING, tree, error=f"healed: {healed}" if healed else "")
        if healed:
            self.metrics.count_heal()

    def tell_failed(self, tree: Tree | None, wanted: ReleaseNumber | None, error: str) -> None:
        """Something could not be done; `tree` still is live."""
        self._send(ReceiptOutcome.FAILED, tree, wanted=wanted, error=error)
        self.metrics.count_failure()
        running = tree.number if tree else NO_RELEASE
        self.say("not applied", severity="ERROR", error=error, wanted=wanted, running=running)

    def _send(
        self,
        outcome: ReceiptOutcome,
        tree: Tree | None,
        *,
        wanted: ReleaseNumber | None = None,
        error: str = "",
        visible_at: dt.datetime | None = None,
        noticed_at: dt.datetime | None = None,
        stages_ms: dict[str, float] | None = None,
    ) -> None:
        self.outbox.put(
            Receipt(
                environment=self._instance.environment,
                component=self._instance.component,
                instance=self._instance.name,
                outcome=outcome,
                release=tree.number if tree else NO_RELEASE,
                digest=tree.digest if tree else NO_PARENT,
                tree=tree.held_digest if tree else list_digest(()),
                at=self._now(),
                visible_at=visible_at,
                wanted=wanted,
                error=error[:LONGEST_ERROR],
                push_id=tree.push_id if tree else None,
                pushed_at=tree.pushed_at if tree else None,
                committed_at=tree.committed_at if tree else None,
                noticed_at=noticed_at,
                stages_ms=stages_ms or {},
                version=VERSION,
            )
        )

    def _see_outbox(self, waiting: int, why: str) -> None:
        self.metrics.see_unsent(waiting)
        if why and why != self._unsent_why:
            self.say("receipts wait", severity="WARNING", count=waiting, error=why)
        self._unsent_why = why
