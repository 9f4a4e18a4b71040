"""Importing one DAG file as Airflow does, and telling what went wrong."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import linecache
import re
import sys
import traceback
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from types import ModuleType

import msgspec

from dagwarden.lint.airflow_ignore import might_hold_dag
from dagwarden.validate.report import Failure

MAX_MESSAGE_CHARS = 2000
UNREADABLE = "(what it says cannot be read)"


def extend_path(root: Path) -> None:
    """The tree's modules can be imported, after all others, as Airflow lets them be.

    Source: airflow.settings.prepare_syspath_for_dags_folder, apache-airflow-core 3.3.2.
    """
    for folder in ("dags", "plugins"):
        if (root / folder).is_dir():
            sys.path.append(str(root / folder))


class Loadable(msgspec.Struct, frozen=True):
    """One module that importing a file means."""

    name: str
    load: Callable[[], ModuleType]
    """Runs it; raises whatever its code raises."""


def list_modules(path: Path) -> list[Loadable]:
    """The modules of a DAG file: itself, or those at the root of a zip file that may hold DAGs.

    Raises:
        Exception: a zip file cannot be read.

    Source: PythonDagImporter of apache-airflow-core 3.3.2.
    """
    if path.suffix == ".py":
        name = name_module(path)
        return [Loadable(name, partial(load_module, path, name))]
    with zipfile.ZipFile(path) as archive:
        inside = [(PurePosixPath(each.filename), each) for each in archive.infolist()]
        return [
            Loadable(inner.stem, partial(_load_zipped, path, inner.stem))
            for inner, member in inside
            if inner.suffix in {".py", ".pyc"} and len(inner.parts) == 1 and might_hold_dag(archive.read(member))
        ]


def _load_zipped(path: Path, name: str) -> ModuleType:
    sys.modules.pop(name, None)
    sys.path.insert(0, str(path))
    try:
        return importlib.import_module(name)
    finally:
        if sys.path[0] == str(path):
            del sys.path[0]


def list_plugin(path: Path) -> list[Loadable]:
    """The module of a plugin file, under the name Airflow gives it.

    Source: airflow._shared.plugins_manager of apache-airflow-core 3.3.2.
    """
    return [Loadable(path.stem, partial(load_module, path, path.stem))]


def name_module(path: Path) -> str:
    """The name Airflow gives a DAG file's module.

    Source: airflow.utils.file.get_unique_dag_module_name, apache-airflow-core 3.3.2.
    """
    digest = hashlib.sha1(str(path).encode(), usedforsecurity=False).hexdigest()
    return f"unusual_prefix_{digest}_{re.sub(r'[.-]', '_', path.stem)}"


def load_module(path: Path, name: str) -> ModuleType:
    """The module of this file, run.

    Raises:
        BaseException: whatever its code raises.
    """
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    if spec is None:
        raise ImportError(f"no module can be made of {path.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def explain(error: BaseException, root: Path) -> Failure:
    """What is told of an exception: its kind, its words, where in the tree it arose, and which package it missed."""
    kind = type.__dict__["__name__"].__get__(type(error))[:MAX_MESSAGE_CHARS]
    try:
        file, line = _find_origin(error, root)
        missing = _find_missing(error, root)
    except BaseException:  # noqa: BLE001 (an exception's own code may run here)
        return Failure(type=kind, message=UNREADABLE)
    return Failure(type=kind, message=_say(error)[:MAX_MESSAGE_CHARS], file=file, line=line, missing=missing)


def _say(error: BaseException) -> str:
    try:
        return str.__str__(str(error))
    except BaseException:  # noqa: BLE001 (its own code says what it is, or fails to)
        return UNREADABLE


def _find_origin(error: BaseException, root: Path) -> tuple[str, int]:
    tree = f"{root}/"
    if isinstance(error, SyntaxError) and type(error.filename) is str and error.filename.startswith(tree):
        return error.filename, error.lineno if type(error.lineno) is int else 0
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return next(((file, line) for file, line in reversed(places) if file.startswith(tree)), ("", 0))


def _find_missing(error: BaseException, root: Path) -> str:
    """The module that is neither installed, nor Python's, nor the tree's; empty for none."""
    missing = _name_missing(error)
    top = missing.partition(".")[0]
    homes = (root / folder / name for folder in ("dags", "plugins") for name in (top, f"{top}.py"))
    if not top or top in sys.stdlib_module_names or any(home.exists() for home in homes):
        return ""
    if "." in missing and not _is_shared(missing.rpartition(".")[0]):
        return ""
    if "." not in missing and (top in sys.modules or importlib.util.find_spec(top) is not None):
        return ""
    line = linecache.getline(*_find_origin(error, root))
    found = re.search(rf"{re.escape(missing)}[\w.]*", line)
    return found[0] if found else missing


def _name_missing(error: BaseException) -> str:
    """The dotted name of the module that an import did not find.

    `from google.cloud import bigquery` is told of in words only where other packages share `google.cloud`.
    """
    if not isinstance(error, ImportError) or type(error.name) is not str:
        return ""
    if isinstance(error, ModuleNotFoundError):
        return error.name
    said = re.match(r"cannot import name '(\w+)' from '[\w.]+' \(unknown location\)", _say(error))
    return f"{error.name}.{said[1]}" if said and error.path is None else ""


def _is_shared(name: str) -> bool:
    """Whether several packages may have modules of this name within: it is missing itself, or has no file."""
    module = sys.modules.get(name)
    return (
        name == "airflow.providers"
        or (module is not None and getattr(module, "__file__", None) is None)
        or (module is None and "." in name and _is_shared(name.rpartition(".")[0]))
    )
