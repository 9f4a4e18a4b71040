"""What a model holds only because it has to hold something: fields whose value nobody could read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from dagwarden.validate.model import DagModel, FactKind, IdentityFact, Known, Target, TaskModel

_UNSURE = frozenset({Known.TEMPLATED, Known.UNREADABLE})
_NOTHING: frozenset[str] = frozenset()
_OF_ARGUMENTS = frozenset({"facts", "targets"})
"""What is read from a task's arguments."""

_CERTAIN: Mapping[type[msgspec.Struct], frozenset[str]] = MappingProxyType(
    {
        TaskModel: frozenset({"task_id", "line", "operator", "is_library", "bases", "is_mapped", "unreadable"}),
        DagModel: frozenset({"dag_id", "line", "tasks", "unreadable"}),
    }
)
"""What is known of an object whatever its attributes say."""

_READ_FROM: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "upstream_task_ids": frozenset({"upstream"}),
        "downstream_task_ids": frozenset({"downstream"}),
        "retry_exponential_backoff": frozenset({"retry_backoff"}),
        "_on_failure_fail_dagrun": frozenset({"fails_dag_run"}),
        "deferrable": frozenset({"is_deferrable"}),
        "task_dict": frozenset({"tasks", "owners"}),
        "task_group": frozenset({"groups"}),
        "description": frozenset({"description_length"}),
        "doc_md": frozenset({"doc_length"}),
        "fail_fast": frozenset({"is_fail_fast"}),
        "timetable": frozenset({"schedule"}),
    }
)
"""Attribute of Airflow's -> the fields it is told as, where they are not called alike."""


def find_absent(value: msgspec.Struct, names: frozenset[str]) -> frozenset[str]:
    """The fields among `names` of a value that say nothing: what stands there is no more than a default."""
    find = _FINDERS.get(type(value))
    return find(value, names) if find else _NOTHING


def _find_in_task(task: TaskModel, names: frozenset[str]) -> frozenset[str]:
    absent = _find_unread(TaskModel, task.unreadable) if task.unreadable else _NOTHING
    for fact in task.facts if not names.isdisjoint(_OF_ARGUMENTS) else ():
        if fact.kind is FactKind.ARGUMENTS and fact.known in _UNSURE:
            return absent | _OF_ARGUMENTS
    return absent


def _find_in_dag(dag: DagModel, _names: frozenset[str]) -> frozenset[str]:
    return _find_unread(DagModel, dag.unreadable) if dag.unreadable else _NOTHING


def _find_in_fact(fact: IdentityFact | Target, _names: frozenset[str]) -> frozenset[str]:
    return _defaults_of(type(fact)) if fact.known in _UNSURE else _NOTHING


_FINDERS: Mapping[type[msgspec.Struct], Callable[[Any, frozenset[str]], frozenset[str]]] = MappingProxyType(
    {TaskModel: _find_in_task, DagModel: _find_in_dag, IdentityFact: _find_in_fact, Target: _find_in_fact}
)


@functools.cache
def _defaults_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if not field.required)


@functools.lru_cache(maxsize=1024)
def _find_unread(kind: type[msgspec.Struct], unreadable: tuple[str, ...]) -> frozenset[str]:
    """What these attributes would have told. A class that lies about its attributes tells nothing certain."""
    fields = frozenset(kind.__struct_fields__)
    absent: set[str] = set()
    for name in unreadable:
        told = _READ_FROM.get(name, frozenset({name, f"{name}_s"})) & fields
        if told:
            absent |= told
        elif "." in name:
            absent |= fields - _CERTAIN[kind]
        else:
            absent |= _OF_ARGUMENTS
    return frozenset(absent)
