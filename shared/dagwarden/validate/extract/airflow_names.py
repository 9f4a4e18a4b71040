"""Where Airflow keeps what is read here, newest version first; the only place that knows versions."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

DAG = ("airflow.sdk.definitions.dag.DAG", "airflow.models.dag.DAG")
OPERATOR = ("airflow.sdk.bases.operator.BaseOperator", "airflow.models.baseoperator.BaseOperator")
MAPPED_OPERATOR = (
    "airflow.sdk.definitions.mappedoperator.MappedOperator",
    "airflow.models.mappedoperator.MappedOperator",
)
TASK_GROUP = ("airflow.sdk.definitions.taskgroup.TaskGroup", "airflow.utils.task_group.TaskGroup")
DAG_CONTEXT = ("airflow.sdk.definitions._internal.contextmanager.DagContext", "airflow.models.dag.DagContext")
RESOLVED_LATER = (("airflow.sdk.definitions._internal.mixins.ResolveMixin", "airflow.utils.mixins.ResolveMixin"),)
"""Bases of every value that is known at run time only: XComArg, DagParam, MappedArgument."""

INIT_KWARGS = "_BaseOperator__init_kwargs"
"""Where an operator keeps the arguments it was given; the same in 2.10 and in 3."""

AUTOREGISTERED = "autoregistered_dags"
"""Where DagContext keeps DAGs used in a `with` block or made by `@dag`: pairs of DAG and module."""


CYCLE_TESTER = "airflow.utils.dag_cycle_tester"
"""Where Airflow 2 keeps `check_cycle`, which in Airflow 3 is a method of a DAG."""


def find_class(places: Iterable[str]) -> type:
    """The class at the first place that this Airflow has.

    Raises:
        ImportError: it has none of them.
    """
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            found: Any = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
        if isinstance(found, type):
            return found
    raise ImportError(f"this Airflow has none of {', '.join(places)}")
