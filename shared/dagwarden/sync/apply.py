"""Lays a release down beside the live tree, whole and on disk, so that one rename can show it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from dagwarden.errors import Tampered
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.state import tree_digest
from dagwarden.names import FOLDERS, NO_PARENT, NO_RELEASE, EnvironmentName, ReleasePath
from dagwarden.sync.durable import make_folder, on_disk, remove_tree, sync_filesystem, sync_folder, write_new
from dagwarden.sync.fetch import Target
from dagwarden.sync.plan import Plan, Row, within
from dagwarden.sync.trees import Root, Tree, TreeFile
from dagwarden.wire import digest

STORED_MODES = {"0644": 0o444, "0755": 0o555}
"""Read-only, so that nobody writes into one tree and, through a hard link, into all."""

MANY_WRITES = 64
"""From here on one flush of the whole filesystem is cheaper than one for each file and folder (0.06 s against 8 s for
10,000 files); below, it would wait for what everybody else is writing there."""

_NO_LINKS = (errno.EMLINK, errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS)
"""A file has all the links it may have, or the filesystem knows none: then it is copied."""


def build_tree(root: Root, target: Target, folders: tuple[str, ...]) -> Tree:
    """The release lies in trees/ afterwards, complete and on disk; `current` still shows what it showed.

    Laid onto the spare of the target's base when there is one, else onto hard links made now, else (no base) from
    nothing.

    Raises:
        Tampered: the bytes brought are not those the release lists.
        Transient, AccessDenied: the disk refused.
    """
    name = root.unused_name(target.signed.release.number, target.signed.digest)
    staged = root.staging / f"new-{name}"
    changes = within(target.changes, folders)
    with on_disk("lay release", staged):
        remove_tree(staged)
        made = stage(root, target.base, changes, staged, folders)
        is_bulk = len(changes.puts) + len(changes.modes) + len(made) >= MANY_WRITES
        written = lay(staged, changes, target.contents, is_synced=not is_bulk)
        _sync_folders(staged, made, is_bulk=is_bulk)
        tree = _record(target, name, folders, written)
        root.publish(staged, tree)
    return tree


def lay(
    folder: Path, changes: Plan, contents: Mapping[ReleasePath, PlainFile], *, is_synced: bool
) -> dict[ReleasePath, TreeFile]:
    """Carry out a plan in a folder nobody reads yet.

    Args:
        is_synced: whether each file and folder touched is flushed; else the caller flushes the filesystem.

    Returns:
        The files written, as they now lie there.

    Raises:
        Tampered: the bytes of a file are not those the plan names; nothing of it was written.
    """
    touched: set[Path] = set()
    for path in changes.deletes:
        (folder / path).unlink(missing_ok=True)
        touched.add(_remove_empty(folder, (folder / path).parent))
    written: dict[ReleasePath, TreeFile] = {}
    for path, row in (*changes.puts.items(), *changes.modes.items()):
        place = folder / path
        place.unlink(missing_ok=True)  # never through the hard link
        touched.update(_make_parents(place.parent))
        status = write_new(place, _proved(path, row, contents), STORED_MODES[row.mode], is_synced=is_synced)
        written[path] = TreeFile(row.sha256, row.mode, row.size_bytes, status.st_mtime_ns)
    if is_synced:
        for parent in sorted(parent for parent in touched if parent.is_dir()):
            sync_folder(parent)
    return written


def prepare_spare(root: Root, tree: Tree) -> None:
    """A copy of `tree` that nobody has seen lies ready for the next release afterwards; other spares are gone.

    Raises:
        Transient, AccessDenied: the disk refused; without a spare the next release only takes longer.
    """
    with on_disk("prepare spare", root.spares):
        for entry in root.spares.iterdir():
            if entry.name != tree.name:
                aside = root.staging / f"spare-{entry.name}"
                entry.rename(aside)
                remove_tree(aside)
        if (root.spares / tree.name).exists():
            return
        staged = root.staging / f"spare-{tree.name}"
        remove_tree(staged)
        made = _link_files(root.trees / tree.name, staged, tree.held(), tree.folders)
        _sync_folders(staged, made, is_bulk=len(made) >= MANY_WRITES)
        staged.rename(root.spares / tree.name)


def stage(root: Root, base: Tree | None, changes: Plan, staged: Path, folders: tuple[str, ...]) -> list[str]:
    """What the base has and the plan leaves alone is in `staged` afterwards; returns every folder made for it.

    Of a spare all is there, what the plan changes too, and nothing had to be made.
    """
    if base is None:
        return _link_files(staged, staged, (), folders)
    if take_spare(root, base, staged):
        return []
    gone = {*changes.deletes, *changes.puts, *changes.modes}
    kept = [path for path in base.held() if path not in gone]
    return _link_files(root.trees / base.name, staged, kept, folders)


def take_spare(root: Root, base: Tree, staged: Path) -> bool:
    """The spare of `base` lies at `staged` afterwards, if there is one; else False.

    Spares are named after the tree they copy and come to their name only when complete.
    """
    try:
        (root.spares / base.name).rename(staged)
    except FileNotFoundError:
        return False
    return True


def empty_tree(root: Root, environment: EnvironmentName, folders: tuple[str, ...]) -> Tree:
    """The tree of release 0 lies in trees/ afterwards: the folders, and nothing in them."""
    name = root.unused_name(NO_RELEASE, NO_PARENT)
    tree = Tree(
        environment=environment,
        number=NO_RELEASE,
        digest=NO_PARENT,
        tree=tree_digest({}),
        held_digest=tree_digest({}),
        name=name,
        folders=folders,
        files={},
    )
    with on_disk("lay release", root.trees / name):
        staged = root.staging / f"new-{name}"
        remove_tree(staged)
        for folder in folders:
            make_folder(staged / folder)
        root.publish(staged, tree)
    return tree


def _record(target: Target, name: str, folders: tuple[str, ...], written: Mapping[ReleasePath, TreeFile]) -> Tree:
    release = target.signed.release
    files = {**target.files, **written}
    return Tree(
        environment=release.environment,
        number=release.number,
        digest=target.signed.digest,
        tree=release.tree,
        held_digest=release.tree if set(folders) >= set(FOLDERS) else tree_digest(files, folders),
        name=name,
        folders=folders,
        files=files,
        push_id=release.push_id,
        pushed_at=release.pushed_at,
        committed_at=release.committed_at,
    )


def _proved(path: ReleasePath, row: Row, contents: Mapping[ReleasePath, PlainFile]) -> bytes:
    file = contents.get(path)
    if file is None or digest(file.content) != row.sha256:
        found = "nothing" if file is None else digest(file.content)[:12]
        raise Tampered(f"brought {found}, not {row.sha256[:12]}", operation="lay release", subject=path)
    return file.content


def _link_files(source: Path, into: Path, paths: Iterable[ReleasePath], folders: tuple[str, ...]) -> list[str]:
    """The files and the top folders are in `into` afterwards; returns every folder made there."""
    paths = list(paths)
    made = sorted({*folders, *_parents(paths)})
    for folder in made:
        make_folder(into / folder)
    old, new = str(source), str(into)
    for path in paths:
        _link(f"{old}/{path}", f"{new}/{path}")
    return ["", *made]


def _sync_folders(within: Path, folders: Iterable[str], *, is_bulk: bool) -> None:
    if is_bulk:
        sync_filesystem(within)
        return
    for folder in folders:
        sync_folder(within / folder)


def _link(source: str, place: str) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, place, follow_symlinks=False)


def _parents(paths: Iterable[ReleasePath]) -> set[str]:
    """Every folder that holds one of the files or such a folder."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _make_parents(parent: Path) -> set[Path]:
    """The folder exists afterwards; returns it and every one that was changed by making it."""
    touched = {parent}
    missing = parent
    while not missing.is_dir():
        missing = missing.parent
        touched.add(missing)
    make_folder(parent)
    return touched


def _remove_empty(folder: Path, parent: Path) -> Path:
    """Folders that hold nothing any more are gone (the top ones stay); returns the innermost that is left."""
    while len(PurePosixPath(parent.relative_to(folder)).parts) > 1:
        with contextlib.suppress(FileNotFoundError):
            try:
                parent.rmdir()
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                return parent
        parent = parent.parent
    return parent
