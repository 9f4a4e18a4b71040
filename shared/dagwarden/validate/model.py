"""What a DAG file defines, as values: the DAG model, `dagwarden/dag-model/v1`."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

VERSION: Literal["dagwarden/dag-model/v1"] = "dagwarden/dag-model/v1"

MAX_DAGS = 2_000
"""Of one file."""
MAX_TASKS = 20_000
"""Of one file, all its DAGs together."""
MAX_FACTS = 128
"""Identity facts of one task."""
MAX_ITEMS = 256
"""Names in any other list of the model: tags, params, template fields, bases, assets."""
MAX_EDGES = 100_000
"""Dependencies of one file, each counted once."""
MAX_TEXT = 512
"""Characters of any one text."""


class Known(enum.StrEnum):
    """How a value was learnt."""

    LITERAL = "literal"
    """Given to the operator itself."""
    DEFAULT_ARGS = "default-args"
    """Inherited from the default_args of the DAG or of a task group."""
    MAPPED = "mapped"
    """One of the values that a mapped operator expands over."""
    DEFAULT = "default"
    """Not given: what the operator's class says."""
    ABSENT = "absent"
    """Not given, and the class says nothing: what runs is the environment's, or the service's, own identity."""
    TEMPLATED = "templated"
    """Decided at run time only: Jinja, or the output of another task."""
    UNREADABLE = "unreadable"
    """An object that cannot be read without running code of the file."""


GIVEN = frozenset({Known.LITERAL, Known.DEFAULT_ARGS, Known.MAPPED})
"""Written down for the task, and known."""


class FactKind(enum.StrEnum):
    """What of a task's identity or power a value decides."""

    CONNECTION = "connection"
    IMPERSONATION = "impersonation"
    """The service account that a Google operator acts as: the last of its chain."""
    DELEGATE = "delegate"
    """An earlier link of an impersonation chain, or the user of domain-wide delegation."""
    SERVICE_ACCOUNT = "service-account"
    """The Google service account that a cluster, job, service or machine is started with."""
    KUBERNETES_SERVICE_ACCOUNT = "kubernetes-service-account"
    NAMESPACE = "namespace"
    IMAGE = "image"
    POD_TEMPLATE = "pod-template"
    """A file that a pod is made from: it is not read here."""
    KUBERNETES_SETTING = "kubernetes-setting"
    """A power of a pod, such as `privileged` or a path of its host; the value is JSON."""
    SECRET = "secret"  # noqa: S105 (a kind of fact)
    """The name of a Kubernetes secret, or of a configuration map that variables come from."""
    ENVIRONMENT_VARIABLE = "environment-variable"
    """The name alone."""
    ENCRYPTION_KEY = "encryption-key"
    PUBLIC_ADDRESS = "public-address"
    """A setting by which what is created is reached from everywhere; absent where the service does so by itself."""
    USER = "user"
    """The operating-system user that a task runs as."""
    MENTION = "mention"
    """The e-mail of a service account in any other argument, such as a command."""
    ARGUMENTS = "arguments"
    """All arguments at once, where they are decided at run time only."""


class IdentityFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One such value."""

    kind: FactKind
    argument: str
    """Where it stands, e.g. `cluster_config.gce_cluster_config.service_account` or `impersonation_chain[1]`."""
    value: str = ""
    """Empty where it is not known or there is none."""
    known: Known


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another DAG that a task triggers or waits for."""

    dag_id: str = ""
    task_ids: tuple[str, ...] = ()
    group_id: str = ""
    known: Known


class Sensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a sensor waits; None is what could not be read."""

    mode: str | None = None
    timeout_s: float | None = None
    poke_interval_s: float | None = None
    is_soft_fail: bool = False


class TaskModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task, mapped or not. None is what could not be read; then `unreadable` names it."""

    task_id: str
    line: int = 0
    operator: str
    """The class, qualified, e.g. `airflow.providers.standard.operators.bash.BashOperator`."""
    is_library: bool = True
    """Whether the class is an installed package's, rather than of the file or the tree."""
    bases: tuple[str, ...] = ()
    """The installed packages' classes it derives from, nearest first: what a subclass or alias really is."""
    group: str = ""
    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    trigger_rule: str | None = None
    owner: str | None = None
    retries: int | None = None
    retry_delay_s: float | None = None
    retry_backoff: float = 0.0
    """Each delay is the one before times this; 0 is a constant delay."""
    max_retry_delay_s: float | None = None
    execution_timeout_s: float | None = None
    depends_on_past: bool = False
    pool: str | None = None
    pool_slots: int | None = None
    queue: str | None = None
    priority_weight: int | None = None
    executor: str | None = None
    max_active_tis_per_dag: int | None = None
    is_deferrable: bool | None = None
    """None: the operator cannot defer."""
    sensor: Sensor | None = None
    is_branch: bool = False
    is_mapped: bool = False
    is_setup: bool = False
    is_teardown: bool = False
    fails_dag_run: bool = False
    """A teardown whose failure is the DAG run's."""
    template_fields: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    facts: tuple[IdentityFact, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Attributes that cannot be read without running code of the file, and classes that lie about theirs."""

    def is_a(self, name: str) -> bool:
        """Whether the operator is, or derives from, a class of this unqualified name."""
        return any(f".{each}".endswith(f".{name}") for each in (self.operator, *self.bases))


class ScheduleKind(enum.StrEnum):
    """What makes a DAG run."""

    NONE = "none"
    ONCE = "once"
    CONTINUOUS = "continuous"
    CRON = "cron"
    INTERVAL = "interval"
    ASSETS = "assets"
    ASSETS_OR_TIME = "assets-or-time"
    EVENTS = "events"
    TIMETABLE = "timetable"
    """A timetable of the tree's or of a package's own."""
    UNREADABLE = "unreadable"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a DAG runs."""

    kind: ScheduleKind
    text: str = ""
    """Cron expressions separated by ` | `, seconds of an interval, or the class of a timetable."""
    interval_s: float | None = None
    assets: tuple[str, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether time alone makes it run."""
        return self.kind in {ScheduleKind.CRON, ScheduleKind.INTERVAL, ScheduleKind.ASSETS_OR_TIME}


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a role of the web server may do with a DAG."""

    name: str
    permissions: tuple[str, ...]


class DagModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One DAG."""

    dag_id: str
    line: int = 0
    schedule: Schedule = Schedule(kind=ScheduleKind.NONE)
    start_date: str | None = None
    """ISO 8601, UTC."""
    end_date: str | None = None
    catchup: bool | None = None
    max_active_runs: int | None = None
    max_active_tasks: int | None = None
    max_consecutive_failed_dag_runs: int | None = None
    dagrun_timeout_s: float | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """Of its tasks."""
    params: tuple[str, ...] = ()
    access_control: tuple[Role, ...] = ()
    description_length: int = 0
    doc_length: int = 0
    is_paused_upon_creation: bool | None = None
    is_fail_fast: bool = False
    default_args: tuple[str, ...] = ()
    """The names."""
    groups: tuple[str, ...] = ()
    tasks: tuple[TaskModel, ...] = ()
    unreadable: tuple[str, ...] = ()


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was more than the model holds."""

    what: str
    kept: int
    of: int


class FileModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything one DAG file defines."""

    version: Literal["dagwarden/dag-model/v1"] = VERSION
    path: str
    """In the release, e.g. `dags/team/etl.py`."""
    airflow: str = ""
    """Version that imported it."""
    dags: tuple[DagModel, ...] = ()
    impostors: tuple[str, ...] = ()
    """Names of the module whose objects may pass for DAGs and are none."""
    patched: tuple[str, ...] = ()
    """Attributes of installed operators that are not their packages' own any more."""
    cuts: tuple[Cut, ...] = ()
    """What was left out; empty when the model is whole."""
