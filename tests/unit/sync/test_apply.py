"""apply: a release laid down beside the live tree, from nothing, by hard links, and onto a spare."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwarden.errors import AccessDenied, Tampered, Unavailable
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.state import list_digest
from dagwarden.names import FOLDERS, ReleasePath
from dagwarden.sync.apply import build_tree, empty_tree, lay, prepare_spare
from dagwarden.sync.check import find_damage
from dagwarden.sync.durable import on_disk
from dagwarden.sync.fetch import fetch_all, fetch_next
from dagwarden.sync.trees import Root, Tree
from dagwarden.wire import digest
from tests.unit.sync.memory import NOW, PROD, Chain


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path / "root")
    root.open(PROD, "test")
    yield root
    root.close()


def files_in(folder: Path) -> dict[str, bytes]:
    """Path -> bytes of every file under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def grow(chain: Chain, root: Root, base: Tree | None, files: dict[str, bytes], deletes: tuple[str, ...] = ()) -> Tree:
    """Release something and lay it onto `base`."""
    signed = chain.release(files, deletes)
    target = fetch_next(chain.ledger, base, signed) if base else fetch_all(chain.ledger, signed)
    return build_tree(root, target, FOLDERS)


@pytest.mark.parametrize("has_spare", [True, False])
def test_a_release_laid_onto_another_is_the_release_and_leaves_the_other_alone(root: Root, has_spare: bool) -> None:
    chain = Chain()
    before = {"dags/a.py": b"a1", "dags/deep/er/b.py": b"b", "dags/c.py": b"c", "plugins/p.py": b"p"}
    first = grow(chain, root, None, before)
    if has_spare:
        prepare_spare(root, first)
    second = grow(chain, root, first, {"dags/a.py": b"a2", "dags/new/x.py": b"x"}, ("dags/deep/er/b.py",))
    assert files_in(root.trees / first.name) == before
    after = {"dags/a.py": b"a2", "dags/new/x.py": b"x", "dags/c.py": b"c", "plugins/p.py": b"p"}
    assert files_in(root.trees / second.name) == after
    assert not (root.trees / second.name / "dags/deep").exists()
    assert not find_damage(root.trees / second.name, second, reads_bytes=True)
    assert not find_damage(root.trees / first.name, first, reads_bytes=True)
    same = (root.trees / first.name / "dags/c.py").stat().st_ino
    assert (root.trees / second.name / "dags/c.py").stat().st_ino == same
    assert not list(root.staging.iterdir())
    assert not list(root.spares.iterdir())


def test_files_are_read_only_and_folders_are_not(root: Root) -> None:
    chain = Chain()
    tree = grow(chain, root, None, {"dags/deep/a.py": b"a"})
    place = root.trees / tree.name / "dags/deep/a.py"
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o755


def test_modes_do_not_hang_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        root = Root(tmp_path / "root")
        root.open(PROD, "test")
        tree = grow(Chain(), root, None, {"dags/deep/a.py": b"a"})
        root.flip(tree, NOW)
        root.close()
    finally:
        os.umask(before)
    place = root.trees / tree.name / "dags/deep/a.py"
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    folders = [root.path / folder for folder in place.relative_to(root.path).parents]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o755}


@pytest.mark.parametrize("has_spare", [True, False])
def test_a_folder_may_take_a_files_name_and_a_file_a_folders(root: Root, has_spare: bool) -> None:
    chain = Chain()
    first = grow(chain, root, None, {"dags/a": b"file", "dags/b/x.py": b"x"})
    if has_spare:
        prepare_spare(root, first)
    second = grow(chain, root, first, {"dags/a/y.py": b"y", "dags/b": b"now a file"}, ("dags/a", "dags/b/x.py"))
    assert files_in(root.trees / second.name) == {"dags/a/y.py": b"y", "dags/b": b"now a file"}


def test_the_top_folders_stay_when_they_are_empty(root: Root) -> None:
    chain = Chain()
    first = grow(chain, root, None, {"dags/a.py": b"a"})
    second = grow(chain, root, first, {}, ("dags/a.py",))
    assert sorted(entry.name for entry in (root.trees / second.name).iterdir()) == ["dags", "plugins"]


def test_a_component_holds_its_folders_only_and_says_their_digest(root: Root) -> None:
    chain = Chain()
    signed = chain.release({"dags/a.py": b"a", "plugins/p.py": b"p"})
    tree = build_tree(root, fetch_all(chain.ledger, signed), ("plugins",))
    assert files_in(root.trees / tree.name) == {"plugins/p.py": b"p"}
    assert tree.tree == signed.release.tree
    assert tree.held_digest == list_digest([("plugins/p.py", digest(b"p"), "0644")])
    later = chain.release({"dags/a.py": b"a2", "plugins/q.py": b"q"})
    after = build_tree(root, fetch_next(chain.ledger, tree, later), ("plugins",))
    assert files_in(root.trees / after.name) == {"plugins/p.py": b"p", "plugins/q.py": b"q"}
    assert after.tree == later.release.tree


def test_a_spare_of_another_tree_is_not_used(root: Root) -> None:
    chain = Chain()
    first = grow(chain, root, None, {"dags/a.py": b"a"})
    prepare_spare(root, first)
    second = grow(chain, root, None, {"dags/b.py": b"b"})
    third = grow(chain, root, second, {"dags/c.py": b"c"})
    assert files_in(root.trees / third.name) == {"dags/a.py": b"a", "dags/b.py": b"b", "dags/c.py": b"c"}
    prepare_spare(root, third)
    assert [entry.name for entry in root.spares.iterdir()] == [third.name]


def test_two_trees_of_one_release_stand_side_by_side(root: Root) -> None:
    chain = Chain()
    signed = chain.release({"dags/a.py": b"a"})
    one = build_tree(root, fetch_all(chain.ledger, signed), FOLDERS)
    two = build_tree(root, fetch_all(chain.ledger, signed), FOLDERS)
    assert two.name == f"{one.name}.1"
    places = [root.trees / tree.name / "dags/a.py" for tree in (one, two)]
    assert places[0].stat().st_ino != places[1].stat().st_ino


def test_bytes_that_are_not_those_named_are_not_laid(tmp_path: Path) -> None:
    chain = Chain()
    signed = chain.release({"dags/a.py": b"a"})
    target = fetch_all(chain.ledger, signed)
    path = ReleasePath("dags/a.py")
    (tmp_path / "dags").mkdir()
    for contents in ({}, {path: PlainFile(path, "0644", b"evil")}):
        with pytest.raises(Tampered, match="brought"):
            lay(tmp_path, target.changes, contents, is_synced=True)
    assert not list((tmp_path / "dags").iterdir())


def test_the_empty_tree_has_the_folders(root: Root) -> None:
    tree = empty_tree(root, PROD, ("dags", "plugins"))
    root.flip(tree, NOW)
    assert sorted(entry.name for entry in root.current.iterdir()) == ["dags", "plugins"]
    assert root.current_tree() == tree


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, Unavailable), (errno.EROFS, AccessDenied), (errno.EACCES, AccessDenied), (errno.EIO, Unavailable)],
)
def test_what_the_disk_refuses_is_one_of_our_errors(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="some/file"), on_disk("lay release", "x"):
        raise OSError(number, os.strerror(number), "some/file")
