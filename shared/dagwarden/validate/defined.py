"""What a file of a tree defines: imported and checked as Airflow does, then read without trusting it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from dagwarden.names import ReleasePath
from dagwarden.validate.extract.fields import Limits
from dagwarden.validate.extract.file import extract_file, find_classes, find_dags
from dagwarden.validate.extract.originals import Originals
from dagwarden.validate.loading import Loadable, explain, list_modules, list_plugin
from dagwarden.validate.model import FileModel
from dagwarden.validate.plain import Suspect
from dagwarden.validate.report import Failure

PLUGINS = "plugins/"


class Defined(msgspec.Struct, kw_only=True):
    """What came of one file."""

    failures: list[Failure] = []
    modules: list[ModuleType] = []
    seconds: float = 0.0
    """That Airflow would spend on it."""
    model: FileModel | None = None
    suspects: list[Suspect] = []
    classes: list[type] = []
    """Those of its DAGs and tasks, and all they descend from."""


def define(root: Path, path: ReleasePath, originals: Originals) -> Defined:
    """The file is imported, and Airflow's own checks of a DAG or plugin are made: strangers' code runs.

    Whatever is raised on the way is among the failures. Nothing is read of the DAGs yet: see `read_model`.
    """
    found, clock = Defined(), time.perf_counter
    started = clock()
    is_plugin = path.startswith(PLUGINS)
    for failure in _load(found, root / path, originals, is_plugin=is_plugin):
        found.failures.append(explain(failure, root))
    for failure in _check_plugins(found.modules) if is_plugin else _check_dags(found.modules, originals):
        found.failures.append(explain(failure, root))
    found.seconds = clock() - started
    return found


def read_model(found: Defined, root: Path, path: ReleasePath, originals: Originals) -> None:
    """`model` and `classes` hold what the modules define, the DAGs that Airflow would refuse included.

    Of a plugin, and where nothing could be imported, there is no model.
    """
    if path.startswith(PLUGINS) or (found.failures and not found.modules):
        return
    try:
        limits = Limits()
        found.model = extract_file(originals, found.modules, path, limits)
        found.suspects = limits.suspects
        found.classes = find_classes(originals, find_dags(originals, found.modules))
    except BaseException as error:  # noqa: BLE001 (what cannot be read is a finding)
        found.failures.append(explain(error, root))


def _load(found: Defined, file: Path, originals: Originals, *, is_plugin: bool) -> Iterator[BaseException]:
    try:
        loadables = list_plugin(file) if is_plugin else list_modules(file)
    except BaseException as error:  # noqa: BLE001 (a zip file that is none is a finding)
        yield error
        return
    for loadable in loadables:
        try:
            found.modules.append(_load_one(loadable, originals))
        except BaseException as error:  # noqa: BLE001 (SystemExit and KeyboardInterrupt are findings too)
            _context(originals).autoregistered_dags.clear()
            yield error


def _load_one(loadable: Loadable, originals: Originals) -> ModuleType:
    _context(originals).current_autoregister_module_name = loadable.name
    return loadable.load()


def _context(originals: Originals) -> Any:
    return originals.dag_context


def _check_dags(modules: list[ModuleType], originals: Originals) -> Iterator[BaseException]:
    """What Airflow, or a DAG's own code, finds wrong with each DAG."""
    try:
        dags = find_dags(originals, modules)
    except BaseException as error:  # noqa: BLE001 (DAGs may be registered where they are no DAGs)
        yield error
        return
    for dag in dags:
        try:
            dag.validate()
            _check_cycle(dag, originals)
            dag.resolve_template_files()
        except BaseException as error:  # noqa: BLE001 (a DAG's own code runs here)
            yield error


def _check_cycle(dag: Any, originals: Originals) -> None:
    if originals.cycle_tester is None:
        dag.check_cycle()
    else:
        vars(originals.cycle_tester)["check_cycle"](dag)


def _check_plugins(modules: list[ModuleType]) -> Iterator[BaseException]:
    """What is wrong with the plugins of a file: Airflow makes one of each and calls its `on_load`."""
    is_plugin = importlib.import_module("airflow.plugins_manager").is_valid_plugin
    for module in modules:
        for value in list(vars(module).values()):
            try:
                if is_plugin(value):
                    value().on_load()
            except BaseException as error:  # noqa: BLE001 (a plugin's own code runs here)
                yield error
