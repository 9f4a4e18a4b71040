"""The warm parent: a process that has imported Airflow and forks a child for each DAG file.

It runs no stranger's code itself: of DAG files it knows the names, of children the bytes they send. It has one thread.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from dagwarden.errors import Unavailable
from dagwarden.validate import access, child
from dagwarden.validate.crew import Crew
from dagwarden.validate.extract.originals import capture_originals, find_patched
from dagwarden.validate.integrity import Snapshot
from dagwarden.validate.link import Link
from dagwarden.validate.pages import enlarge_pages
from dagwarden.validate.preload import Preloaded, count_threads, is_worth
from dagwarden.validate.rehearsal import rehearse
from dagwarden.validate.report import MIB, Job, Outcome, Ready, ValidateSettings, Walls
from dagwarden.validate.sandbox import kernel, namespaces, system_calls
from dagwarden.validate.sandbox.landlock import open_paths
from dagwarden.validate.sandbox.layers import Confinement
from dagwarden.validate.sandbox.limits import address_space_bytes
from dagwarden.validate.sandbox.probe import probe_layers, try_out

SYSTEM = (
    *("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/ssl/certs"),
    *("/etc/ld.so.cache", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"),
)
"""What any program reads. None of it is a secret; /etc/shadow, homes, /proc, /run and /var are not among it."""

Identity = tuple[int, int]
"""Of a folder: its device and inode, since another may come to stand under the same name."""

ENGINES = ("engine", "async_engine")
"""Source: configure_orm of airflow.settings, 2.11 and 3.3."""


def main(descriptor: int, home: str) -> None:
    """Serve jobs that come over the descriptor until the engine goes.

    Args:
        home: a folder of this process alone; children may read it, and `home/scratch` is their scratch folder.
    """
    line = socket.socket(fileno=descriptor)
    link = Link(line)
    with suppress(Unavailable):
        _serve(link, Path(home))


def _serve(link: Link, home: Path) -> None:
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    sys.dont_write_bytecode = True
    ground = _Ground(home=home, compiled_filter=_compile(), is_offline=_leave_network(home / "scratch"))
    confinement = ground.confine(ValidateSettings())
    walls = probe_layers(confinement)
    _release(confinement)
    link.send(Walls(layers=walls))
    ground = msgspec.structs.replace(ground, layers=tuple(wall.name for wall in walls if wall.is_offered))
    preloaded = Preloaded()
    preloaded.load_base()
    access.listen_to_readers()
    warm = _Warm(ground, preloaded)
    link.send(warm.describe())
    while (job := link.receive_job()) is not None:
        for outcome in warm.run(job):
            link.send(outcome)
        link.send(warm.describe())
        warm.stand_by()


def _compile() -> bytes:
    with suppress(OSError):
        return system_calls.compile_filter()
    return b""


def _leave_network(scratch: Path) -> bool:
    """Whether this process is on no network now: it leaves the host's where its children can still have the rest."""

    def trial() -> None:
        namespaces.leave_network()
        namespaces.enter(scratch, MIB, is_offline=True)

    if try_out(trial):
        return False
    namespaces.leave_network()
    return True


class _Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What the walls around each import stand on."""

    home: Path
    compiled_filter: bytes
    is_offline: bool
    layers: tuple[str, ...] = ()

    def confine(self, settings: ValidateSettings, root: Path | None = None) -> Confinement:
        """What the imports of one tree may have; what they may read is held open for them."""
        python = {sys.prefix, sys.base_prefix, *(path for path in sys.path if "site-packages" in path)}
        readable = (*SYSTEM, *sorted(python), str(self.home), *([str(root)] if root else []))
        return Confinement(
            parent_pid=os.getpid(),
            readable=readable,
            opened=open_paths(readable),
            scratch=self.home / "scratch",
            scratch_bytes=settings.scratch_bytes,
            memory_bytes=address_space_bytes() + settings.memory_bytes,
            cpu_s=settings.import_timeout_s + 1,
            compiled_filter=self.compiled_filter,
            is_offline=self.is_offline,
            layers=self.layers,
        )


def _release(confinement: Confinement) -> None:
    for each in confinement.opened:
        os.close(each.descriptor)


def _identify(folder: Path) -> Identity | None:
    with suppress(OSError):
        found = folder.stat()
        return found.st_dev, found.st_ino
    return None


def _take_engines() -> dict[str, object]:
    """Airflow's own database engines, out of its sight: it would renew them in each fork, though nothing uses them."""
    held = vars(sys.modules["airflow.settings"])
    found = {name: held[name] for name in ENGINES if held.get(name) is not None}
    held.update(dict.fromkeys(found))
    return found


class _Warm:
    """What is kept from job to job."""

    def __init__(self, ground: _Ground, preloaded: Preloaded) -> None:
        self._ground, self._preloaded = ground, preloaded
        self._originals = capture_originals()
        self._engines = _take_engines()
        self._crew = Crew()
        self._at_once = len(os.sched_getaffinity(0))
        self._around: child.Surroundings | None = None
        self._tree: tuple[str, Identity | None, ValidateSettings] | None = None
        self._settle()

    def run(self, job: Job) -> Iterator[Outcome]:
        """The outcome of each file, as they come; as many children at once as there are cores."""
        if self._preloaded.load(name for name in job.preload if is_worth(name)):
            self._settle()
        around = self._surround(job)
        waiting = list(reversed(job.files))
        while waiting or len(self._crew):
            while waiting and len(self._crew) < self._at_once:
                self._crew.start(around, waiting.pop())
            if len(self._crew) < self._at_once:
                self._crew.stand_by(around)
            yield from self._crew.wait()

    def stand_by(self) -> None:
        """The first file of the next job need not wait for a child, where it is of the tree of the last."""
        if self._around is not None:
            self._crew.stand_by(self._around)

    def describe(self) -> Ready:
        """How this process is."""
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
        return Ready(forks=self._crew.forks, memory_bytes=memory, threads=count_threads())

    def _settle(self) -> None:
        """What is imported is rehearsed, out of the collector's sight, so that children do not copy it, and known as it
        is."""
        self._crew.dismiss()
        self._tree = None
        rehearse(self._ground.home, self._originals)
        gc.collect()
        gc.freeze()
        enlarge_pages()
        self._snapshot = Snapshot(lambda kind: not find_patched(self._originals, kind))
        self._originals.forget()
        self._validator = {name: each for name, each in sys.modules.items() if f"{name}.".startswith("dagwarden.")}

    def _surround(self, job: Job) -> child.Surroundings:
        """Those of the last job where it was on the same folder, by the same settings."""
        tree = (job.root, _identify(Path(job.root)), job.settings)
        if self._around is None or self._tree != tree:
            if self._around is not None:
                _release(self._around.confinement)
            self._around, self._tree = self._make_surroundings(job), tree
        return self._around

    def _make_surroundings(self, job: Job) -> child.Surroundings:
        return child.Surroundings(
            root=Path(job.root),
            settings=job.settings,
            confinement=self._ground.confine(job.settings, Path(job.root)),
            originals=self._originals,
            snapshot=self._snapshot,
            costs=self._preloaded.costs,
            engines=self._engines,
            validator=self._validator,
        )
