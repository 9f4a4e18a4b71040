"""Validating a release tree: exactly the files that a change affects, and what is wrong between DAGs.

The interface of the validator for the gate, the service and the command line:

    with Validator() as validator:                       # a warm parent, kept from call to call
        report = validate_tree(validator, root, changed, settings_of(policy, environment.airflow), known=known)

`root` holds the tree as it will be after the push (`dags/`, `plugins/`), `changed` the paths that differ from what
`known` was found on, put and deleted alike. `report.files` is the `known` of the next call, so a replica that follows
the releases imports each file once per change. `report.findings` are rated as their rules are: the policy rates them
(`policy.decide.rate_finding`), and `rules.table.drop_told` leaves out what lint has told already, with its line.
Whoever asks keeps `known` by environment, Airflow and settings: a report is only as good as what it was made with.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from dagwarden.lint.airflow_ignore import NAME, IgnoreFiles, Syntax, might_hold_dag
from dagwarden.lint.finding import Finding, sort_findings
from dagwarden.lint.graph import PYTHON, ImportGraph, affected, build_graph
from dagwarden.names import ReleasePath
from dagwarden.validate.allowed import allow_in_code
from dagwarden.validate.engine import Validator
from dagwarden.validate.model import FileModel
from dagwarden.validate.report import FileReport, ValidateSettings
from dagwarden.validate.rules.environment import check_environment

DAGS, PLUGINS, ZIP = "dags", "plugins", ".zip"


class TreeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a tree."""

    files: Mapping[ReleasePath, FileReport]
    """By path, of DAG files and plugins alone: those imported now and, of `known`, those that still are such files."""
    imported: tuple[ReleasePath, ...]
    """What was imported now, sorted."""
    findings: tuple[Finding, ...]
    """Of the imported files, of modules of the tree that they ran, and between DAGs; sorted, each once. Where a comment
    allows one, the note that says so stands in its place."""
    is_whole: bool
    """Whether every DAG file of the tree is known, so that what no file defines can be said to be missing."""

    @property
    def models(self) -> tuple[FileModel, ...]:
        """What the DAG files define, as far as is known."""
        return tuple(report.model for report in self.files.values() if report.model is not None)


def validate_tree(
    validator: Validator,
    root: Path,
    changed: Collection[str] | None,
    settings: ValidateSettings,
    *,
    known: Mapping[ReleasePath, FileReport] | None = None,
    graph: ImportGraph | None = None,
    candidates: frozenset[ReleasePath] | None = None,
    imports_unknown: bool = True,
) -> TreeReport:
    """Import the DAG files and plugins that a change affects, and hold all DAGs that are known against each other.

    Args:
        root: a folder with dags/ and plugins/, as the release will be.
        changed: paths put or deleted; None is everything.
        known: reports from before the change; None: there are none.
        graph: which of the tree's modules import which; None reads it from the tree where it is needed.
        candidates: the tree's DAG files and plugins; None looks for them.
        imports_unknown: whether files missing from `known` are imported too, where it is given.

    Raises:
        Unavailable: no warm parent can be started.
    """
    if candidates is None:
        candidates = find_candidates(root, settings.airflow)
    if graph is None:
        graph = build_graph(_read_python(root)) if changed is not None else ImportGraph({}, {}, {}, frozenset())
    chosen = choose(candidates, changed, graph, known, imports_unknown=imports_unknown)
    reports = {report.path: report for report in validator.validate_files(root, chosen, settings)}
    files = {path: report for path, report in {**(known or {}), **reports}.items() if path in candidates}
    dag_files = [path for path in candidates if not path.startswith(f"{PLUGINS}/")]
    is_whole = all(path in files and files[path].model is not None for path in dag_files)
    models = [report.model for report in files.values() if report.model is not None]
    between = check_environment(models, None if changed is None else {*changed, *chosen}, is_whole=is_whole)
    found = dict.fromkeys([*(finding for report in reports.values() for finding in report.findings), *between])
    findings = sort_findings(allow_in_code(root, found))
    return TreeReport(files=files, imported=tuple(chosen), findings=tuple(findings), is_whole=is_whole)


def choose(
    candidates: Collection[ReleasePath],
    changed: Collection[str] | None,
    graph: ImportGraph,
    known: Mapping[ReleasePath, FileReport] | None,
    *,
    imports_unknown: bool = True,
) -> list[ReleasePath]:
    """The files to import, sorted: a pure function.

    Those changed, those that reach a changed module by their text, those that were seen to read a changed file or list
    its folder, and, where others are known, those that are not. A change of a file that is no code may be read by any
    file whose reads are not known.
    """
    if changed is None:
        return sorted(candidates)
    changed = frozenset(changed)
    reached = affected(graph, changed)
    touched = changed | {f"{path.rpartition('/')[0]}/" for path in changed}
    has_data = any(not path.endswith((*PYTHON, ZIP)) for path in changed)

    def is_affected(path: ReleasePath) -> bool:
        report = (known or {}).get(path)
        if path in reached:
            return True
        if report is None:
            return (known is not None and imports_unknown) or has_data
        return has_data if report.reads is None else not touched.isdisjoint(report.reads)

    return sorted(filter(is_affected, candidates))


def find_candidates(root: Path, airflow: tuple[int, int]) -> frozenset[ReleasePath]:
    """The files that Airflow would search for DAGs, and those it would load as plugins.

    Source: find_dag_file_paths and _load_plugins_from_plugin_directory of apache-airflow-core 3.3.2.
    """
    paths = [ReleasePath(path.relative_to(root).as_posix()) for top in (DAGS, PLUGINS) for path in _walk(root / top)]
    hidden = read_ignore_files(root, paths, airflow)
    return frozenset(path for path in paths if is_candidate(root, path, hidden, airflow))


def read_ignore_files(root: Path, paths: Iterable[ReleasePath], airflow: tuple[int, int]) -> Mapping[str, IgnoreFiles]:
    """What the ignore files among these paths hide, by top folder."""
    texts: dict[str, dict[str, str]] = {DAGS: {}, PLUGINS: {}}
    for path in paths:
        top, _, rest = path.partition("/")
        if is_ignore_file(path) and top in texts:
            texts[top][rest.removesuffix(NAME).rstrip("/")] = (root / path).read_text("utf-8", "replace")
    syntax: Syntax = "glob" if airflow >= (3, 0) else "regexp"
    return {top: IgnoreFiles(each, syntax=syntax) for top, each in texts.items()}


def is_ignore_file(path: str) -> bool:
    """Whether a file says which others Airflow passes over."""
    return path.rpartition("/")[2] == NAME


def is_candidate(root: Path, path: ReleasePath, hidden: Mapping[str, IgnoreFiles], airflow: tuple[int, int]) -> bool:
    """Whether one file of the tree is a DAG file or a plugin."""
    top, _, rest = path.partition("/")
    if not path.endswith((".py", ZIP) if top == DAGS else ".py") or hidden[top].hides(rest):
        return False
    if top == PLUGINS:
        return True
    file = root / path
    return zipfile.is_zipfile(file) if path.endswith(ZIP) else might_hold_dag(file.read_bytes(), airflow=airflow)


def _read_python(root: Path) -> dict[str, bytes]:
    files = {path.relative_to(root).as_posix(): path for top in (DAGS, PLUGINS) for path in _walk(root / top)}
    return {name: path.read_bytes() if name.endswith(".py") else b"" for name, path in files.items()}


def _walk(folder: Path) -> Iterable[Path]:
    """The plain files beneath a folder; Python's own caches are none."""
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (path for name in names if (path := Path(here, name)).is_file())
