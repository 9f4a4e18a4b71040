"""Layer `limits`: how much of the machine one import may take."""

from __future__ import annotations

import math
import resource
from pathlib import Path

_PAGE_BYTES = resource.getpagesize()

OPEN_FILES = 256
PROCESSES = 64


def address_space_bytes() -> int:
    """What this process has mapped, in bytes."""
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * _PAGE_BYTES


def set_limits(*, memory_bytes: int, cpu_s: float, file_bytes: int) -> None:
    """This process may map that much memory in all, compute that long, and write no file larger than that.

    Raises:
        OSError, ValueError: the kernel refuses.
    """
    seconds = math.ceil(cpu_s)
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
