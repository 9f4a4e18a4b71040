"""The files to lint, and which of them Airflow would search for DAGs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.lint.airflow_ignore import NAME, IgnoreFiles, Syntax
from dagwarden.lint.graph import PYTHON
from dagwarden.lint.imports import ROOTS
from dagwarden.lint.places import Place, find_places

SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Never searched; neither are folders whose name starts with a dot, nor virtual environments."""


class Found(msgspec.Struct, frozen=True):
    """The files to lint."""

    paths: tuple[str, ...]
    """As given, with `/`; each once."""
    hidden: frozenset[str]
    """Those that an ignore file hides from Airflow's search for DAGs. They are released and imported all the same."""
    places: Mapping[str, Place]
    """Where they would be released, those that would."""
    beside: Mapping[str, Place]
    """The other files of their releases that can be imported: what the files to lint can import hangs on them too."""


def find_python(arguments: Sequence[Path], *, root: Path | None = None, syntax: Syntax = "glob") -> Found:
    """The Python files named, and those under the folders named.

    Args:
        root: the folder that holds `dags` and `plugins`, where it is not to be found above the files.

    Raises:
        InvalidInput: a path does not exist, a file named is no Python file, or there is none at all.
    """
    paths: dict[str, None] = {}
    for argument in arguments:
        if not argument.exists():
            raise InvalidInput("does not exist", operation="lint", subject=str(argument))
        if argument.is_file() and argument.suffix != ".py":
            raise InvalidInput(
                "is no Python file", operation="lint", subject=str(argument), hint="name *.py or folders"
            )
        paths.update(dict.fromkeys([argument.as_posix()] if argument.is_file() else _walk(argument)))
    if not paths:
        raise InvalidInput("holds no *.py", operation="lint", subject=", ".join(map(str, arguments)))
    if root is not None and not any((root / name).is_dir() for name in ROOTS):
        raise InvalidInput("holds neither dags nor plugins", operation="lint", subject=str(root))
    places = find_places(paths, root)
    return Found(tuple(paths), _find_hidden(places, syntax), places, _find_beside(places))


def find_files(folder: str, endings: tuple[str, ...] = (".py",)) -> Iterator[str]:
    """The Python files under a folder, leaving out what is never released by intent: a folder's own files sorted, then
    those of its folders.

    Links to folders are followed, as Airflow does; one that leads back up is not. What has such a name and cannot be
    read, a pipe or a link to nowhere, is among them: whoever reads it can say so.
    """
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        here = pending.pop()
        inside = _read_folder(here or os.curdir, seen)
        folders = [entry for entry in inside if _is_folder(entry)]
        yield from (_join(here, entry) for entry in inside if entry.name.endswith(endings) and entry not in folders)
        pending += [_join(here, entry) for entry in reversed(folders) if _is_searched(entry)]


def _read_folder(folder: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted; nothing where it was seen before or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            about = Path(folder).stat()
            if (about.st_dev, about.st_ino) in seen:
                return []
            seen.add((about.st_dev, about.st_ino))
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _join(folder: str, entry: os.DirEntry[str]) -> str:
    return f"{folder}/{entry.name}" if folder not in ("", "/") else f"{folder}{entry.name}"


def _walk(folder: Path) -> Iterator[str]:
    named = folder.as_posix()
    return find_files("" if named == os.curdir else named)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead round in a circle
        return False


def _is_searched(folder: os.DirEntry[str]) -> bool:
    hidden = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return not hidden and not os.path.exists(f"{folder.path}/pyvenv.cfg")  # noqa: PTH110


def _find_hidden(places: Mapping[str, Place], syntax: Syntax) -> frozenset[str]:
    """The paths hidden by ignore files between them and their DAG folder; without such a folder, nothing hides."""
    by_root: dict[str, dict[str, str]] = {}
    for path, place in places.items():
        by_root.setdefault(f"{place.base}/{place.root}", {})[path] = place.path[len(place.root) + 1 :]
    hidden: set[str] = set()
    for root, inner in by_root.items():
        ignore = IgnoreFiles(_read_ignore_files(root, inner.values()), syntax=syntax)
        hidden.update(path for path, name in inner.items() if ignore.hides(name))
    return frozenset(hidden)


def _read_ignore_files(root: str, inner: Iterable[str]) -> dict[str, str]:
    folders, pending = {""}, {path.rpartition("/")[0] for path in inner}
    while pending:
        folders |= pending
        pending = {folder.rpartition("/")[0] for folder in pending} - folders
    texts = {}
    for folder in folders:
        file = Path(root, folder, NAME)
        if file.is_file():
            texts[folder] = file.read_text(errors="replace")
    return texts


def _find_beside(places: Mapping[str, Place]) -> dict[str, Place]:
    """The rest of the releases, named from the current folder unless all that was asked for is named absolutely."""
    asked = set(places.values())
    is_absolute = all(map(os.path.isabs, places))
    beside = {}
    for base in sorted({place.base for place in asked}):
        for path in _list_released(base):
            place = Place(base, path)
            if place not in asked:
                file = f"{base}/{path}"
                beside[file if is_absolute else Path(os.path.relpath(file)).as_posix()] = place
    return beside


def _list_released(base: str) -> Iterator[str]:
    """From the base, with `/`."""
    for name in ROOTS:
        if os.path.isdir(f"{base}/{name}"):  # noqa: PTH112
            yield from (file[len(base) + 1 :] for file in find_files(f"{base}/{name}", PYTHON))
