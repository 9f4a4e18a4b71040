"""What a lint worker does to a batch of files."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.cli.linting.workers import Watch
from dagwarden.lint.airflow_ignore import might_hold_dag
from dagwarden.lint.catalogue import Catalogue
from dagwarden.lint.file_rules import NO_ANSWER
from dagwarden.lint.finding import Finding
from dagwarden.lint.fix import Fixed, fix_file
from dagwarden.lint.hygiene import check_paths
from dagwarden.lint.imports import UNREADABLE, FileImports, read_imports
from dagwarden.lint.lint import lint_files
from dagwarden.lint.located import Located, locate_findings
from dagwarden.lint.page import find
from dagwarden.lint.places import Place
from dagwarden.lint.skim import might_import
from dagwarden.names import ReleasePath

MAX_FILE_BYTES = 16_777_216
"""What is larger is nothing that Airflow parses in time, and takes gigabytes to compile."""


class LintTask(msgspec.Struct, frozen=True, kw_only=True):
    """How to look at files; the same for all of them."""

    catalogue: Catalogue
    python: tuple[int, int] = (3, 11)
    airflow: tuple[int, int] = (3, 3)
    opted_in: frozenset[str] = frozenset()
    places: Mapping[str, Place] = {}
    """Where they would be released, those that would: their imports are told too."""
    tops: frozenset[str] | None = None
    """The top-level names of the releases: a file that imports none of them is not read for what it imports. None:
    every file is."""
    hashes_lines: bool = True
    """Whether the report will tell GitHub's hashes of lines."""

    def lint(self, paths: Sequence[str], watch: Watch) -> list[Linted]:
        """The findings of each of these files."""
        contents = {ReleasePath(path): _read(path) for path in paths}
        readable = {path: content for path, content in contents.items() if isinstance(content, bytes)}
        findings = lint_files(
            readable,
            self.catalogue,
            python=self.python,
            airflow=self.airflow,
            opted_in=self.opted_in,
            watch=watch,
            judges_paths=False,
        )
        by_path: dict[str, list[Finding]] = {path: [] for path in paths}
        for finding in findings:
            by_path[finding.path].append(finding)
        return [self._describe(path, contents[ReleasePath(path)], by_path[path], watch) for path in paths]

    def _describe(self, path: str, content: bytes | str, findings: list[Finding], watch: Watch) -> Linted:
        watch(path)
        if isinstance(content, str):
            return give_up(path, content)
        place = self.places.get(path)
        told = [*findings, *(_check_path(path, place, content) if place else ())]
        return Linted(
            path=path,
            found=tuple(locate_findings(content, told, self.catalogue.pages, hashes_lines=self.hashes_lines)),
            might_hold_dag=might_hold_dag(content, airflow=self.airflow),
            imports=self._read_imports(place, content) if place else None,
        )

    def read_imports(self, paths: Sequence[str], watch: Watch) -> list[tuple[str, FileImports | None]]:
        """What each of these files imports; None of one that is no Python text, `UNREADABLE` of one that is passed
        over."""
        read: list[tuple[str, FileImports | None]] = []
        for path in paths:
            watch(path)
            content = _read(path) if path.endswith(".py") else ""
            read.append((path, self._read_imports(self.places[path], content) if isinstance(content, bytes) else None))
        return read

    def _read_imports(self, place: Place, content: bytes) -> FileImports:
        if self.tops is not None and not might_import(content, self.tops):
            return UNREADABLE
        return read_imports(place.path, content)

    def fix(self, paths: Sequence[str], watch: Watch) -> list[tuple[str, Fixed]]:
        """Each of these files as it should be written; nothing is written yet."""
        fixed = []
        for path in paths:
            watch(path)
            content = _read(path)
            if isinstance(content, str):
                fixed.append((path, Fixed(b"", {}, content)))
                continue
            mended = fix_file(
                path, content, self.catalogue, python=self.python, airflow=self.airflow, opted_in=self.opted_in
            )
            fixed.append((path, mended))
        return fixed


class Linted(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker found out about one file."""

    path: str
    found: tuple[Located, ...]
    might_hold_dag: bool = False
    imports: FileImports | None = None


def give_up(path: str, reason: str) -> Linted:
    """The one finding of a file that nobody could read."""
    finding = find(NO_ANSWER, reason, path=path)
    return Linted(path=path, found=tuple(locate_findings(b"", [finding], {})))


def _check_path(path: str, place: Place, content: bytes) -> list[Finding]:
    """What is said of the name under which the file would be released."""
    found = check_paths({ReleasePath(place.path): content})
    return [msgspec.structs.replace(finding, path=path) for finding in found]


def _read(path: str) -> bytes | str:
    """What the file holds, or why nobody reads it."""
    try:
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode):
            return "it is no regular file"
        if about.st_size > MAX_FILE_BYTES:
            return f"it holds {about.st_size:,} bytes, more than {MAX_FILE_BYTES:,}"
        return Path(path).read_bytes()
    except OSError as error:
        return f"it cannot be opened: {error.strerror}"
