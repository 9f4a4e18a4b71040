"""One live task as a value."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import msgspec

from dagwarden.validate.extract.arguments import read_arguments, signature_defaults, texts_of
from dagwarden.validate.extract.fields import Fields, Limits, fields_of, seconds, short, truth, whole
from dagwarden.validate.extract.originals import Originals, find_lies, is_library, library_bases, read
from dagwarden.validate.extract.peek import (
    MISSING,
    Unreadable,
    elements_of,
    find_in_class,
    is_instance,
    number_of,
    peek,
    qualified_name,
    true_mro,
)
from dagwarden.validate.extract.targets import read_targets
from dagwarden.validate.identity import find_facts
from dagwarden.validate.model import MAX_FACTS, MAX_ITEMS, Sensor, TaskModel
from dagwarden.validate.suspects import find_suspects

_SENSORS = frozenset({"BaseSensorOperator"})
_BRANCHES = frozenset({"BaseBranchOperator", "BranchMixIn", "BranchPythonOperator"})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in its DAG a task lies."""

    group: str
    """The id of its task group; empty outside all."""
    defaults: Mapping[str, Any]
    """The default_args that hold there."""


def read_task(originals: Originals, task: object, task_id: str, place: Place, limits: Limits) -> TaskModel:
    """Everything the model holds of a task; what cannot be read is named in its `unreadable`.

    Args:
        task_id: under which the DAG has it.

    Raises:
        Unreadable: it is no task of Airflow's.
    """
    if not (is_instance(task, originals.operator) or is_instance(task, originals.mapped_operator)):
        raise Unreadable("task")
    is_mapped = is_instance(task, originals.mapped_operator)
    kind = _operator_of(task) if is_mapped else type(task)
    fields = fields_of(originals, task, limits)
    fields.unreadable += [*find_lies(originals, kind), *find_lies(originals, type(task))]
    settings = _settings_of_mapped(originals, task, kind, fields) if is_mapped else fields
    bases = tuple(library_bases(originals, kind))[:MAX_ITEMS]
    operator = qualified_name(kind)
    arguments = []
    try:
        arguments = list(read_arguments(originals, task, place.defaults, limits.budget))
    except Unreadable as error:
        fields.unreadable.append(str(error))
    names = {base.rpartition(".")[2] for base in bases} | {operator.rpartition(".")[2]}
    facts, count = find_facts(arguments, [qualified_name(base) for base in true_mro(kind)])
    limits.cut(f"facts of task {task_id}", MAX_FACTS, count)
    limits.suspects += find_suspects(task_id, arguments)
    return TaskModel(
        task_id=task_id,
        operator=operator,
        is_library=is_library(originals, kind),
        bases=bases,
        group=place.group,
        upstream=_edges(fields, "upstream_task_ids"),
        downstream=_edges(fields, "downstream_task_ids"),
        trigger_rule=settings.take("trigger_rule", short),
        owner=settings.take("owner", short),
        retries=settings.take("retries", whole),
        retry_delay_s=settings.take("retry_delay", seconds),
        retry_backoff=_backoff(settings),
        max_retry_delay_s=settings.take("max_retry_delay", seconds),
        execution_timeout_s=settings.take("execution_timeout", seconds),
        depends_on_past=settings.is_set("depends_on_past"),
        pool=settings.take("pool", short),
        pool_slots=settings.take("pool_slots", whole),
        queue=settings.take("queue", short),
        priority_weight=settings.take("priority_weight", whole),
        executor=settings.take("executor", short),
        max_active_tis_per_dag=settings.take("max_active_tis_per_dag", whole),
        is_deferrable=settings.take("deferrable", truth),
        sensor=_sensor(settings) if names & _SENSORS else None,
        is_branch=bool(names & _BRANCHES),
        is_mapped=is_mapped,
        is_setup=settings.is_set("is_setup"),
        is_teardown=settings.is_set("is_teardown"),
        fails_dag_run=fields.is_set("_on_failure_fail_dagrun"),
        template_fields=fields.names("template_fields"),
        targets=read_targets(names, arguments),
        facts=facts,
        unreadable=tuple(dict.fromkeys(fields.unreadable))[:MAX_ITEMS],
    )


def _operator_of(task: object) -> type:
    """The class that a mapped operator makes its tasks of."""
    found = peek(task, "operator_class")
    return found if is_instance(found, type) else type(task)


def _settings_of_mapped(originals: Originals, task: object, kind: type, fields: Fields) -> Fields:
    """The attributes that the tasks of a mapped operator will have: what `partial` got, else what their class says."""
    given = texts_of(peek(task, "partial_kwargs"))
    taken = signature_defaults(kind)

    def look_up(name: str) -> Any:
        if name in given:
            return given[name]
        own = read(originals, task, name)
        if own is not MISSING:
            return own
        found, _ = find_in_class(kind, name)
        if found is MISSING or _is_code(found):
            return taken.get(name, MISSING)
        return found

    return Fields(look_up=look_up, limits=fields.limits, unreadable=fields.unreadable)


def _is_code(found: object) -> bool:
    return any(is_instance(found, kind) for kind in (property, types.FunctionType, types.MemberDescriptorType))


def _backoff(settings: Fields) -> float:
    """Airflow 3 keeps a factor, Airflow 2 whether there is one."""
    found = settings.take("retry_exponential_backoff", number_of)
    if found is True:
        return 2.0
    return float(found or 0)


def _sensor(settings: Fields) -> Sensor:
    return Sensor(
        mode=settings.take("mode", short),
        timeout_s=settings.take("timeout", seconds),
        poke_interval_s=settings.take("poke_interval", seconds),
        is_soft_fail=settings.is_set("soft_fail"),
    )


def _edges(fields: Fields, name: str) -> tuple[str, ...]:
    """Ids of neighbours, sorted, as long as the file's share of them lasts."""
    found = sorted(fields.take(name, lambda value: [short(each) for each in elements_of(value)]) or [])
    kept = found[: max(fields.limits.edges, 0)]
    fields.limits.edges -= len(kept)
    fields.limits.cut("dependencies", len(kept), len(found))
    return tuple(kept)
