"""One live DAG as a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwarden.validate.extract.arguments import texts_of
from dagwarden.validate.extract.fields import Fields, Limits, fields_of, length, names_of, seconds, short, truth, whole
from dagwarden.validate.extract.originals import Originals, find_lies, read
from dagwarden.validate.extract.peek import MISSING, Unreadable, is_instance, items_of, moment_of
from dagwarden.validate.extract.schedules import read_schedule
from dagwarden.validate.extract.tasks import Place, read_task
from dagwarden.validate.model import MAX_ITEMS, DagModel, Role, Schedule, ScheduleKind, TaskModel

MAX_DEPTH = 64
"""Of task groups inside one another."""


def read_dag(originals: Originals, dag: object, limits: Limits) -> DagModel:
    """Everything the model holds of a DAG; what cannot be read is named in `unreadable`."""
    fields = fields_of(originals, dag, limits)
    fields.unreadable += find_lies(originals, type(dag))
    defaults = fields.take("default_args", texts_of) or {}
    places, groups = _read_groups(originals, fields, defaults)
    tasks = tuple(_read_tasks(originals, fields, places, defaults))
    timetable = _look_up(fields, "timetable")
    limits.cut("groups", MAX_ITEMS, len(groups))
    return DagModel(
        dag_id=fields.take("dag_id", short) or "",
        schedule=(
            Schedule(kind=ScheduleKind.UNREADABLE)
            if timetable is MISSING
            else read_schedule(originals, timetable, limits)
        ),
        start_date=fields.take("start_date", moment_of),
        end_date=fields.take("end_date", moment_of),
        catchup=fields.take("catchup", truth),
        max_active_runs=fields.take("max_active_runs", whole),
        max_active_tasks=fields.take("max_active_tasks", whole),
        max_consecutive_failed_dag_runs=fields.take("max_consecutive_failed_dag_runs", whole),
        dagrun_timeout_s=fields.take("dagrun_timeout", seconds),
        tags=fields.names("tags"),
        owners=tuple(sorted({task.owner for task in tasks if task.owner}))[:MAX_ITEMS],
        params=_read_params(originals, fields),
        access_control=_read_roles(fields),
        description_length=fields.take("description", length) or 0,
        doc_length=fields.take("doc_md", length) or 0,
        is_paused_upon_creation=fields.take("is_paused_upon_creation", truth),
        is_fail_fast=fields.is_set("fail_fast"),
        default_args=names_of(defaults, "default_args", limits),
        groups=groups[:MAX_ITEMS],
        tasks=tasks,
        unreadable=tuple(dict.fromkeys(fields.unreadable))[:MAX_ITEMS],
    )


def _look_up(fields: Fields, name: str) -> Any:
    try:
        return fields.look_up(name)
    except Unreadable:
        fields.unreadable.append(name)
        return MISSING


def _read_tasks(
    originals: Originals, fields: Fields, places: Mapping[int, Place], defaults: Mapping[str, Any]
) -> Iterator[TaskModel]:
    held = fields.take("task_dict", lambda value: list(items_of(value))) or []
    limits = fields.limits
    kept = held[: max(limits.tasks, 0)]
    limits.tasks -= len(kept)
    limits.cut("tasks", len(kept), len(held))
    for key, task in kept:
        try:
            task_id = short(key)
            place = places.get(id(task)) or Place(group="", defaults=defaults)
            model = read_task(originals, task, task_id, place, limits)
        except Unreadable:
            fields.unreadable.append("task_dict")
            continue
        yield model


def _read_groups(
    originals: Originals, fields: Fields, defaults: Mapping[str, Any]
) -> tuple[dict[int, Place], tuple[str, ...]]:
    """Where each task lies, by the id of the object, and all groups' ids; walked down from the root group.

    Tasks point to their group by weak proxies, which answer for another object; the way down is plain references.
    """
    places: dict[int, Place] = {}
    groups: list[str] = []

    def walk(group: object, own_id: str, inherited: Mapping[str, Any], depth: int) -> None:
        own = read(originals, group, "default_args")
        inherited = {**inherited, **texts_of(own)}
        for key, child in items_of(read(originals, group, "children")):
            if is_instance(child, originals.task_group):
                if depth <= 0:
                    raise Unreadable("task_group")
                groups.append(short(key))
                walk(child, short(key), inherited, depth - 1)
            else:
                places[id(child)] = Place(group=own_id, defaults=inherited)

    try:
        root = fields.look_up("task_group")
        if root is not MISSING and root is not None:
            walk(root, "", defaults, MAX_DEPTH)
    except Unreadable:
        fields.unreadable.append("task_group")
    return places, tuple(groups)


def _read_params(originals: Originals, fields: Fields) -> tuple[str, ...]:
    """The names of a DAG's params, which Airflow keeps in a dictionary of its own kind."""
    held = _look_up(fields, "params")
    if held is MISSING or held is None:
        return ()
    try:
        inside = read(originals, held, "_ParamsDict__dict")
        return names_of(held if inside is MISSING else inside, "params", fields.limits)
    except Unreadable:
        fields.unreadable.append("params")
        return ()


def _read_roles(fields: Fields) -> tuple[Role, ...]:
    """Roles and what they may; nested resources of Airflow 3 (`{"DAGs": {"can_read"}}`) are told as `DAGs:can_read`."""
    held = fields.take("access_control", texts_of) or {}
    roles = []
    for name, granted in list(held.items())[:MAX_ITEMS]:
        try:
            roles.append(Role(name=short(name), permissions=_permissions(granted, fields.limits)))
        except Unreadable:
            fields.unreadable.append("access_control")
    return tuple(roles)


def _permissions(granted: Any, limits: Limits) -> tuple[str, ...]:
    if not is_instance(granted, dict):
        return names_of(granted, "permissions", limits)
    by_resource = [(short(name), names_of(inside, "permissions", limits)) for name, inside in items_of(granted)]
    return tuple(f"{name}:{each}" for name, permissions in by_resource for each in permissions)
