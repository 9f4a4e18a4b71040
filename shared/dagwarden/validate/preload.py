"""What the warm parent imports before it forks: Airflow, and what DAG files name of installed packages."""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

BASE = ("airflow", "airflow.configuration", "airflow.settings", "jinja2", "pendulum")
BASE_OF: Mapping[int, tuple[str, ...]] = {
    3: (
        "airflow.sdk",
        "airflow.sdk.bases.hook",
        "airflow.sdk.bases.operator",
        "airflow.sdk.bases.sensor",
        "airflow.sdk.definitions.dag",
        "airflow.sdk.definitions.decorators",
        "airflow.sdk.definitions.mappedoperator",
        "airflow.sdk.definitions.taskgroup",
        "airflow.sdk.definitions.variable",
        "airflow.sdk.execution_time.context",
        "airflow.sdk.execution_time.supervisor",
        "airflow.timetables.interval",
        "airflow.timetables.trigger",
    ),
    2: (
        "airflow.datasets",
        "airflow.decorators",
        "airflow.hooks.base",
        "airflow.models.baseoperator",
        "airflow.models.connection",
        "airflow.models.dag",
        "airflow.models.mappedoperator",
        "airflow.models.param",
        "airflow.models.variable",
        "airflow.operators.bash",
        "airflow.operators.empty",
        "airflow.operators.python",
        "airflow.sensors.base",
        "airflow.timetables.interval",
        "airflow.timetables.trigger",
        "airflow.utils.dag_cycle_tester",
        "airflow.utils.task_group",
    ),
}
"""Imported at the start, then this by Airflow's major version. Names that this version does not have are left out."""

WORTH = (
    "airflow.",
    "google.cloud.",
    "google.api_core.",
    "kubernetes",
    "pandas",
    "numpy",
    "pendulum",
    "requests",
    "yaml",
)
"""What a file may have imported beforehand: installed packages of these names, and nothing else it asks for."""

NOT_WORTH = re.compile(r"(^|\.)(example_dags|tests|system|__main__|migrations|cli)(\.|$)")
MAX_MODULES = 400

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]{0,200})", re.MULTILINE)


def find_imports(contents: Iterable[bytes]) -> tuple[str, ...]:
    """The modules these sources name in import statements and that are worth importing beforehand, sorted.

    The text is searched, not parsed: it is a stranger's, and deep nesting ends the parser's process.
    """
    names = {match[1].decode() for content in contents for match in _IMPORT.finditer(content)}
    return tuple(sorted(name for name in names if is_worth(name)))[:MAX_MODULES]


def is_worth(name: str) -> bool:
    """Whether a module of this name may be imported in the warm parent."""
    return f"{name}.".startswith(WORTH) and not NOT_WORTH.search(name)


class Preloaded:
    """What was imported beforehand, and what each import cost in seconds."""

    def __init__(self) -> None:
        self.costs: dict[str, float] = {}

    def load(self, names: Iterable[str]) -> bool:
        """What is installed of these is imported; whether anything new was. What fails will fail in its child again."""
        before = len(sys.modules)
        for name in names:
            if name not in self.costs:
                started = time.perf_counter()
                with suppress(Exception):
                    _import(name)
                self.costs[name] = time.perf_counter() - started
        return len(sys.modules) > before

    def load_base(self) -> None:
        """Airflow itself is imported, with what `airflow.sdk` offers lazily."""
        self.load(BASE)
        version = getattr(sys.modules.get("airflow"), "__version__", "0")
        self.load(BASE_OF.get(int(version.partition(".")[0]), ()))
        sdk = sys.modules.get("airflow.sdk")
        for name in getattr(sdk, "__all__", ()):
            with suppress(Exception):
                getattr(sdk, name)


def _import(name: str) -> None:
    if name in sys.modules or _is_file(name):
        importlib.import_module(name)


def _is_file(name: str) -> bool:
    """Whether its top-level package is installed: found on the path, which never holds the tree."""
    top = name.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(top)
    return found is not None


def count_threads() -> int:
    """Threads of this process: a second one would be lost, with its locks held, in every fork."""
    return len(list(Path("/proc/self/task").iterdir()))
