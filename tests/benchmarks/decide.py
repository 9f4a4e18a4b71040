"""How long a policy with fifty conditions takes to decide on a push of a thousand DAGs, and how that grows."""

from __future__ import annotations

import datetime as dt
import functools
import gc
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.names import Digest, EnvironmentName, ReleasePath
from dagwarden.policy.conditions.program import compile_text
from dagwarden.policy.conditions.scope import SCOPES, STRUCTURES, view_files, view_push
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import find_structures, make_plain, read_fields
from dagwarden.policy.decide import decide
from dagwarden.policy.environment import load_environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import (
    DagModel,
    FactKind,
    FileModel,
    IdentityFact,
    Known,
    Schedule,
    ScheduleKind,
    TaskModel,
)
from dagwarden.wire import encode
from tests.benchmarks.figures import median
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale

DAGS = 1_000
TASKS = 20
RUNS = 5
SAMPLE_DAGS = 20
"""On how many DAGs the engine is asked naively; the rest is multiplication."""
MOST_GROWTH = 2.2
"""How much longer twice as much may take."""

MakeTask = Callable[[int, int], TaskModel]
"""Number of the DAG and place in it -> a task."""

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)

PUSH_CONDITIONS = (
    "push.principal.name.endsWith('@acme.example')",
    "push.ref == 'refs/heads/main' || push.dry_run",
    "push.message.size() >= 10",
    "!push.force || push.principal.name in ['lead@acme.example', 'ops@acme.example']",
    "push.changes.size() <= 5000",
    "push.changes.all(c, c.path.startsWith('dags/') || c.path.startsWith('plugins/'))",
    "push.authors.all(a, a.matches('.*<[^@]+@acme[.]example>$'))",
    "environment.name != 'prod' || push.source == 'https://git.acme.example/data/dags'",
    "now.getHours('Europe/Berlin') >= 6 && now.getHours('Europe/Berlin') < 18",
    "environment.airflow[0] >= 3",
)
DAG_CONDITIONS = (
    "dag.dag_id.matches('^[a-z][a-z0-9_]*$')",
    "dag.tags.exists(t, t.startsWith('team:'))",
    "has(dag.catchup) && !dag.catchup",
    "has(dag.max_active_runs) && dag.max_active_runs <= 4",
    "dag.description_length > 0",
    "has(dag.start_date) && timestamp(dag.start_date) < now",
    "dag.owners.all(o, o != 'airflow')",
    "dag.tasks.size() <= 200",
    "dag.schedule.kind != 'continuous'",
    "dag.tasks.exists(t, t.upstream.size() == 0)",
)
TASK_CONDITIONS = (
    "has(task.owner) && task.owner != 'airflow'",
    "has(task.retries) && task.retries >= 1",
    "has(task.retries) && task.retries <= 5",
    "has(task.execution_timeout_s) && task.execution_timeout_s <= 86400.0",
    "task.task_id.matches('^[a-z][a-z0-9_]*$')",
    "task.operator.startsWith('airflow.providers.') || !task.is_library",
    "!task.operator.endsWith('.BashOperator') || task.pool == 'shell'",
    "!task.bases.exists(b, b.endsWith('.SSHOperator'))",
    "task.facts.all(f, f.kind != 'connection' || f.value in ['warehouse', 'lake', 'google_cloud_default'])",
    "task.facts.all(f, f.kind != 'impersonation' || f.value.endsWith('.iam.gserviceaccount.com'))",
    "task.facts.all(f, f.known != 'unreadable')",
    "task.facts.all(f, f.kind != 'image' || f.value.contains('@sha256:'))",
    "!task.facts.exists(f, f.kind == 'kubernetes-setting' && f.argument.contains('privileged'))",
    "has(task.pool) && task.pool != 'default_pool'",
    "!has(task.pool_slots) || task.pool_slots <= 8",
    "!has(task.queue) || task.queue in ['default', 'large']",
    "!has(task.priority_weight) || task.priority_weight <= 100",
    "!has(task.sensor) || task.sensor.mode == 'reschedule'",
    "!has(task.sensor) || task.sensor.timeout_s <= 43200.0",
    "!has(task.is_deferrable) || task.is_deferrable",
    "!task.depends_on_past || dag.max_active_runs == 1",
    "task.upstream.size() <= 50",
    "task.downstream.size() <= 50",
    "has(task.trigger_rule) && task.trigger_rule != 'always'",
    "task.retry_delay_s >= 60.0",
    "!task.is_mapped || has(task.max_active_tis_per_dag)",
    "task.unreadable.size() == 0",
    "task.group == '' || task.task_id.startsWith(task.group + '.')",
    "task.owner in dag.owners",
    "!task.is_teardown || task.retries >= 2",
)


