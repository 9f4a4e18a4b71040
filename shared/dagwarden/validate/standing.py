"""What is known of the tree that was validated last, so that the next one costs what differs between the two."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from dagwarden.lint.airflow_ignore import IgnoreFiles
from dagwarden.lint.finding import Severity, sort_findings
from dagwarden.lint.graph import ImportGraph, build_graph
from dagwarden.lint.imports import FileImports, read_imports
from dagwarden.names import Digest, ReleasePath, owner_of
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings
from dagwarden.validate.tree import (
    TreeReport,
    choose,
    find_candidates,
    is_candidate,
    is_ignore_file,
    read_ignore_files,
    validate_tree,
)

Table = Mapping[ReleasePath, Digest]
"""The digest of each file of a tree."""

ALL_AT_ONCE = 500
"""A tree of at most so many DAG files and plugins is imported whole when it is first seen, which takes ten seconds and
tells of all its DAGs together. Of a larger one only what pushes affect is ever known."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A tree as it was validated, released since or not."""

    table: Table
    graph: ImportGraph
    hidden: Mapping[str, IgnoreFiles]
    candidates: frozenset[ReleasePath]
    """Its DAG files and plugins."""
    reports: Mapping[ReleasePath, FileReport]
    is_whole: bool
    """Whether there is a report on each candidate."""


def validate_next(
    validator: Validator,
    standing: Standing | None,
    root: Path,
    *,
    table: Table,
    pushed: Collection[ReleasePath],
    settings: ValidateSettings,
    base: Path | None = None,
) -> tuple[Standing, TreeReport]:
    """Import what differs between the tree known and this one, and what that affects; tell of what the push affects.

    The tree known may be that of a push which was denied, or is judged again: what it left behind differs as well, is
    imported again, and is nobody's to answer for now; what this push brings is imported each time. A file that was once
    seen to read another is affected by it for good, for an import that fails no longer tells what it looked for.

    Args:
        standing: None, or of the same environment, Airflow and settings.
        root: a folder with dags/ and plugins/, which holds what `table` says.
        pushed: the paths that the push puts or deletes.
        base: the same without the push: there it is seen whether what nobody imported before was broken already. None:
            then the push answers for what it affects by text alone.

    Raises:
        Unavailable: no warm parent can be started.
    """
    if standing is None:
        standing = _look(root, table, settings)
        changed = frozenset(pushed)
    else:
        changed = _differing(standing.table, table) | frozenset(pushed)
        standing = _move(standing, root, table, changed, settings)
    before = standing.reports
    report = validate_tree(
        validator, root, changed, settings, known=before, graph=standing.graph, candidates=standing.candidates,
        imports_unknown=standing.is_whole or len(standing.candidates) <= ALL_AT_ONCE,
    )  # fmt: skip
    files = {**before, **{path: _remember_reads(before.get(path), each) for path, each in report.files.items()}}
    after = {path: each for path, each in files.items() if path in standing.candidates}
    is_whole = len(after) == len(standing.candidates)
    told = {*pushed, *choose(standing.candidates, pushed, standing.graph, after, imports_unknown=False)}
    if base is not None:
        strangers = [path for path in report.imported if path not in before and path not in told]
        told |= _find_broken(validator, base, strangers, after, settings)
    findings = [each for each in report.findings if each.path in told or owner_of(each.path) in told]
    standing = msgspec.structs.replace(standing, reports=after, is_whole=is_whole)
    return standing, msgspec.structs.replace(report, findings=tuple(sort_findings(findings)))


def _remember_reads(before: FileReport | None, now: FileReport) -> FileReport:
    if before is None or before.reads is None:
        return now
    return msgspec.structs.replace(now, reads=tuple({*before.reads, *(now.reads or ())}))


def _find_broken(
    validator: Validator,
    base: Path,
    strangers: Collection[ReleasePath],
    after: Mapping[ReleasePath, FileReport],
    settings: ValidateSettings,
) -> set[ReleasePath]:
    """Those of the files that have errors now and had none without the push."""
    faulty = [path for path in strangers if _has_error(after[path])]
    before = validator.validate_files(base, faulty, settings) if faulty else []
    return {each.path for each in before if not _has_error(each)}


def _has_error(report: FileReport) -> bool:
    return any(finding.severity is Severity.ERROR for finding in report.findings)


def _look(root: Path, table: Table, settings: ValidateSettings) -> Standing:
    contents = {str(path): (root / path).read_bytes() if path.endswith(".py") else b"" for path in table}
    return Standing(
        table=table,
        graph=build_graph(contents),
        hidden=read_ignore_files(root, table, settings.airflow),
        candidates=find_candidates(root, settings.airflow),
        reports={},
        is_whole=False,
    )


def _differing(before: Table, after: Table) -> frozenset[ReleasePath]:
    put = {path for path, digest in after.items() if before.get(path) != digest}
    return frozenset(put | (before.keys() - after.keys()))


def _move(
    standing: Standing, root: Path, table: Table, changed: frozenset[ReleasePath], settings: ValidateSettings
) -> Standing:
    """The same of another tree; the reports are still those of the files as they were."""
    airflow = settings.airflow
    put: dict[str, FileImports | None] = {
        path: read_imports(path, (root / path).read_bytes()) if path.endswith(".py") else None
        for path in changed & table.keys()
    }
    hidden, candidates = standing.hidden, standing.candidates
    if any(map(is_ignore_file, changed)):
        hidden, candidates = read_ignore_files(root, table, airflow), find_candidates(root, airflow)
    else:
        found = {path for path in changed & table.keys() if is_candidate(root, path, hidden, airflow)}
        candidates = (candidates - changed) | found
    return Standing(
        table=table,
        graph=standing.graph.replace(put, changed - table.keys()),
        hidden=hidden,
        candidates=candidates,
        reports=standing.reports,
        is_whole=standing.is_whole,
    )
