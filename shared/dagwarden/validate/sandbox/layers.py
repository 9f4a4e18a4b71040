"""Which layers there are, what each of them gives, and whether together they give what is needed."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from dagwarden.validate.guarantees import Guarantee
from dagwarden.validate.sandbox import landlock, limits, namespaces, process, system_calls


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """What one import may have."""

    parent_pid: int
    readable: tuple[str, ...]
    opened: tuple[landlock.Opened, ...]
    """The same, held open by the process that forks this one."""
    scratch: Path
    """An empty folder; with namespaces it is memory, of this import alone, else it cannot be written either."""
    scratch_bytes: int
    memory_bytes: int
    """That it may map, what it has mapped when it starts included."""
    cpu_s: float
    compiled_filter: bytes
    is_offline: bool
    """Whether the process is on no network already, since the one that forked it left the host's."""
    layers: tuple[str, ...]


class Layer(msgspec.Struct, frozen=True):
    """One wall."""

    name: str
    gives: tuple[Guarantee, ...]
    what: str
    raise_wall: Callable[[Confinement], None]
    hint: str


def _detach(confinement: Confinement) -> None:
    process.detach(confinement.parent_pid)


def _enter_namespaces(confinement: Confinement) -> None:
    namespaces.enter(confinement.scratch, confinement.scratch_bytes, is_offline=confinement.is_offline)


def _limit(confinement: Confinement) -> None:
    limits.set_limits(
        memory_bytes=confinement.memory_bytes, cpu_s=confinement.cpu_s, file_bytes=confinement.scratch_bytes
    )


def _restrict_files(confinement: Confinement) -> None:
    is_bounded = "namespaces" in confinement.layers
    writable = (str(confinement.scratch),) if is_bounded else ()
    landlock.restrict(confinement.opened, landlock.open_paths((*writable, os.devnull)))


def _filter_calls(confinement: Confinement) -> None:
    system_calls.load_filter(confinement.compiled_filter)


LAYERS: tuple[Layer, ...] = (
    Layer(
        "process",
        (Guarantee.NO_PRIVILEGES,),
        "session of its own, no new privileges, dies with its parent",
        _detach,
        "run on Linux 3.5 or newer",
    ),
    Layer(
        "namespaces",
        (Guarantee.NO_NETWORK,),
        "a network with nobody on it; IPC and mounts of its own; scratch folder in bounded memory",
        _enter_namespaces,
        "let unprivileged user namespaces be made (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns; a container's own seccomp profile may refuse them)",
    ),
    Layer(
        "limits",
        (Guarantee.BOUNDED,),
        "CPU time, memory, open files, processes, file size",
        _limit,
        "let rlimits be lowered",
    ),
    Layer(
        "landlock",
        (Guarantee.NO_SECRETS, Guarantee.NO_WRITES),
        "reads Python, Airflow and the release tree; writes the scratch folder",
        _restrict_files,
        "run on Linux 5.13 or newer with `landlock` in the kernel's lsm= list",
    ),
    Layer(
        "system-calls",
        (Guarantee.NO_NETWORK, Guarantee.NO_PROCESSES, Guarantee.NO_SIGNALS),
        "no socket, no process, no signal to others, no change of modes and owners",
        _filter_calls,
        "install libseccomp (apt-get install libseccomp2)",
    ),
)
"""In the order in which they are raised: each leaves the next what it needs. One layer is enough for a guarantee."""

HINTS = {guarantee: "; or ".join(layer.hint for layer in LAYERS if guarantee in layer.gives) for guarantee in Guarantee}


def confine(confinement: Confinement) -> None:
    """This process stands behind every layer named; nothing takes them away.

    Raises:
        OSError, ValueError: a layer cannot be raised.
    """
    for layer in LAYERS:
        if layer.name in confinement.layers:
            layer.raise_wall(confinement)


def find_missing(layers: Collection[str], required: Sequence[Guarantee]) -> tuple[Guarantee, ...]:
    """The guarantees required that none of these layers gives."""
    given = {guarantee for layer in LAYERS if layer.name in layers for guarantee in layer.gives}
    return tuple(guarantee for guarantee in required if guarantee not in given)


def peak_memory_bytes() -> int:
    """The most this process had in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
