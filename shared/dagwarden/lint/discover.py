"""The files to lint, and which of them Airflow would search for DAGs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.lint.airflow_ignore import NAME, IgnoreFiles, Syntax

SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Never searched; neither are folders whose name starts with a dot, nor virtual environments."""
ROOTS = ("dags", "plugins")


class Found(msgspec.Struct, frozen=True):
    """The files to lint."""

    paths: tuple[str, ...]
    """As given, with `/`; each once."""
    hidden: frozenset[str]
    """Those that an ignore file hides from Airflow's search for DAGs. They are released and imported all the same."""
    trees: tuple[str, ...]
    """The `dags` and `plugins` folders that were searched whole: only of these can be said what they lack."""


def find_python(arguments: Sequence[Path], *, syntax: Syntax = "glob") -> Found:
    """The Python files named, and those under the folders named.

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
    searched = [argument for argument in arguments if argument.is_dir()]
    return Found(tuple(paths), _find_hidden(paths, syntax), _find_trees(paths, searched))


def find_files(folder: Path) -> Iterator[Path]:
    """The `*.py` under a folder, sorted, leaving out what is never released by intent.

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
        yield from (here / name for name in sorted(names) if name.endswith(".py") and (here / name).is_file())


def dag_folder(path: str) -> str:
    """The outermost `dags` or `plugins` folder that a path lies in; empty where it lies in none.

    >>> dag_folder("etl/dags/team/plugins/a.py"), dag_folder("scripts/a.py"), dag_folder("/dags/a.py")
    ('etl/dags', '', '/dags')
    """
    parts = path.split("/")[:-1]
    places = [place for place, part in enumerate(parts) if part in ROOTS]
    return "/".join(parts[: places[0] + 1]) if places else ""


def release_path(path: str) -> str:
    """The path under which a file would be released; empty where it lies in no folder that is.

    >>> release_path("etl/dags/team/a.py"), release_path("setup.py")
    ('dags/team/a.py', '')
    """
    root = dag_folder(path)
    return path[len(root) - len(root.rpartition("/")[2]) :] if root else ""


def _walk(folder: Path) -> Iterator[str]:
    return (file.as_posix() for file in find_files(folder))


def _is_searched(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _find_hidden(paths: Mapping[str, None], syntax: Syntax) -> frozenset[str]:
    """The paths hidden by ignore files between them and their DAG folder; without such a folder, nothing hides."""
    by_root: dict[str, list[str]] = {}
    for path in paths:
        if root := dag_folder(path):
            by_root.setdefault(root, []).append(path[len(root) + 1 :])
    hidden: set[str] = set()
    for root, inner in by_root.items():
        ignore = IgnoreFiles(_read_ignore_files(root, inner), syntax=syntax)
        hidden.update(f"{root}/{path}" for path in inner if ignore.hides(path))
    return frozenset(hidden)


def _read_ignore_files(root: str, inner: Sequence[str]) -> dict[str, str]:
    folders = {""} | {
        "/".join(parts[:depth]) for path in inner for parts in [path.split("/")] for depth in range(1, len(parts))
    }
    texts = {}
    for folder in folders:
        file = Path(root, folder, NAME)
        if file.is_file():
            texts[folder] = file.read_text(errors="replace")
    return texts


def _find_trees(paths: Mapping[str, None], searched: Sequence[Path]) -> tuple[str, ...]:
    roots = {root for path in paths if (root := dag_folder(path))}
    return tuple(sorted(root for root in roots if any(Path(root).is_relative_to(folder) for folder in searched)))
