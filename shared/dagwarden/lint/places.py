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
    folders: dict[str, Place | None] = {}
    places = {}
    for file in files:
        folder, name = os.path.split(os.path.abspath(file))  # noqa: PTH100 (links stay as they are named)
        if folder not in folders:
            folders[folder] = _place_folder(Path(folder), root.absolute() if root else None)
        if inside := folders[folder]:
            places[file] = Place(inside.base, f"{inside.path}/{name}")
    return places


def _place_folder(folder: Path, root: Path | None) -> Place | None:
    """The place of a folder."""
    above = [folder, *folder.parents]
    if root is not None:
        bases = [root] if folder.is_relative_to(root) and folder.relative_to(root).parts[:1] in _FIRST else []
    else:
        checkout = next((place for place, each in enumerate(above) if (each / ".git").exists()), len(above))
        bases = [each.parent for each in above[: checkout + 1] if each.name in ROOTS][-1:]
    return next((Place(str(base), folder.relative_to(base).as_posix()) for base in bases), None)


_FIRST = tuple((name,) for name in ROOTS)
