"""Airflow's own classes, and which classes are an installed package's: both taken before any DAG code runs."""

from __future__ import annotations

import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dagwarden.validate.extract import airflow_names
from dagwarden.validate.extract.peek import (
    MISSING,
    Unreadable,
    find_in_class,
    is_heap_type,
    is_instance,
    module_namespace,
    namespace,
    peek,
    qualified_name,
    true_mro,
)

MAX_PATCHED = 64

_CODE = types.FunctionType.__dict__["__code__"].__get__
_FILE = types.CodeType.__dict__["co_filename"].__get__

_LYING = ("__getattribute__", "__class__", "__dict__")
"""What a class defines in order to show other attributes than it has."""


class Originals(msgspec.Struct, kw_only=True):
    """What extraction holds on to while strangers' code runs."""

    airflow: str
    """Its version."""
    dag: type
    operator: type
    mapped_operator: type
    task_group: type
    dag_context: type
    resolved_later: tuple[type, ...]
    cycle_tester: types.ModuleType | None
    """The module that looks for cycles, where DAGs do not do so themselves."""
    modules: dict[str, types.ModuleType]
    """sys.modules itself."""
    roots: tuple[str, ...]
    """Folders that installed packages and the standard library lie in."""
    library: dict[int, tuple[type, bool]] = {}
    """What `is_library` found, by the class's id: metaclasses may define `==` and `hash`."""
    patched: dict[int, tuple[type, tuple[str, ...]]] = {}
    is_as_it_was: Callable[[type], bool] = lambda _: False
    """Whether a class is known to run the code that its package gave it, and no other."""

    def forget(self) -> None:
        """What was found of classes is looked up anew: another file's code ran since."""
        self.library.clear()
        self.patched.clear()


def capture_originals() -> Originals:
    """Take hold of Airflow's classes. To be called before any DAG code runs, after Airflow was imported.

    Raises:
        ImportError: no Airflow that is known is installed.
    """
    import airflow

    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {str(Path(folder).resolve()) for folder in folders}
    folders.add(str(Path(str(airflow.__file__)).resolve().parent))
    dag = airflow_names.find_class(airflow_names.DAG)
    return Originals(
        airflow=airflow.__version__,
        dag=dag,
        operator=airflow_names.find_class(airflow_names.OPERATOR),
        mapped_operator=airflow_names.find_class(airflow_names.MAPPED_OPERATOR),
        task_group=airflow_names.find_class(airflow_names.TASK_GROUP),
        dag_context=airflow_names.find_class(airflow_names.DAG_CONTEXT),
        resolved_later=tuple(airflow_names.find_class(places) for places in airflow_names.RESOLVED_LATER),
        cycle_tester=None if "check_cycle" in namespace(dag) else sys.modules.get(airflow_names.CYCLE_TESTER),
        modules=sys.modules,
        roots=tuple(f"{folder}/" for folder in sorted(folders)),
    )


def is_library(originals: Originals, kind: type) -> bool:
    """Whether a class is what an installed package, or Python itself, defines under the name it bears."""
    known = originals.library.get(id(kind))
    if known is None:
        known = originals.library[id(kind)] = (kind, _is_where_it_says(originals, kind))
    return known[1]


def _is_where_it_says(originals: Originals, kind: type) -> bool:
    if not is_heap_type(kind):
        return True
    name = namespace(kind).get("__module__")
    if type(name) is not str:
        return False
    module = originals.modules.get(name)
    try:
        held = module_namespace(module) if module is not None else {}
    except Unreadable:
        return False
    file = held.get("__file__", "")
    if file and not (type(file) is str and file.startswith(originals.roots)):
        return False
    if not file and name not in sys.builtin_module_names:
        return False
    own = qualified_name(kind).removeprefix(f"{name}.")
    return "<locals>" in own or _resolve(held, own) is kind


def _resolve(held: Mapping[str, Any], name: str) -> Any:
    found: Any = MISSING
    for part in name.split("."):
        found = held.get(part, MISSING)
        held = namespace(found) if is_instance(found, type) else {}
    return found


def read(originals: Originals, value: object, name: str) -> Any:
    """An attribute as `peek` reads it; behind a property of an installed package, what that keeps under `_NAME`.

    Returns:
        MISSING where there is no such attribute.

    Raises:
        Unreadable: only code could tell, or the value's class shows other attributes than it has.
    """
    try:
        return peek(value, name)
    except Unreadable:
        _, owner = find_in_class(type(value), name)
        if owner is None or not is_library(originals, owner):
            raise
        return peek(value, f"_{name}")


def find_lies(originals: Originals, kind: type) -> tuple[str, ...]:
    """The ways in which a class that is no installed package's shows other attributes than it has."""
    lies = []
    for base in true_mro(kind):
        if base is object or is_library(originals, base):
            continue
        defined = namespace(base)
        lies += [f"{qualified_name(base)}.{name}" for name in _LYING if _is_override(defined, name)]
    return tuple(lies)


def _is_override(defined: Mapping[str, Any], name: str) -> bool:
    return name in defined and type(defined[name]) is not types.GetSetDescriptorType


def library_bases(originals: Originals, kind: type) -> Iterator[str]:
    """The installed packages' classes among the bases of a class, nearest first; `object` is not told."""
    for base in true_mro(kind)[1:]:
        if base is not object and is_library(originals, base):
            yield qualified_name(base)


def find_patched(originals: Originals, kind: type) -> tuple[str, ...]:
    """Attributes of the installed packages' classes among a class and its bases whose code is from elsewhere."""
    found: list[str] = []
    for base in true_mro(kind):
        if id(base) not in originals.patched:
            found_here = () if originals.is_as_it_was(base) else _find_patched(originals, base)
            originals.patched[id(base)] = (base, found_here)
        found += originals.patched[id(base)][1]
    return tuple(found)


def _find_patched(originals: Originals, kind: type) -> tuple[str, ...]:
    if not is_library(originals, kind):
        return ()
    return tuple(
        f"{qualified_name(kind)}.{name}"
        for name, value in namespace(kind).items()
        if any(not _is_from_library(originals, each) for each in functions_of(value))
    )[:MAX_PATCHED]


def functions_of(value: Any) -> Iterator[types.FunctionType]:
    """The functions behind what a class has under a name: itself, or those of a property or of a method's wrapping."""
    kind = type(value)
    if kind is types.FunctionType:
        yield value
    elif kind is property:
        yield from (part for part in (value.fget, value.fset) if type(part) is types.FunctionType)
    elif (kind is staticmethod or kind is classmethod) and type(value.__func__) is types.FunctionType:
        yield value.__func__


def _is_from_library(originals: Originals, function: types.FunctionType) -> bool:
    file = _FILE(_CODE(function))
    return type(file) is str and file.startswith(("<", *originals.roots))
