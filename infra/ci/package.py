"""Packs each function as Cloud Run functions takes it: main.py, the library beside it, the versions of the lock.

    python -m infra.ci.package          # all of them, to dist/functions/NAME/
    gcloud functions deploy gate --source=dist/functions/gate --entry-point=gate …

A folder is the same for the same repository, whenever and wherever it is made.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "shared" / "dagwarden"
LOCK = ROOT / "requirements.txt"
TARGET = ROOT / "dist" / "functions"
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py")))

NOT_OF_A_FUNCTION = ("__pycache__", "cli", "airflow")
"""Folders of the library that no function has a use for."""

_BLOCK = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==.*(?:\n(?:    |#).*)*", re.MULTILINE)


def read_lock() -> dict[str, str]:
    """Each locked package's lines, hashes included, by its normal name."""
    return {_normal(found["name"]): found[0] for found in _BLOCK.finditer(LOCK.read_text())}


def read_names(function: str) -> list[str]:
    """The packages that a function names, in the order of its requirements.txt."""
    lines = (ROOT / "functions" / function / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def closure(names: list[str]) -> list[str]:
    """These packages with all that they need, sorted.

    Raises:
        LookupError: a package is needed that the lock does not have.
    """
    lock = read_lock()
    seen: set[tuple[str, str]] = set()
    waiting = {(_normal(name), "") for name in names}
    while waiting:
        name, extra = waiting.pop()
        if name not in lock:
            raise LookupError(f"{name} is needed and not in requirements.txt: run `make lock`")
        seen.add((name, extra))
        waiting |= _needed_by(name, extra) - seen
    return sorted({name for name, _ in seen})


def package(function: str, target: Path) -> Path:
    """`target`/`function` holds what is to be deployed, and nothing else; returns that folder."""
    folder = target / function
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LIBRARY, folder / "dagwarden", ignore=shutil.ignore_patterns(*NOT_OF_A_FUNCTION))
    shutil.copy(ROOT / "functions" / function / "main.py", folder / "main.py")
    lock = read_lock()
    lines = [_without_comments(lock[name]) for name in closure(read_names(function))]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
    return folder


def main() -> None:
    """Pack the functions named on the command line, or all."""
    for function in sys.argv[1:] or FUNCTIONS:
        sys.stdout.write(f"{package(function, TARGET).relative_to(ROOT)}\n")


def _needed_by(name: str, extra: str) -> set[tuple[str, str]]:
    """What a package needs, with one of its extras or (empty) without: pairs of a name and an extra."""
    wanted = [Requirement(each) for each in requires(name) or ()]
    wanted = [each for each in wanted if not each.marker or each.marker.evaluate({"extra": extra})]
    return {(_normal(each.name), extra) for each in wanted for extra in ("", *each.extras)}


def _without_comments(block: str) -> str:
    return "\n".join(line for line in block.splitlines() if not line.lstrip().startswith("#")).rstrip("\\ \n")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
