"""The files that are pushed: the example DAGs of the installed Airflow, as often as it takes."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

from dagwarden.names import ReleasePath

EXAMPLES = ("airflow.example_dags", "airflow.providers.standard.example_dags")
TEAM_SIZE = 70
"""Files of one team; a release of 70 files is one team's."""


def read_examples() -> list[tuple[str, bytes]]:
    """Name and bytes of TEAM_SIZE example DAG files of Apache Airflow, always the same ones for one Airflow.

    Raises:
        FileNotFoundError: Airflow is not installed here, or has fewer.
    """
    files = sorted(
        (file for package in EXAMPLES for file in _folder(package).rglob("*.py") if file.name != "__init__.py"),
        key=lambda file: (file.name, str(file)),
    )
    if len(files) < TEAM_SIZE:
        raise FileNotFoundError(f"{len(files)} example DAGs are here, {TEAM_SIZE} are needed")
    return [(f"{number:02d}_{file.name}", file.read_bytes()) for number, file in enumerate(files[:TEAM_SIZE])]


def make_files(count: int) -> dict[ReleasePath, bytes]:
    """`count` files, no two alike: the examples of one team after the other."""
    examples = read_examples()
    teams = itertools.count(1)
    found: dict[ReleasePath, bytes] = {}
    while len(found) < count:
        team = next(teams)
        for name, content in examples[: count - len(found)]:
            found[ReleasePath(f"dags/team_{team:03d}/{name}")] = content + f"\n# of team {team}\n".encode()
    return found


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        raise FileNotFoundError(f"{package} is not installed")
    return Path(next(iter(locations)))
