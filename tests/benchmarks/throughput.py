"""Benchmark `throughput`: pushes from eight sources at once to one environment."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dagwarden.names import ReleaseNumber, ReleasePath
from dagwarden.policy.verdict import Verdict
from tests.benchmarks.corpus import make_files
from tests.benchmarks.figures import percentile
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale
from tests.benchmarks.stand import Stand, running_stand

THROUGHPUT = "throughput"
SOURCES = 8
LOST_AIM = 0.0


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows."""
    with running_stand(folder / "stack") as stand:
        stand.source("first").push(make_files(70))
        stand.await_release(ReleaseNumber(1))
        stand.settle()
        begun = time.perf_counter()
        with ThreadPoolExecutor(max_workers=SOURCES) as pool:
            pushers = [pool.submit(_push_all, stand, index, scale.concurrent_pushes) for index in range(SOURCES)]
            told = [pair for pusher in pushers for pair in pusher.result()]
        decided_s = time.perf_counter() - begun
        last = ReleaseNumber(1 + len(told))
        stand.await_head(last)
        visible_s = time.perf_counter() - begun
    waits_ms = [wait_ms for wait_ms, _ in told]
    released = {verdict.release for _, verdict in told}
    lost = len(told) - len(released & set(range(2, last + 1)))
    note = f"{len(told)} pushes from {SOURCES} sources"
    return [
        make_row(THROUGHPUT, "releases a second", len(released) / decided_s, "/s", note=note),
        make_row(THROUGHPUT, "push to verdict: p50", percentile(waits_ms, 50), "ms"),
        make_row(THROUGHPUT, "push to verdict: p99", percentile(waits_ms, 99), "ms"),
        make_row(THROUGHPUT, "pushes without a release of their own", float(lost), "", aim=LOST_AIM),
        make_row(THROUGHPUT, "last verdict to last release on every instance", visible_s - decided_s, "s"),
    ]


def _push_all(stand: Stand, index: int, count: int) -> list[tuple[float, Verdict]]:
    source = stand.source(f"source-{index}")
    path = ReleasePath(f"dags/source_{index}/dag.py")
    told = []
    for number in range(count):
        begun = time.perf_counter()
        verdict = stand.verdict(source.push({path: f"# push {number} of source {index}\n".encode()}))
        told.append(((time.perf_counter() - begun) * 1000, verdict))
    return told
