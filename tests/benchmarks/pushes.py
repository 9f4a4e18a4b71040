"""Benchmarks `push-to-visible` and `api-calls`: one file is changed in a release of 70 and of 10,000 files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dagwarden.names import Component, ReleaseNumber, status_object
from localcloud.calls import CallKey
from localcloud.processes import Program
from localcloud.stack import blueprint as plan
from tests.benchmarks.corpus import make_files, read_examples
from tests.benchmarks.figures import median, percentile
from tests.benchmarks.prices import Usage, cost_usd, use_storage
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale
from tests.benchmarks.stand import Stand, running_stand, wait_until
from tests.benchmarks.timeline import (
    APPLY_STAGES,
    GATE_STAGES,
    STAGES,
    Push,
    collect,
    is_noticed,
    slowest,
    split,
    total_ms,
)

VISIBLE, CALLS = "push-to-visible", "api-calls"
SMALL, LARGE = 70, 10_000
SERVICES = ("storage", "pubsub", "logging", "iam")
NOT_BILLED = ("Acknowledge", "ModifyAckDeadline", "StreamingPull", "deliver")
"""Pub/Sub methods that cost nothing of themselves and whose number hangs on how acknowledgements fall together."""

P50_AIM_MS, P99_AIM_MS, GROWTH_AIM = 250.0, 1000.0, 1.5
PROBE = "idle-1"


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with one size of release."""

    file_count: int
    first_s: float
    quiet_s: float
    pushes: list[Push]
    imported: list[Push]
    """Those whose file was imported in the sandbox before the gate decided."""
    calls: list[Counter[CallKey]]
    """Of each push on its own."""
    deliveries_own: int
    log_bytes: float


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows of both benchmarks."""
    with running_stand(folder / "small") as stand:
        small = _measure_series(stand, scale.files(SMALL), scale)
        git_ms = _measure_git(stand, folder / "repository", scale.git_pushes)
        idle = _measure_idle(stand)
    with running_stand(folder / "large") as stand:
        large = _measure_series(stand, scale.files(LARGE), scale)
    return [*_tell_times(small, large), *_tell_git(git_ms), *_tell_calls(small, large), *_tell_idle(stand, idle)]


# ---- measuring ---------------------------------------------------------------------------------------------------


def _measure_series(stand: Stand, file_count: int, scale: Scale) -> Series:
    files = make_files(file_count)
    source, path = stand.source("benchmark"), next(iter(files))
    begun = time.perf_counter()
    source.push(files)
    stand.await_release(ReleaseNumber(1))
    first_s = time.perf_counter() - begun
    stand.settle()
    quiet_s = time.perf_counter() - begun
    numbers = _count_from(ReleaseNumber(2))

    def push_one() -> Push:
        number = next(numbers)
        sent = source.push({path: files[path] + f"\n# edit {number}\n".encode()})
        receipts = stand.await_release(number)
        stand.settle()
        return stand.tell(sent, receipts)

    for _ in range(scale.warm_ups):
        push_one()
    pushes = [push_one() for _ in range(scale.pushes)]
    calls: list[Counter[CallKey]] = []
    for _ in range(scale.counted_pushes):
        before = stand.counts()
        number = next(numbers)
        source.push({path: files[path] + f"\n# edit {number}\n".encode()})
        stand.await_release(number)
        stand.settle()
        calls.append(stand.counts() - before)
    stand.choose_imports("required")
    push_one()  # the validator restores the tree and reads what each file imports
    imported = [push_one() for _ in range(scale.imported_pushes)]
    stand.choose_imports("skipped")
    return Series(
        file_count=file_count,
        imported=imported,
        first_s=first_s,
        quiet_s=quiet_s,
        pushes=pushes,
        calls=calls,
        deliveries_own=len(plan.AGENTS) + 1,
        log_bytes=median([_read_log_bytes(stand, push) for push in pushes[-5:]]),
    )


def _count_from(first: ReleaseNumber) -> Iterator[ReleaseNumber]:
    number = first
    while True:
        yield number
        number = ReleaseNumber(number + 1)


def _read_log_bytes(stand: Stand, push: Push) -> float:
    entries = stand.owner.audit_log.read(f'labels.push_id="{push.verdict.push_id}"')
    return float(sum(len(msgspec.json.encode((entry.payload, entry.labels))) for entry in entries))


def _measure_git(stand: Stand, repository: Path, count: int) -> list[float]:
    """Milliseconds of `git push`, from its start to its end with the verdict."""
    name, content = read_examples()[0]
    file = repository / "dags" / "git_team" / name
    file.parent.mkdir(parents=True)
    environ = {**os.environ, **stand.stack.environ("ada")}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"

    def git(*arguments: str) -> None:
        done = subprocess.run(
            ["git", *arguments], cwd=repository, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr

    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.com")
    git("remote", "add", "prod", f"dagwarden::gs://{plan.INBOX}/{plan.ENVIRONMENT}")
    times_ms = []
    for number in range(count + 1):  # the first one warms up
        file.write_bytes(content + f"\n# edit {number}\n".encode())
        git("add", "-A")
        git("commit", "-q", "-m", "Change a DAG")
        begun = time.perf_counter()
        git("push", "-q", "prod", "main")
        times_ms.append((time.perf_counter() - begun) * 1000)
        stand.settle()
    return times_ms[1:]


def _measure_idle(stand: Stand) -> Counter[CallKey]:
    """The calls of one look at the ledger by an agent that has everything already."""
    agent = plan.AgentPlan(Component.WORKER, PROBE)
    program = stand.stack.agent_program(agent)
    _run_once(stand, program)
    before = stand.counts()
    _run_once(stand, program)
    calls = stand.counts() - before
    shutil.rmtree(stand.stack.agent_root(PROBE))
    return calls


def _run_once(stand: Stand, program: Program) -> None:
    name = status_object(plan.ENVIRONMENT, Component.WORKER, PROBE)
    before = stand.owner.store.stat(name)
    subprocess.run([*program.argv, "--once"], env=dict(program.env), capture_output=True, timeout=60, check=True)
    wait_until(lambda: stand.owner.store.stat(name) != before, "the receipt to be recorded")
    stand.settle()


# ---- telling -----------------------------------------------------------------------------------------------------


def _tell_times(small: Series, large: Series) -> list[Row]:
    p50 = {series.file_count: percentile(_totals(series), 50) for series in (small, large)}
    growth = p50[large.file_count] / p50[small.file_count]
    rows = [row for series in (small, large) for row in _tell_series(series)]
    label = f"{large.file_count:,} files / {small.file_count} files: p50"
    rows.append(make_row(VISIBLE, label, growth, "x", aim=GROWTH_AIM))
    return rows


def _tell_series(series: Series) -> list[Row]:
    totals, of = _totals(series), f"{series.file_count:,} files"
    noticed = [push for push in series.pushes if is_noticed(push)]
    stages = [split(push) for push in noticed]
    gates = [push.verdict.stages_ms for push in noticed]
    applies = [slowest(push).stages_ms for push in noticed]
    rows = [
        make_row(VISIBLE, f"{of}: p50", percentile(totals, 50), "ms", aim=P50_AIM_MS, note=f"{len(totals)} pushes"),
        make_row(VISIBLE, f"{of}: p95", percentile(totals, 95), "ms"),
        make_row(VISIBLE, f"{of}: p99", percentile(totals, 99), "ms", aim=P99_AIM_MS),
    ]
    for stage in STAGES:
        rows.append(_tell_stage(f"{of}: {stage}", collect(stages, stage)))
        if stage == "gate":
            rows += [_tell_stage(f"{of}: gate, {name}", collect(gates, name)) for name in GATE_STAGES]
        if stage == "apply":
            rows += [_tell_stage(f"{of}: apply, {name}", collect(applies, name)) for name in APPLY_STAGES]
    rows += _tell_imported(series)
    rows.append(make_row(VISIBLE, f"{of}: the first push, with all of them", series.first_s, "s"))
    rows.append(make_row(VISIBLE, f"{of}: until the mirror has looked at its own writes", series.quiet_s, "s"))
    return rows


def _tell_imported(series: Series) -> list[Row]:
    totals = [total_ms(push) for push in series.imported]
    of, note = f"{series.file_count:,} files, imported first", f"{len(totals)} pushes"
    asked = [push.verdict.stages_ms["validate"] for push in series.imported]
    return [
        make_row(VISIBLE, f"{of}: p50", percentile(totals, 50), "ms", aim=P50_AIM_MS, note=note),
        make_row(VISIBLE, f"{of}: p99", percentile(totals, 99), "ms", aim=P99_AIM_MS),
        _tell_stage(f"{of}: gate, validate", asked),
    ]


def _tell_stage(metric: str, times_ms: list[float]) -> Row:
    return make_row(VISIBLE, metric, median(times_ms), "ms", note=f"p95 {percentile(times_ms, 95):.1f} ms")


def _totals(series: Series) -> list[float]:
    return [total_ms(push) for push in series.pushes]


def _tell_git(times_ms: list[float]) -> list[Row]:
    note = f"{len(times_ms)} times `git push` of one file, process start and wait for the verdict included"
    return [make_row(VISIBLE, "plain git push: p50", percentile(times_ms, 50), "ms", note=note)]


def _tell_calls(small: Series, large: Series) -> list[Row]:
    rows = []
    for service in SERVICES:
        few, many = (_count(series, service) for series in (small, large))
        rows.append(make_row(CALLS, f"{service}: calls a push, {small.file_count} files", few, ""))
        rows.append(make_row(CALLS, f"{service}: calls a push, {large.file_count:,} files", many, "", aim=few))
    methods = sorted({key.method for calls in small.calls for key in calls if key.service == "storage"})
    rows += [make_row(CALLS, f"storage: {method}", _count(small, "storage", method), "") for method in methods]
    rows.append(make_row(CALLS, "functions: invocations a push", _usage(small).invocations, ""))
    for series in (small, large):
        costs = cost_usd(_usage(series))
        of = f"1,000 pushes, {series.file_count:,} files"
        rows.append(make_row(CALLS, of, 1000 * sum(costs.values()), "USD", note=_say_costs(costs)))
    return rows


def _count(series: Series, service: str, method: str = "") -> float:
    """The median over pushes of the calls that are billed or may be limited."""
    return median(
        [
            float(
                sum(
                    count
                    for key, count in calls.items()
                    if key.service == service and method in ("", key.method) and key.method not in NOT_BILLED
                )
            )
            for calls in series.calls
        ]
    )


def _usage(series: Series) -> Usage:
    methods = {key.method for calls in series.calls for key in calls if key.service == "storage"}
    used = use_storage({method: _count(series, "storage", method) for method in methods})
    delivered = median([_delivered(calls) - series.deliveries_own for calls in series.calls])
    return msgspec.structs.replace(
        used,
        pubsub_bytes=2 * 1000 * delivered,  # each was published, too
        log_bytes=series.log_bytes,
        invocations=delivered - len(plan.AGENTS),  # the notices go to agents, all else to functions
    )


def _delivered(calls: Counter[CallKey]) -> float:
    return float(sum(count for key, count in calls.items() if key.method == "deliver"))


def _say_costs(costs: dict[str, float]) -> str:
    return ", ".join(f"{service} ${1000 * usd:.4f}" for service, usd in costs.items())


def _tell_idle(stand: Stand, calls: Counter[CallKey]) -> list[Row]:
    storage: Counter[str] = Counter()
    for key, count in calls.items():
        if key.service == "storage":
            storage[key.method] += count
    looks = 30 * 86_400 / stand.settings.reconcile_every_s
    used = use_storage(storage)
    usage = msgspec.structs.replace(used, pubsub_bytes=2 * 1000.0, invocations=1.0)
    month_usd = looks * sum(cost_usd(usage).values())
    note = ", ".join(f"{method} {count}" for method, count in sorted(storage.items()))
    every = f"a look at the ledger every {stand.settings.reconcile_every_s:.0f} s"
    return [
        make_row(CALLS, "idle agent: storage calls of one look at the ledger", float(storage.total()), "", note=note),
        make_row(CALLS, "idle agent: 30 days", month_usd, "USD", note=f"one instance, {every} and its receipt"),
    ]
