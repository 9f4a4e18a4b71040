"""The DAGs of a file that was just imported: found as Airflow finds them, read as values."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any

from dagwarden.validate.extract.airflow_names import AUTOREGISTERED
from dagwarden.validate.extract.dags import read_dag
from dagwarden.validate.extract.fields import Limits
from dagwarden.validate.extract.originals import Originals, find_patched, is_library
from dagwarden.validate.extract.peek import (
    Unreadable,
    elements_of,
    find_in_class,
    is_instance,
    items_of,
    module_namespace,
    namespace,
    peek,
    true_mro,
)
from dagwarden.validate.model import MAX_DAGS, MAX_ITEMS, MAX_TEXT, FileModel


def extract_file(originals: Originals, modules: Iterable[types.ModuleType], path: str, limits: Limits) -> FileModel:
    """Everything the DAGs of a file say, sorted by id; nothing of theirs is called, nothing is changed.

    Args:
        originals: taken by `capture_originals` before the file was imported.
        modules: what importing it gave: one module, or each of a zip file's.
        path: in the release.
        limits: unused so far; afterwards they hold what is suspect of being a secret.
    """
    modules = tuple(modules)
    originals.forget()
    dags = find_dags(originals, modules)
    limits.cut("DAGs", MAX_DAGS, len(dags))
    models = sorted((read_dag(originals, dag, limits) for dag in dags[:MAX_DAGS]), key=lambda model: model.dag_id)
    patched = sorted({name for kind in _kinds_of(originals, dags) for name in find_patched(originals, kind)})
    if limits.budget.was_exceeded:
        limits.cut("arguments", 0, 1)
    return FileModel(
        path=path,
        airflow=originals.airflow[:MAX_TEXT],
        dags=tuple(models),
        impostors=tuple(_find_impostors(originals, modules))[:MAX_ITEMS],
        patched=tuple(patched[:MAX_ITEMS]),
        cuts=tuple(limits.cuts),
    )


def find_dags(originals: Originals, modules: Iterable[types.ModuleType]) -> list[Any]:
    """The DAG objects that Airflow would take from the file, each once: those its modules' globals hold, then those
    used in a `with` block or made by `@dag`.

    Source: PythonDagImporter._process_modules of apache-airflow-core 3.3.2; DagBag._process_modules of 2.11.
    """
    found: dict[int, Any] = {}
    for module in modules:
        for value in list(dict.values(module_namespace(module))):
            if is_instance(value, originals.dag):
                found.setdefault(id(value), value)
    registered, _ = find_in_class(originals.dag_context, AUTOREGISTERED)
    for pair in elements_of(registered):
        dag = next(elements_of(pair), None)
        if is_instance(dag, originals.dag):
            found.setdefault(id(dag), dag)
    return list(found.values())


def find_classes(originals: Originals, dags: list[Any]) -> list[type]:
    """The classes of the DAGs and of their tasks, and all that those descend from, each once."""
    return list({id(base): base for kind in _kinds_of(originals, dags) for base in true_mro(kind)}.values())


def _kinds_of(originals: Originals, dags: list[Any]) -> Iterator[type]:
    """The classes of the DAGs and of their tasks."""
    for dag in dags:
        yield type(dag)
        try:
            for _, task in items_of(peek(dag, "task_dict")):
                yield type(task)
                if is_instance(task, originals.mapped_operator):
                    kind = peek(task, "operator_class")
                    if is_instance(kind, type):
                        yield kind
        except Unreadable:
            continue


def _find_impostors(originals: Originals, modules: Iterable[types.ModuleType]) -> Iterator[str]:
    """Globals that are no DAGs but whose own class decides what they say they are: Airflow would ask them."""
    for module in modules:
        for name, value in list(dict.items(module_namespace(module))):
            if is_instance(value, originals.dag) or type(name) is not str:
                continue
            own = [kind for kind in true_mro(type(value)) if kind is not object and not is_library(originals, kind)]
            if any(word in namespace(kind) for kind in own for word in ("__class__", "__getattribute__")):
                yield name[:MAX_TEXT]
