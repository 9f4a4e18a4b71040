"""Where the files of a checkout lie in the release they would become."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dagwarden.lint.imports import ROOTS


class Place(msgspec.Struct, frozen=True, gc=False):
    """Of one file."""

    base: str
    """The absolute path of the folder that holds `dags` and `plugins`."""
    path: str
    """From there: the path in the release."""

    @property
    def root(self) -> str:
        """`dags` or `plugins`."""
        return self.path.partition("/")[0]


def find_places(files: Iterable[str], root: Path | None = None) -> dict[str, Place]:
    """The places of those files that would be released; the others are left out.

    Args:
        files: absolute, or from the current folder.
        root: the folder that holds `dags` and `plugins`. Without one it is that in which the outermost `dags` or
            `plugins` above a file lies; nothing above the file's checkout (a folder with `.git`) is looked at.
    """
    bases: dict[str, str | None] = {}
    folders: dict[str, Place | None] = {}
    places = {}
    for file in files:
        folder, name = os.path.split(os.path.abspath(file))  # noqa: PTH100 (links stay as they are named)
        if folder not in folders:
            base = _find_base(folder, bases) if root is None else _take_base(Path(folder), root.absolute())
            folders[folder] = Place(base, Path(folder).relative_to(base).as_posix()) if base else None
        if inside := folders[folder]:
            places[file] = Place(inside.base, f"{inside.path}/{name}")
    return places


def _find_base(folder: str, known: dict[str, str | None]) -> str | None:
    """The folder that holds the outermost `dags` or `plugins` at or above a folder, within its checkout."""
    if folder not in known:
        above, name = os.path.split(folder)
        is_top = above == folder or os.path.exists(f"{folder}/.git")  # noqa: PTH110
        known[folder] = (None if is_top else _find_base(above, known)) or (above if name in ROOTS else None)
    return known[folder]


def _take_base(folder: Path, root: Path) -> str | None:
    """The root that was named, if what lies in the folder would be released from there."""
    is_released = folder.is_relative_to(root) and folder.relative_to(root).parts[:1] in _FIRST
    return str(root) if is_released else None


_FIRST = tuple((name,) for name in ROOTS)
