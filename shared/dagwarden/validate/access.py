"""What an import asks Airflow and its surroundings for: Variables, Connections, environment variables, slow modules."""

from __future__ import annotations

import builtins
import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from dagwarden.validate.report import DeedKind
from dagwarden.validate.watch import Watch

READERS: tuple[tuple[str, str, DeedKind], ...] = (
    ("airflow.sdk.execution_time.context", "_get_variable", DeedKind.VARIABLE),
    ("airflow.sdk.execution_time.context", "_set_variable", DeedKind.VARIABLE),
    ("airflow.sdk.execution_time.context", "_get_variable_keys", DeedKind.VARIABLE),
    ("airflow.sdk.execution_time.context", "_get_connection", DeedKind.CONNECTION),
    ("airflow.models.variable", "Variable.get_variable_from_secrets", DeedKind.VARIABLE),
    ("airflow.models.variable", "Variable._set", DeedKind.VARIABLE),
    ("airflow.models.connection", "Connection.get_connection_from_secrets", DeedKind.CONNECTION),
)
"""Module and name of the functions that every way to a Variable or Connection leads through: of Airflow 3 first, then
of Airflow 2, whose `Variable.get` and hooks are the models' own.

Source: apache-airflow-task-sdk 1.3.2; apache-airflow 2.11.2."""

PARTS_OF_AIRFLOW = ("airflow", "__future__")

current: list[Watch] = []
"""The watch of this process: none in the warm parent, one in a child."""


def listen_to_readers() -> None:
    """What reads Variables and Connections tells the watch of its process first; of what is imported by now."""
    for module, name, kind in READERS:
        within, _, own = name.rpartition(".")
        holder = getattr(sys.modules.get(module), within, None) if within else sys.modules.get(module)
        original = vars(holder).get(own) if holder is not None else None
        if original is not None:
            setattr(holder, own, _tell_first(original, kind))


def _tell_first(original: Any, kind: DeedKind) -> Any:
    """The same, telling: a function, or a method of a class, whose first argument is then the class."""
    if type(original) in (staticmethod, classmethod):
        skipped = 1 if type(original) is classmethod else 0
        return type(original)(_tell_before(original.__func__, kind, skipped))
    return _tell_before(original, kind, 0)


def _tell_before(original: Callable[..., Any], kind: DeedKind, skipped: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def telling(*arguments: Any, **named: Any) -> Any:
        first = next(iter((*arguments[skipped:], *named.values())), "")
        for watch in current:
            watch.tell(kind, first if type(first) is str else "")
        return original(*arguments, **named)

    return telling


def listen_to_environment(watch: Watch) -> None:
    """Each environment variable that the tree's own code reads is told, whether it is set or not."""

    class WatchedEnviron(type(os.environ)):  # type: ignore[misc]
        """os.environ, telling who reads it."""

        def __getitem__(self, key: Any) -> Any:
            if type(key) is str:
                watch.tell(DeedKind.ENVIRONMENT, key, reach="own")
            return super().__getitem__(key)

    os.environ.__class__ = WatchedEnviron


def time_imports(watch: Watch, costs: Mapping[str, float], heavy_s: float, tree: str) -> None:
    """Import statements of the tree that cost `heavy_s` seconds and more are told, those of Airflow itself left out.

    Args:
        costs: what modules imported beforehand did cost then, in seconds.
    """
    original, clock = builtins.__import__, time.perf_counter

    def timed(name: str, globals_: Any = None, locals_: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level or type(globals_) is not dict or not str(globals_.get("__file__")).startswith(tree):
            return original(name, globals_, locals_, fromlist, level)
        started = clock()
        try:
            return original(name, globals_, locals_, fromlist, level)
        finally:
            cost = max(clock() - started, costs.get(name, 0.0))
            if cost >= heavy_s and not name.startswith(PARTS_OF_AIRFLOW):
                watch.tell(DeedKind.HEAVY, name, seconds=cost)

    builtins.__import__ = timed  # type: ignore[assignment]