def measure(_folder: Path, scale: Scale) -> list[Row]:
    """Decide on pushes of growing size; ask the engine naively on a sample of the largest."""
    largest = scale.files(DAGS)
    policy = make_policy()
    sizes = [largest // 4, largest // 2, largest]
    taken = {dags: _time(functools.partial(_decide, policy, make_facts(dags))) for dags in sizes}
    naive_s = _time_naively(policy, make_facts(SAMPLE_DAGS)) * largest / SAMPLE_DAGS
    rows = [
        make_row("decide", f"{dags:,} DAGs of {TASKS} tasks, 50 conditions", seconds, "s")
        for dags, seconds in taken.items()
    ]
    rows[-1] = make_row(
        "decide", rows[-1].metric, taken[largest], "s", aim=1.0, rival=naive_s,
        note=f"rival: the engine asked each condition of each task, told from {SAMPLE_DAGS} DAGs",
    )  # fmt: skip
    for fewer, more in itertools.pairwise(sizes):
        metric = f"growth from {fewer:,} to {more:,} DAGs"
        rows.append(make_row("decide", metric, taken[more] / taken[fewer], "times", aim=MOST_GROWTH))
    unlike_s = _time(functools.partial(_decide, policy, make_facts(largest, make_task=_make_unlike)))
    rows.append(make_row("decide", f"{largest:,} DAGs whose tasks are all unlike each other", unlike_s, "s"))
    rows.append(make_row("decide", "loading the policy, 50 conditions checked", _time(_load_anew), "s"))
    return rows


def make_policy() -> Policy:
    """A policy of 50 conditions: 10 on the push, 10 on each DAG, 30 on each task."""
    return load_policy(_write_policy())


def make_facts(dags: int, make_task: MakeTask | None = None) -> PushFacts:
    """A push of so many files with one DAG each, which meets every condition."""
    files = tuple(_make_file(number, make_task or _make_task) for number in range(dags))
    changes = tuple(
        PutFile(path=ReleasePath(file.path), sha256=Digest("0" * 64), md5="", size_bytes=4000, mode="0644")
        for file in files
    )
    name = EnvironmentName("prod")
    manifest = PushManifest(
        environment=name,
        source="https://git.acme.example/data/dags",
        created_at=NOW,
        changes=(),
        ref="refs/heads/main",
        authors=("Ada <ada@acme.example>",),
        message="Load orders hourly instead of daily",
    )
    return PushFacts(
        principal=Principal(name="ci@acme.example", attested_by="jwt"),
        manifest=manifest,
        is_raw_drop=False,
        state=empty_state(name),
        changes=changes,
        files=files,
        environment=load_environment(encode({"apiVersion": "dagwarden/v1", "kind": "Environment", "name": "prod"})),
        now=NOW,
    )


def _write_policy() -> bytes:
    texts = ((On.PUSH, PUSH_CONDITIONS), (On.DAG, DAG_CONDITIONS), (On.TASK, TASK_CONDITIONS))
    conditions = [
        {"name": f"{on}-{number}", "on": on, "require": text, "message": f"must be: {text}"}
        for on, group in texts
        for number, text in enumerate(group)
    ]
    pusher = {"name": "ci", "principals": ["ci@acme.example"], "paths": ["dags/**"]}
    return encode({"apiVersion": "dagwarden/v1", "kind": "Policy", "pushers": [pusher], "conditions": conditions})


def _make_file(number: int, make_task: MakeTask) -> FileModel:
    tasks = tuple(make_task(number, place) for place in range(TASKS))
    dag = DagModel(
        dag_id=f"load_{number}",
        line=12,
        schedule=Schedule(kind=ScheduleKind.CRON, text=f"{number % 60} * * * *"),
        start_date="2025-01-01T00:00:00Z",
        catchup=False,
        max_active_runs=1 + number % 4,
        tags=(f"team:{number % 7}", "daily"),
        owners=tuple(sorted({str(task.owner) for task in tasks})),
        description_length=40 + number % 30,
        tasks=tasks,
    )
    return FileModel(path=f"dags/team_{number % 7}/load_{number}.py", airflow="3.3.2", dags=(dag,))


_OPERATORS = (
    "airflow.providers.google.cloud.operators.bigquery.BigQueryInsertJobOperator",
    "airflow.providers.google.cloud.transfers.gcs_to_bigquery.GCSToBigQueryOperator",
    "airflow.providers.standard.operators.python.PythonOperator",
    "airflow.providers.standard.operators.empty.EmptyOperator",
    "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator",
)


def _make_task(number: int, place: int) -> TaskModel:
    account = f"team-{number % 7}@acme-data.iam.gserviceaccount.com"
    connection, chain = FactKind.CONNECTION, FactKind.IMPERSONATION
    facts = (
        IdentityFact(kind=connection, argument="gcp_conn_id", value="google_cloud_default", known=Known.DEFAULT),
        IdentityFact(kind=chain, argument="impersonation_chain", value=account, known=Known.LITERAL),
    )
    return TaskModel(
        task_id=f"step_{number}_{place}",
        line=20 + 6 * place,
        operator=_OPERATORS[(number + place) % len(_OPERATORS)],
        bases=("airflow.sdk.bases.operator.BaseOperator",),
        upstream=(f"step_{number}_{place - 1}",) if place else (),
        downstream=(f"step_{number}_{place + 1}",) if place < TASKS - 1 else (),
        trigger_rule="all_success",
        owner=f"team-{number % 7}",
        retries=2 + place % 3,
        retry_delay_s=300.0,
        execution_timeout_s=float(600 * (1 + place % 6)),
        pool=f"team_{number % 7}",
        pool_slots=1,
        queue="default",
        priority_weight=1 + place,
        facts=facts,
    )


def _make_unlike(number: int, place: int) -> TaskModel:
    """A task that no other is like, in any field that can be anything."""
    task, own = _make_task(number, place), f"{number}_{place}"
    return msgspec.structs.replace(
        task,
        operator=f"{task.operator}{own}",
        bases=(f"airflow.sdk.bases.operator.Base{own}",),
        owner=f"owner_{own}",
        pool=f"pool_{own}",
        retry_delay_s=60.0 + number * TASKS + place,
        execution_timeout_s=60.0 + number * TASKS + place,
        facts=tuple(msgspec.structs.replace(fact, argument=f"{fact.argument}_{own}") for fact in task.facts),
    )


def _decide(policy: Policy, facts: PushFacts) -> None:
    decision = decide(policy, facts)
    assert decision.outcome is Outcome.ALLOWED, decision.findings[:3]


def _load_anew() -> None:
    compile_text.cache_clear()
    load_policy.cache_clear()
    make_policy()


def _time(work: Callable[[], None]) -> float:
    """Seconds of CPU it takes, the median of several runs after one that is not counted."""
    work()
    return median([_time_once(work) for _ in range(RUNS)])


def _time_once(work: Callable[[], None]) -> float:
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _time_naively(policy: Policy, facts: PushFacts) -> float:
    """Seconds of CPU when each condition is asked of each subject with all its values bound."""
    return _time(functools.partial(_ask_naively, policy, facts))


def _ask_naively(policy: Policy, facts: PushFacts) -> None:
    names = frozenset(name for kind in find_structures(STRUCTURES.values()).values() for name in read_fields(kind))
    assert facts.environment is not None
    values: dict[str, object] = {"now": facts.now, "push": make_plain(view_push(facts), names)}
    values["environment"] = make_plain(facts.environment, names)
    for condition in policy.conditions:
        program = compile_text(condition.on, condition.require).program
        assert program is not None
        if condition.on is On.PUSH:
            program.evaluate(values)
            continue
        for file in view_files(facts):
            values["file"] = make_plain(file, names)
            for dag in file.dags or ():
                values["dag"] = make_plain(dag, names)
                if condition.on is On.DAG:
                    program.evaluate({name: values[name] for name in SCOPES[On.DAG]})
                    continue
                for task in dag.tasks:
                    program.evaluate({**values, "task": make_plain(task, names)})
