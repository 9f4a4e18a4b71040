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


def find_files(folder: Path, endings: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    """The Python files under a folder, sorted, leaving out what is never released by intent.

    Links to folders are followed, as Airflow does; one that leads back up is not.
    """
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        here = Path(root)
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if _is_searched(here / name))
        yield from (here / name for name in sorted(names) if name.endswith(endings) and (here / name).is_file())


def _walk(folder: Path) -> Iterator[str]:
    return (file.as_posix() for file in find_files(folder))


def _is_searched(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _find_hidden(places: Mapping[str, Place], syntax: Syntax) -> frozenset[str]:
    """The paths hidden by ignore files between them and their DAG folder; without such a folder, nothing hides."""
    by_root: dict[Path, dict[str, str]] = {}
    for path, place in places.items():
        by_root.setdefault(Path(place.base, place.root), {})[path] = place.path[len(place.root) + 1 :]
    hidden: set[str] = set()
    for root, inner in by_root.items():
        ignore = IgnoreFiles(_read_ignore_files(root, inner.values()), syntax=syntax)
        hidden.update(path for path, name in inner.items() if ignore.hides(name))
    return frozenset(hidden)


def _read_ignore_files(root: Path, inner: Iterable[str]) -> dict[str, str]:
    folders = {""} | {
        "/".join(parts[:depth]) for path in inner for parts in [path.split("/")] for depth in range(1, len(parts))
    }
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
        for file in _list_released(Path(base)):
            place = Place(base, file.relative_to(base).as_posix())
            if place not in asked:
                beside[file.as_posix() if is_absolute else Path(os.path.relpath(file)).as_posix()] = place
    return beside


def _list_released(base: Path) -> Iterator[Path]:
    return (file for name in ROOTS if (base / name).is_dir() for file in find_files(base / name, PYTHON))
