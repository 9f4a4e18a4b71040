"""What an agent tells Prometheus of itself."""

from __future__ import annotations

import datetime as dt

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dagwarden.names import Component, EnvironmentName, ReleaseNumber

APPLY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""From a one-file release onto a spare, to a first start over a slow line."""


class Metrics:
    """The numbers of one agent, in a registry of their own so that two agents in one process do not collide."""

    def __init__(self, environment: EnvironmentName, component: Component) -> None:
        self.registry = CollectorRegistry()
        labels = {"environment": str(environment), "component": str(component)}

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, tuple(labels), registry=self.registry).labels(**labels)

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, tuple(labels), registry=self.registry).labels(**labels)

        self._release = gauge("dagwarden_release", "Number of the release that is live here")
        self._trees = gauge("dagwarden_trees", "Trees kept on disk, the live one included")
        self._last_sync = gauge(
            "dagwarden_last_sync_timestamp_seconds", "When what the ledger holds was last known to be live"
        )
        self._unsent = gauge("dagwarden_receipts_unsent", "Receipts waiting to be published")
        self._notices = counter("dagwarden_notices_total", "Notices received, doubled and late ones included")
        self._failures = counter("dagwarden_failures_total", "Releases that could not be applied and looks that failed")
        self._heals = counter("dagwarden_heals_total", "Times the live tree was found damaged and made anew")
        self._apply = Histogram(
            "dagwarden_apply_seconds",
            "Seconds from taking up a release to its being live",
            tuple(labels),
            registry=self.registry,
            buckets=APPLY_BUCKETS_S,
        ).labels(**labels)

    def count_notice(self) -> None:
        """One more notice came."""
        self._notices.inc()

    def count_failure(self) -> None:
        """One more attempt failed."""
        self._failures.inc()

    def count_heal(self) -> None:
        """The live tree was made anew once more."""
        self._heals.inc()

    def see_release(self, release: ReleaseNumber, took_s: float | None = None) -> None:
        """`release` is live; it took so long, if it was applied just now."""
        self._release.set(release)
        if took_s is not None:
            self._apply.observe(took_s)

    def see_sync(self, at: dt.datetime) -> None:
        """The ledger answered, and what it holds is live."""
        self._last_sync.set(at.timestamp())

    def see_trees(self, count: int) -> None:
        """So many trees lie on disk."""
        self._trees.set(count)

    def see_unsent(self, count: int) -> None:
        """So many receipts wait."""
        self._unsent.set(count)
