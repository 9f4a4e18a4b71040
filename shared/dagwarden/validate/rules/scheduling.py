"""Rules on when DAGs run, how often tasks are tried and how long they may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dagwarden.lint.finding import Severity
from dagwarden.validate.model import DagModel, ScheduleKind, TaskModel
from dagwarden.validate.rules.rule import DagRule, Told, make_page, name_tasks, share_page

MOST_RETRIES = 10
LONGEST_DELAY_S = 86_400.0
"""Airflow cuts longer delays to this. Source: airflow.models.taskinstance.next_retry_datetime."""
LONGEST_POKE_S = 3_600.0
SHORTEST_RESCHEDULE_S = 60.0
"""Source: the docstring of BaseSensorOperator."""

INVALID_CRON = share_page(
    "DW203", "invalid-cron", Severity.ERROR,
    "Write five fields (minute, hour, day of month, month, day of week) or a preset such as `@daily`.",
)  # fmt: skip
CATCHUP_ON = share_page(
    "DW204", "catchup-on", Severity.INFO,
    "Say `catchup=False`; fill the past on purpose with `airflow backfill create`.",
)  # fmt: skip
DAGRUN_TIMEOUT_MISSING = share_page(
    "DW205", "dagrun-timeout-missing", Severity.INFO, "Give it `dagrun_timeout=timedelta(hours=...)`.", opt_in=True
)  # fmt: skip
RETRIES_MISSING = make_page(
    "DW220", "retries-missing", "scheduling", Severity.INFO,
    "Finds tasks that are tried once only.",
    "A worker that is taken away, or a service that is busy for a second, then fails the whole run.",
    'Give the DAG `default_args={"retries": 2}`.',
)  # fmt: skip
TOO_MANY_RETRIES = make_page(
    "DW221", "too-many-retries", "scheduling", Severity.INFO,
    f"Finds tasks that are tried again more than {MOST_RETRIES} times.",
    "What fails that often is broken; it is noticed hours later, and holds its slot until then.",
    "Try again two to four times, and let the failure be seen.",
)  # fmt: skip
BACKOFF_WITHOUT_CAP = make_page(
    "DW222", "backoff-without-cap", "scheduling", Severity.INFO,
    "Finds tasks whose delays grow from try to try, to more than a day, without `max_retry_delay`.",
    "The last tries come days later, when nobody expects them.",
    "Give them `max_retry_delay`.",
)  # fmt: skip
EXECUTION_TIMEOUT_MISSING = make_page(
    "DW223", "execution-timeout-missing", "scheduling", Severity.INFO,
    "Finds tasks that nothing ends when they hang; sensors have a timeout of their own.",
    "A task that hangs holds its slot for ever, and the DAG's next runs wait.",
    'Give the DAG `default_args={"execution_timeout": timedelta(hours=...)}`.',
    opt_in=True,
)  # fmt: skip
SENSOR_HOLDS_SLOT = make_page(
    "DW224", "sensor-holds-slot", "scheduling", Severity.WARNING,
    "Finds sensors that may poke for more than an hour; the default is seven days.",
    "A poking sensor holds a worker's slot for as long as it waits: a few of them stop everything else.",
    'Use `deferrable=True` where the sensor has it, or `mode="reschedule"`; and give it a `timeout`.',
)  # fmt: skip
RESCHEDULE_TOO_OFTEN = make_page(
    "DW225", "reschedule-too-often", "scheduling", Severity.WARNING,
    "Finds sensors that are rescheduled more than once a minute.",
    "Each time a task is queued, started and ended: the scheduler is kept busy with nothing.",
    "Give it a `poke_interval` of a minute or more.",
)  # fmt: skip
DEFERRABLE_UNUSED = make_page(
    "DW226", "deferrable-unused", "scheduling", Severity.INFO,
    "Finds operators that could wait in the triggerer, and wait on a worker instead.",
    "A worker's slot costs a process; a waiting trigger costs next to nothing.",
    "Give it `deferrable=True`.",
    opt_in=True,
)  # fmt: skip
DEFAULT_OWNER = make_page(
    "DW920", "default-owner", "ownership", Severity.INFO,
    "Finds DAGs whose tasks are nobody's: their owner is `airflow`.",
    "Who is woken when it fails?",
    'Give the DAG `default_args={"owner": "TEAM"}`.',
)  # fmt: skip
TAGS_MISSING = share_page(
    "DW901", "tags-missing", Severity.INFO, "Give it `tags=[...]`, the team that owns it first.", opt_in=True
)  # fmt: skip

_DOES_NOTHING = ("EmptyOperator", "DummyOperator", "LatestOnlyOperator", "ShortCircuitOperator", "ExternalTaskMarker")


def check_cron(expression: str) -> str:
    """What is wrong with a cron expression, in Airflow's own reading; empty for nothing.

    Source: airflow.timetables._cron.CronMixin.validate.
    """
    from croniter import croniter  # type: ignore[import-untyped]

    try:
        croniter(expression)
    except (ValueError, KeyError, TypeError) as error:
        return str(error) or type(error).__name__
    return ""


def _check_cron(dag: DagModel) -> Iterator[Told]:
    if dag.schedule.kind not in {ScheduleKind.CRON, ScheduleKind.ASSETS_OR_TIME} or not dag.schedule.text:
        return
    for expression in dag.schedule.text.split(" | "):
        wrong = "" if expression.endswith(" s") else check_cron(expression)
        if wrong:
            yield Told(f"`{expression}`, by which `{dag.dag_id}` runs, is no cron expression: {wrong}", dag.line)


def _check_catchup(dag: DagModel) -> Iterator[Told]:
    if dag.catchup and dag.schedule.is_timed:
        since = f" since {dag.start_date}" if dag.start_date else ""
        yield Told(f"every interval{since} is run as soon as `{dag.dag_id}` is switched on", dag.line)


def _check_dagrun_timeout(dag: DagModel) -> Iterator[Told]:
    if dag.dagrun_timeout_s is None and dag.schedule.is_timed and "dagrun_timeout" not in dag.unreadable:
        yield Told(f"nothing ends a run of `{dag.dag_id}` that hangs", dag.line)


def _tell_tasks(fault: str, is_faulty: Callable[[TaskModel], bool]) -> Callable[[DagModel], Iterator[Told]]:
    """One thing said of a DAG for all of its tasks that have a fault."""

    def check(dag: DagModel) -> Iterator[Told]:
        faulty = [task for task in dag.tasks if is_faulty(task)]
        if faulty:
            yield Told(f"{fault}: {name_tasks(faulty)} of `{dag.dag_id}`", faulty[0].line)

    return check


def _does_something(task: TaskModel) -> bool:
    return not task.is_branch and not any(task.is_a(name) for name in _DOES_NOTHING)


def _tries_too_often(task: TaskModel) -> bool:
    return (task.retries or 0) > MOST_RETRIES


def _backs_off_too_far(task: TaskModel) -> bool:
    if not task.retry_backoff or not task.retries or task.max_retry_delay_s is not None or task.retry_delay_s is None:
        return False
    return task.retry_delay_s * task.retry_backoff ** min(task.retries - 1, 64) > LONGEST_DELAY_S


def _holds_slot(task: TaskModel) -> bool:
    sensor = task.sensor
    if sensor is None or sensor.mode != "poke" or task.is_deferrable:
        return False
    return sensor.timeout_s is None or sensor.timeout_s > LONGEST_POKE_S


def _reschedules_too_often(task: TaskModel) -> bool:
    sensor = task.sensor
    is_rescheduled = sensor is not None and sensor.mode == "reschedule" and not task.is_deferrable
    return is_rescheduled and sensor is not None and (sensor.poke_interval_s or 60.0) < SHORTEST_RESCHEDULE_S


def _lacks_timeout(task: TaskModel) -> bool:
    is_unknown = "execution_timeout" in task.unreadable
    return task.execution_timeout_s is None and task.sensor is None and not is_unknown and _does_something(task)


def _check_owner(dag: DagModel) -> Iterator[Told]:
    if dag.owners == ("airflow",):
        yield Told(f"the tasks of `{dag.dag_id}` are owned by `airflow`, which is nobody", dag.line)


def _check_tags(dag: DagModel) -> Iterator[Told]:
    if not dag.tags and "tags" not in dag.unreadable:
        yield Told(f"`{dag.dag_id}` has no tags", dag.line)


SCHEDULING_RULES: tuple[DagRule, ...] = (
    DagRule(page=INVALID_CRON, check=_check_cron, is_shared=True),
    DagRule(page=CATCHUP_ON, check=_check_catchup, is_shared=True),
    DagRule(page=DAGRUN_TIMEOUT_MISSING, check=_check_dagrun_timeout, is_shared=True),
    DagRule(
        page=RETRIES_MISSING,
        check=_tell_tasks("tried once only", lambda task: task.retries == 0 and _does_something(task)),
    ),
    DagRule(
        page=TOO_MANY_RETRIES,
        check=_tell_tasks(f"tried again more than {MOST_RETRIES} times", _tries_too_often),
    ),
    DagRule(page=BACKOFF_WITHOUT_CAP, check=_tell_tasks("delays grow beyond a day", _backs_off_too_far)),
    DagRule(page=EXECUTION_TIMEOUT_MISSING, check=_tell_tasks("nothing ends what hangs", _lacks_timeout)),
    DagRule(page=SENSOR_HOLDS_SLOT, check=_tell_tasks("may hold a worker's slot for more than an hour", _holds_slot)),
    DagRule(
        page=RESCHEDULE_TOO_OFTEN,
        check=_tell_tasks("rescheduled more than once a minute", _reschedules_too_often),
    ),
    DagRule(
        page=DEFERRABLE_UNUSED,
        check=_tell_tasks("could wait in the triggerer", lambda task: task.is_deferrable is False),
    ),
    DagRule(page=DEFAULT_OWNER, check=_check_owner),
    DagRule(page=TAGS_MISSING, check=_check_tags, is_shared=True),
)
