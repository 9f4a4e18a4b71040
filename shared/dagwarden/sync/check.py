"""Compares a tree on disk with its record: cheaply by size and time of writing, or by reading every byte."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dagwarden.names import ReleasePath
from dagwarden.sync.apply import STORED_MODES
from dagwarden.sync.trees import Tree, TreeFile

PYTHONS_OWN = "__pycache__"
"""Python writes here while importing. A stray .pyc elsewhere is none of its doing: it would be imported as a module."""


class Damage(msgspec.Struct, frozen=True, order=True):
    """One path that is not as the record says."""

    path: str
    what: str
    """`missing`, `changed` or `unknown`."""


def find_damage(folder: Path, tree: Tree, *, reads_bytes: bool) -> list[Damage]:
    """What in `folder` is not as `tree`'s record says, in order of paths; empty when all is well.

    Args:
        reads_bytes: compare sha256 of every file, not only type, mode, size and time of writing.
    """
    wanted = tree.held()
    damages: list[Damage] = []
    seen: set[str] = set()
    for path, entry in _walk(str(folder), ""):
        file = wanted.get(ReleasePath(path))
        if file is None:
            if PYTHONS_OWN not in path.split("/"):
                damages.append(Damage(path, "unknown"))
            continue
        seen.add(path)
        if not _is_sound(entry, file, reads_bytes=reads_bytes):
            damages.append(Damage(path, "changed"))
    damages += [Damage(path, "missing") for path in wanted if path not in seen]
    return sorted(damages)


def describe(damages: list[Damage]) -> str:
    """A line for people: `dags/a.py changed, dags/b.py missing and 3 more`."""
    shown = ", ".join(f"{damage.path} {damage.what}" for damage in damages[:3])
    return shown + (f" and {len(damages) - 3} more" if len(damages) > 3 else "")


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry that is no real folder, by its path in the tree. Links are not followed."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, path + "/")
        else:
            yield path, entry


def _is_sound(entry: os.DirEntry[str], file: TreeFile, *, reads_bytes: bool) -> bool:
    status = entry.stat(follow_symlinks=False)
    if (status.st_mode, status.st_size) != (stat.S_IFREG | STORED_MODES[file.mode], file.size_bytes):
        return False
    if reads_bytes:
        return hashlib.sha256(Path(entry.path).read_bytes()).hexdigest() == file.sha256
    return status.st_mtime_ns == file.mtime_ns
