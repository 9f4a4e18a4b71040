"""Reads a plain folder as a source: every file in it, no history."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagwarden.errors import InvalidInput
from dagwarden.ledger.state import list_digest
from dagwarden.names import ReleasePath
from dagwarden.push.changes import Comparison, Offer
from dagwarden.push.mapping import Listed, Listing, Strange, map_files
from dagwarden.push.rules import find

SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
SKIPPED_ENDINGS = (".pyc", ".pyo", ".DS_Store")
"""What tools leave beside the files; nobody means to release it."""


def list_folder(folder: Path, prefix: str) -> Listing:
    """Every file under a folder by its path in the release; links are never followed.

    Raises:
        InvalidInput: there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise InvalidInput(
            "is a file, not a folder" if folder.exists() else "no such folder",
            operation="read folder",
            subject=str(folder),
        )
    files: list[tuple[str, Listed]] = []
    strange: list[Strange] = []
    try:
        for entry, path in _walk(folder, ""):
            described = _describe(Path(entry.path), path)
            if isinstance(described, Strange):
                strange.append(described)
            else:
                files.append((path, described))
    except OSError as error:
        raise InvalidInput(str(error), operation="read folder", subject=str(folder)) from error
    return map_files(files, strange, prefix)


def list_named(folder: Path, names: Iterable[str], prefix: str) -> Listing:
    """Those of the named files under a folder that are there, by their paths in the release; links are not followed."""
    files: list[tuple[str, Listed]] = []
    strange: list[Strange] = []
    for name in sorted(set(names)):
        try:
            described = _describe(folder / name, name)
        except OSError:
            continue
        if isinstance(described, Strange):
            strange.append(described)
        else:
            files.append((name, described))
    return map_files(files, strange, prefix)


def read_candidates(head: Listing, comparison: Comparison) -> dict[ReleasePath, bytes]:
    """The bytes of every file that may have changed.

    Raises:
        InvalidInput: one of them is gone or cannot be read.
    """
    return dict(_read(head, comparison.candidates))


def name_state(head: Listing, offer: Offer) -> str:
    """What stands in place of a commit for a folder: one digest over its paths, contents and modes."""
    return list_digest((path, sha256, head.files[path].mode) for path, sha256 in offer.digests.items())


def _walk(folder: Path, start: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{start}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            if not entry.name.endswith(SKIPPED_ENDINGS):
                yield entry, path
        elif entry.name not in SKIPPED_FOLDERS:
            yield from _walk(Path(entry.path), f"{path}/")


def _describe(file: Path, path: str) -> Listed | Strange:
    mode = file.lstat().st_mode
    if stat.S_ISLNK(mode):
        return Strange(path, find("path-link", path))
    if stat.S_ISDIR(mode):
        return Strange(path, find("file-submodule", path))
    if not stat.S_ISREG(mode):
        return Strange(path, find("path-device", path))
    if not path.isprintable() and any("\ud800" <= char <= "\udfff" for char in path):
        return Strange(path, find("path-not-utf8", path))
    return Listed("0755" if mode & stat.S_IXUSR else "0644", str(file))


def _read(head: Listing, paths: Iterable[ReleasePath]) -> Iterator[tuple[ReleasePath, bytes]]:
    for path in paths:
        try:
            yield path, Path(head.files[path].key).read_bytes()
        except OSError as error:
            raise InvalidInput(str(error), operation="read folder", subject=path) from error
