"""DAG files imported in this process as Airflow imports them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from dagwarden.validate.model import FileModel

HEAD = """\
import datetime as dt
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, TaskGroup, chain, dag, task, task_group
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
"""

ReadDagFile = Callable[[str], FileModel]


def import_file(path: Path, name: str) -> ModuleType:
    """Import a DAG file as Airflow does."""
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = name
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loader.exec_module(module)
    return module
