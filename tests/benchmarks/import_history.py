"""What the gate would have said of imports, commit by commit, through the histories of real repositories.

    python -m tests.benchmarks.import_history CLONES

CLONES holds one clone with its history for each of `precision.REPOSITORIES`, named OWNER+NAME. Of every first-parent
commit the change below dags/ and plugins/ is checked; a finding is told at the first commit that has it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.graph import build_graph
from dagwarden.lint.import_rules import check_change
from dagwarden.lint.imports import FileImports, read_imports
from tests.benchmarks.precision import REPOSITORIES

_LOG = (
    "log", "HEAD", "--first-parent", "--reverse", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=@%H %s",
)  # fmt: skip


class Commit(msgspec.Struct, frozen=True):
    """One commit's change to Python files."""

    title: str
    put: dict[str, str]
    """Path -> blob."""
    deleted: tuple[str, ...]


def read_history(repository: Path, folders: tuple[str, ...]) -> Iterator[Commit]:
    """The commits that change Python files under some folders, oldest first."""
    log = _git(repository, *_LOG).decode("utf-8", "replace")
    for entry in log.removeprefix("@").split("\n@"):
        title, *lines = entry.split("\n")
        put, deleted = {}, []
        for line in lines:
            about, _, path = line.partition("\t")
            if line.startswith(":") and path.endswith(".py") and path.startswith(tuple(f"{each}/" for each in folders)):
                fields = about.split()
                if fields[4] == "D":
                    deleted.append(path)
                else:
                    put[path] = fields[3]
        if put or deleted:
            yield Commit(title, put, tuple(deleted))


def replay(repository: Path, folders: tuple[str, ...]) -> Iterator[tuple[Commit, list[Finding]]]:
    """Each commit with the findings that no commit before it had."""
    graph, known = build_graph({}, roots=folders), set[tuple[str, str]]()
    for commit in read_history(repository, folders):
        put: dict[str, FileImports | None] = {
            path: read_imports(path, _git(repository, "cat-file", "blob", blob), roots=folders)
            for path, blob in commit.put.items()
        }
        after = graph.replace(put, commit.deleted)
        found = check_change(graph, after, [*put, *commit.deleted])
        yield commit, [each for each in found if (each.path, each.message) not in known]
        known |= {(each.path, each.message) for each in found}
        graph = after


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True).stdout


def main() -> None:
    """Print every commit that has findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", type=Path)
    clones = parser.parse_args().clones
    for repository in REPOSITORIES:
        commits = denied = warned = errors = 0
        for commit, found in replay(clones / repository.name.replace("/", "+"), repository.folders):
            of_errors = sum(each.severity is Severity.ERROR for each in found)
            commits, errors = commits + 1, errors + of_errors
            denied, warned = denied + bool(of_errors), warned + bool(found and not of_errors)
            if found:
                sys.stdout.write(f"{commit.title}\n")
            for each in found:
                sys.stdout.write(f"    {each.severity} {each.path}:{each.line} {each.message}\n")
        sys.stdout.write(f"{repository.name}: {commits} commits, {denied} denied ({errors} errors), {warned} warned\n")


if __name__ == "__main__":
    main()
