"""The DAGs a module holds, found as Airflow finds them and read without trusting them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec

from dagwarden.validate.live import fields_of, get_item, is_kind, keys_of, kinds_of, text_of, values_of
from dagwarden.validate.report import DagFacts

MAX_DAGS = 10_000


class Airflow(msgspec.Struct, frozen=True):
    """What is needed of Airflow, looked up before any stranger's code runs."""

    dag: type
    context: Any
    """Holds `autoregistered_dags` and `current_autoregister_module_name`."""


def look_up_airflow() -> Airflow:
    """Airflow 3's classes, or those of Airflow 2.

    Raises:
        ImportError: there is no Airflow.
    """
    try:
        dag = importlib.import_module("airflow.sdk.definitions.dag").DAG
        context = importlib.import_module("airflow.sdk.definitions._internal.contextmanager").DagContext
    except ModuleNotFoundError:
        dag = importlib.import_module("airflow.models.dag").DAG
        context = importlib.import_module("airflow.models.dag").DagContext
    return Airflow(dag, context)


def find_dags(module: ModuleType, airflow: Airflow) -> list[Any]:
    """The DAG objects a module holds or registered, each once.

    Source: airflow.dag_processing.importers.python_importer, apache-airflow-core 3.3.2.
    """
    held = [value for value in vars(module).values() if is_kind(value, airflow.dag)]
    registered = [dag for dag, _ in airflow.context.autoregistered_dags if is_kind(dag, airflow.dag)]
    found = {id(dag): dag for dag in (*held, *registered)}
    return list(found.values())[:MAX_DAGS]


def check_dag(dag: Any) -> None:
    """Airflow would take this DAG.

    Raises:
        Exception: whatever Airflow, or the DAG's own code, finds wrong.
    """
    dag.validate()
    dag.check_cycle()
    dag.resolve_template_files()


def find_classes(dags: list[Any], airflow: Airflow) -> list[type]:
    """The classes of the DAGs' tasks and all they descend from, mapped operators' included, each once."""
    tasks = [task for dag in dags for task in values_of(get_item(fields_of(dag, airflow.dag), "task_dict"))]
    kinds = {id(kind): kind for task in tasks for kind in (type(task), _class_to_map(task)) if kind is not None}
    return list({id(each): each for kind in kinds.values() for each in kinds_of(kind)}.values())


def _class_to_map(task: object) -> type | None:
    try:
        found = object.__getattribute__(task, "operator_class")
    except AttributeError:
        return None
    return found if is_kind(found, type) else None


def read_dags(dags: list[Any], airflow: Airflow) -> Iterator[DagFacts]:
    """What is known of each.

    Raises:
        TypeError: an attribute is not of the kind Airflow gives it.
    """
    for dag in dags:
        fields = fields_of(dag, airflow.dag)
        dag_id = get_item(fields, "dag_id") or get_item(fields, "_dag_id")
        tasks = get_item(fields, "task_dict")
        yield DagFacts(dag_id=text_of(dag_id), task_ids=tuple(sorted(text_of(task) for task in keys_of(tasks))))
