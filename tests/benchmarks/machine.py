"""Where the figures were measured: what of a machine matters to them, and nothing that names it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from tests.benchmarks.report import MACHINE
from tests.benchmarks.results import Row

PACKAGES = ("functions-framework", "google-cloud-storage", "google-cloud-pubsub", "google-cloud-logging", "grpcio")


def describe_machine() -> list[Row]:
    """Facts as rows."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts: list[tuple[str, float | str, str]] = [
        ("cores", float(os.cpu_count() or 0), ""),
        ("processor", _read_processor(), ""),
        ("memory", round(memory_gib, 1), "GiB"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}", ""),
        ("Python", platform.python_version(), ""),
        *((name, importlib.metadata.version(name), "") for name in PACKAGES),
    ]
    return [Row(benchmark=MACHINE, metric=name, value=value, unit=unit) for name, value, unit in facts]


def _read_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
