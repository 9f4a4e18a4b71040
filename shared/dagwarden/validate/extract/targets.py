"""The other DAGs that a task triggers or waits for: a function of its arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from dagwarden.validate.identity_table import TEMPLATE
from dagwarden.validate.model import MAX_ITEMS, MAX_TEXT, Known, Target
from dagwarden.validate.plain import Argument, Opaque, Plain

ARGUMENTS: dict[str, str] = {
    "ExternalTaskSensor": "external_dag_id",
    "ExternalTaskMarker": "external_dag_id",
    "TriggerDagRunOperator": "trigger_dag_id",
}
"""Operators, by unqualified name, and the argument that names the DAG.

Source: apache-airflow-providers-standard 1.21.0."""
_TASKS = ("external_task_ids", "external_task_id")
_GROUP = "external_task_group_id"


def read_targets(operators: Collection[str], arguments: Iterable[Argument]) -> tuple[Target, ...]:
    """The DAGs, and tasks or the group in them, that a task names; several where it is mapped over them.

    Args:
        operators: unqualified names of the operator's class and its bases.
    """
    name = next((ARGUMENTS[each] for each in ARGUMENTS if each in operators), "")
    if not name:
        return ()
    arguments = tuple(arguments)
    tasks = tuple(dict.fromkeys(id_ for each in _TASKS for id_ in _texts(_values(arguments, each))))
    groups = tuple(_texts(_values(arguments, _GROUP)))
    found = [_target(argument, tasks, groups) for argument in arguments if argument.name == name]
    return tuple(found[:MAX_ITEMS])


def _target(argument: Argument, tasks: tuple[str, ...], groups: tuple[str, ...]) -> Target:
    value = argument.value
    if isinstance(value, Opaque):
        return Target(known=value.known)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return Target(known=Known.UNREADABLE)
    if TEMPLATE.search(value):
        return Target(dag_id=value, known=Known.TEMPLATED)
    return Target(dag_id=value, task_ids=tasks[:MAX_ITEMS], group_id=groups[0] if groups else "", known=argument.known)


def _values(arguments: tuple[Argument, ...], name: str) -> Iterator[Plain]:
    for argument in arguments:
        if argument.name == name:
            yield from argument.value if isinstance(argument.value, list) else [argument.value]


def _texts(values: Iterable[Plain]) -> Iterator[str]:
    """Those that are known and short enough to be ids."""
    for value in values:
        if isinstance(value, str) and len(value) <= MAX_TEXT and not TEMPLATE.search(value):
            yield value
