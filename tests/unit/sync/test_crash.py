"""A process killed at any step of an apply leaves the old tree or the new one, and the next process goes on from there.

The interpreter's audit hook tells of every rename, link, open and removal before it happens: the child kills itself at
the n-th of them, for every n there is.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagwarden.sync.check import find_damage
from dagwarden.sync.trees import Root
from tests.unit.sync.bench import Bench
from tests.unit.sync.memory import Chain, MemoryCloud

DISK_EVENTS = frozenset(
    {"open", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.utime"}
)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a flush then costs nothing, and there are thousands."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared, prefix="dagwarden-") as folder:
        yield Path(folder)


def run_to_event(work: Callable[[], None], place: Path, last: int) -> bool:
    """Do `work` in a child that is killed right before its n-th event in `place`; whether it got to the end alive."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in DISK_EVENTS and str(arguments[0]).startswith(str(place)):
                seen += 1
                if seen == last:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


def assert_whole(root: Root, allowed: dict[int, dict[str, bytes]]) -> int:
    """`current` shows exactly one of the allowed releases; returns which."""
    tree = root.current_tree()
    assert tree is not None
    assert not find_damage(root.trees / tree.name, tree, reads_bytes=True)
    shown = {str(path.relative_to(root.current)): path.read_bytes() for path in root.current.rglob("*.py")}
    assert shown == allowed[tree.number]
    return tree.number


def crash_everywhere(tmp_path: Path, chain: Chain, prepared: Path, step: Callable[[Bench], None]) -> set[int]:
    """Crash `step` at each of its disk events; returns the releases that were live right after a crash."""
    seen: set[int] = set()
    old = {"dags/a.py": b"1", "dags/deep/gone.py": b"x", "plugins/p.py": b"p"}
    new = {"dags/a.py": b"2", "dags/other/b.py": b"b", "plugins/p.py": b"p"}
    for last in range(1, 1000):
        place = tmp_path / f"crash-{last}"
        shutil.copytree(prepared, place, symlinks=True)
        bench = Bench(place, chain)

        def work(bench: Bench = bench) -> None:
            bench.agent.open()
            step(bench)

        is_done = run_to_event(work, place, last)
        seen.add(assert_whole(bench.root, {1: old, 2: new}))
        again = Bench(place, chain)
        again.agent.open()
        again.agent.reconcile()
        assert assert_whole(again.root, {2: new}) == 2
        assert not list(again.root.staging.iterdir())
        again.agent.tidy()
        again.agent.close()
        shutil.rmtree(place)
        if is_done:
            assert last > 10
            return seen
    raise AssertionError("the step never ended")


def prepare(tmp_path: Path, *, has_spare: bool) -> tuple[Chain, Path]:
    """A root at release 1 and a ledger at release 2."""
    chain = Chain(MemoryCloud(keep_trees=1, keep_trees_s=0.0))
    chain.release({"dags/a.py": b"1", "dags/deep/gone.py": b"x", "plugins/p.py": b"p"})
    bench = Bench(tmp_path / "prepared", chain)
    bench.agent.open()
    bench.agent.reconcile()
    if has_spare:
        bench.agent.tidy()
    bench.agent.close()
    chain.release({"dags/a.py": b"2", "dags/other/b.py": b"b"}, ("dags/deep/gone.py",))
    return chain, tmp_path / "prepared"


def test_killed_at_any_step_of_an_apply_onto_a_spare(quick_path: Path) -> None:
    chain, prepared = prepare(quick_path, has_spare=True)
    assert crash_everywhere(quick_path, chain, prepared, lambda bench: _notice(bench, chain)) == {1, 2}


def test_killed_at_any_step_of_an_apply_without_a_spare(quick_path: Path) -> None:
    chain, prepared = prepare(quick_path, has_spare=False)
    assert crash_everywhere(quick_path, chain, prepared, lambda bench: _notice(bench, chain)) == {1, 2}


def test_killed_at_any_step_of_tidying(quick_path: Path) -> None:
    chain, prepared = prepare(quick_path, has_spare=True)
    bench = Bench(prepared, chain)
    bench.agent.open()
    bench.agent.reconcile()
    bench.agent.close()
    assert crash_everywhere(quick_path, chain, prepared, lambda bench: bench.agent.tidy()) == {2}


def _notice(bench: Bench, chain: Chain) -> None:
    assert bench.agent.take_notice(chain.notice())
