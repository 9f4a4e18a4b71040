"""trees: the root folder, who owns it, what a crash leaves, what is kept."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dagwarden.errors import AlreadyExists, InvalidInput
from dagwarden.names import FOLDERS, NO_PARENT, EnvironmentName, ReleaseNumber
from dagwarden.sync.apply import build_tree, empty_tree
from dagwarden.sync.check import describe, find_damage
from dagwarden.sync.fetch import fetch_all
from dagwarden.sync.pins import is_pinned, pin, prune
from dagwarden.sync.trees import Root, State, Tree, number_of
from tests.unit.sync.memory import NOW, PROD, Chain


def open_root(path: Path) -> Root:
    root = Root(path)
    root.open(PROD, "agent worker/one")
    return root


def grow(root: Root, chain: Chain, count: int = 1) -> list[Tree]:
    """So many releases, each shown in its turn."""
    trees = []
    for _ in range(count):
        signed = chain.release({"dags/a.py": b"a%d" % chain.state.number})
        trees.append(build_tree(root, fetch_all(chain.ledger, signed), FOLDERS))
        root.flip(trees[-1], NOW)
    return trees


def test_a_second_agent_is_refused_and_told_who_works_there(tmp_path: Path) -> None:
    first = open_root(tmp_path)
    with pytest.raises(AlreadyExists, match="agent worker/one is at work here"):
        Root(tmp_path).open(PROD, "agent worker/two")
    first.close()
    open_root(tmp_path).close()


def test_another_environments_root_is_refused(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    tree = empty_tree(root, PROD, FOLDERS)
    root.write_state(
        State(
            environment=PROD,
            component="worker",
            instance="one",
            folders=FOLDERS,
            release=tree.number,
            digest=NO_PARENT,
            tree=tree.tree,
            visible_at=NOW,
        )
    )
    root.close()
    other = Root(tmp_path)
    with pytest.raises(InvalidInput, match="holds the trees of environment prod, not of staging"):
        other.open(EnvironmentName("staging"), "agent")
    other.close()


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("x")
    with pytest.raises(InvalidInput, match="is no folder"):
        open_root(tmp_path / "root")


def test_what_a_crash_left_half_done_is_gone_after_opening(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    chain = Chain()
    first, second = grow(root, chain, 2)
    third = build_tree(root, fetch_all(chain.ledger, chain.release({"dags/b.py": b"b"})), FOLDERS)
    (root.staging / "new-x" / "dags").mkdir(parents=True)
    (root.trees / f"{ReleaseNumber(9):010d}-abc.json").write_text("{}")
    root.close()
    again = open_root(tmp_path)
    assert again.names() == [first.name, second.name]
    assert again.current_tree() == second
    assert third.name not in [entry.name for entry in again.trees.iterdir()]
    assert sorted(entry.name for entry in again.trees.glob("*.json")) == [f"{first.name}.json", f"{second.name}.json"]
    assert not list(again.staging.iterdir())


def test_a_torn_record_makes_the_tree_unknown_not_wrong(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    (tree,) = grow(root, Chain())
    (root.trees / f"{tree.name}.json").write_bytes(b'{"environ')
    assert root.current_tree() is None


def test_former_trees_are_kept_by_number_by_age_and_by_pin(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    trees = grow(root, Chain(), 6)
    held = pin(root, trees[0].name, "task")
    assert held is not None
    assert pin(root, "0000000099-abc", "task") is None
    later_s = NOW.timestamp() + 100
    assert not prune(root, keep=1, keep_s=101, now_s=later_s)
    gone = prune(root, keep=1, keep_s=100, now_s=later_s)
    assert len(gone) == 3
    assert root.names() == [trees[0].name, trees[4].name, trees[5].name]
    held.release()
    assert len(prune(root, keep=1, keep_s=100, now_s=later_s)) == 1
    assert prune(root, keep=0, keep_s=0, now_s=later_s)
    assert root.names() == [trees[5].name]
    assert root.current.resolve() == root.trees / trees[5].name


def test_the_pin_of_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    first, _ = grow(root, Chain(), 2)
    code = """
import sys
from pathlib import Path
from dagwarden.sync.pins import pin
from dagwarden.sync.trees import Root
kept = pin(Root(Path(sys.argv[1])), sys.argv[2], "task")
print("pinned", flush=True)
sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), first.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"pinned\n"
        assert is_pinned(root, ReleaseNumber(1))
        holder.kill()
        holder.wait()
        assert not is_pinned(root, ReleaseNumber(1))
        assert not (root.pins / "0000000001").exists()


def test_pruning_waits_for_who_is_pinning_right_now(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    grow(root, Chain(), 3)
    handle = os.open(root.pins_lock, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    assert not prune(root, keep=0, keep_s=0, now_s=NOW.timestamp())
    os.close(handle)
    assert prune(root, keep=0, keep_s=0, now_s=NOW.timestamp())


@pytest.mark.parametrize("reads_bytes", [True, False])
def test_every_kind_of_damage_is_found(tmp_path: Path, reads_bytes: bool) -> None:
    root = open_root(tmp_path)
    chain = Chain()
    signed = chain.release({f"dags/{name}.py": name.encode() for name in "abcdef"})
    tree = build_tree(root, fetch_all(chain.ledger, signed), FOLDERS)
    folder = root.trees / tree.name / "dags"
    (folder / "a.py").unlink()
    (folder / "b.py").chmod(0o644)
    (folder / "b.py").write_bytes(b"longer")
    (folder / "c.py").chmod(0o755)
    (folder / "d.py").unlink()
    (folder / "d.py").symlink_to("e.py")
    (folder / "evil.py").write_bytes(b"evil")
    (folder / "evil.pyc").write_bytes(b"evil")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "e.cpython-311.pyc").write_bytes(b"python's own")
    found = find_damage(root.trees / tree.name, tree, reads_bytes=reads_bytes)
    assert [(damage.path, damage.what) for damage in found] == [
        ("dags/a.py", "missing"),
        ("dags/b.py", "changed"),
        ("dags/c.py", "changed"),
        ("dags/d.py", "changed"),
        ("dags/evil.py", "unknown"),
        ("dags/evil.pyc", "unknown"),
    ]
    assert describe(found) == "dags/a.py missing, dags/b.py changed, dags/c.py changed and 3 more"


def test_bytes_changed_under_the_same_size_and_time_are_found_by_reading(tmp_path: Path) -> None:
    root = open_root(tmp_path)
    (tree,) = grow(root, Chain())
    place = root.current / "dags/a.py"
    status = place.stat()
    place.chmod(0o644)
    place.write_bytes(b"b0")
    place.chmod(0o444)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    folder = root.trees / tree.name
    assert not find_damage(folder, tree, reads_bytes=False)
    assert [damage.what for damage in find_damage(folder, tree, reads_bytes=True)] == ["changed"]


@pytest.mark.parametrize("name", ["12-abc", "00000000x1-abc", "0000000001", "", "new-1"])
def test_names_that_are_no_trees_are_none(name: str) -> None:
    assert number_of(name) is None
