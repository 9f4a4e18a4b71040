"""`dagwarden validate`: import DAG files as the gate will, in the same sandbox."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.linting.findings import locate_all, print_report
from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import format_duration, print_json, print_line
from dagwarden.errors import InvalidInput
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding
from dagwarden.lint.graph import ImportGraph
from dagwarden.lint.places import find_places
from dagwarden.lint.report import Report, make_report
from dagwarden.policy.enforcement import rate_finding
from dagwarden.policy.environment import Environment, load_environment
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.validate.engine import Validator
from dagwarden.validate.model import DagModel
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.settings import settings_of
from dagwarden.validate.tree import TreeReport, validate_tree

NO_GRAPH = ImportGraph({}, {}, {}, frozenset())


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was imported."""

    path: str
    dags: tuple[DagModel, ...]
    seconds: float
    peak_memory_bytes: int


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    errors: int
    warnings: int
    infos: int
    findings: tuple[Finding, ...]
    files: tuple[Imported, ...]


class _Tree(msgspec.Struct, frozen=True):
    """A release tree, and which of its files were asked for; None: all."""

    root: Path
    asked: tuple[str, ...] | None


def validate(
    path: Annotated[Path, typer.Argument(help="A folder with dags/ and plugins/, a folder of DAGs, or one file.")],
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="policy.yaml: bound and rate as it says.", show_default=False)
    ] = None,
    environment_file: Annotated[
        Path | None, typer.Option(help="environment.yaml: take the Airflow from it.", show_default=False)
    ] = None,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", help="Seconds one import may take.", min=0.1, show_default="30")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import each DAG file and plugin in a sandbox and show what it holds and did.

    Exit code: 0 no errors, 1 errors, 2 nothing could be validated.
    """
    policy = load_policy(_read(policy_file), str(policy_file)) if policy_file else None
    environment = load_environment(_read(environment_file), str(environment_file)) if environment_file else None
    settings = _settle(policy, environment, timeout_s)
    with tempfile.TemporaryDirectory(prefix="dagwarden-tree-") as folder:
        tree = _lay_out(path, Path(folder))
        with Validator() as validator:
            report = validate_tree(validator, tree.root, tree.asked, settings, graph=NO_GRAPH if tree.asked else None)
        if not report.imported:
            raise InvalidInput(
                "holds no file that Airflow would search for DAGs or load as a plugin",
                operation="validate",
                subject=str(path),
                hint="such a file says `dag` and `airflow` somewhere and is not named in .airflowignore",
            )
        findings = _rate(report.findings, policy)
        contents = _read_all(tree.root, findings)
    summary = make_report(report.imported, locate_all(contents, findings, load_catalogue().pages))
    print_json(_summarise(report, summary)) if as_json else _print(report, summary)
    raise typer.Exit(1 if summary.errors else 0)


def _settle(policy: Policy | None, environment: Environment | None, timeout_s: float | None) -> ValidateSettings:
    airflow = environment.airflow if environment is not None else ValidateSettings().airflow
    settings = settings_of(policy, airflow) if policy is not None else ValidateSettings(airflow=airflow)
    return msgspec.structs.replace(settings, import_timeout_s=timeout_s or settings.import_timeout_s)


def _lay_out(path: Path, folder: Path) -> _Tree:
    """The tree itself where it is one; that which the files named lie in; else a copy of them as its dags/."""
    if not path.exists():
        raise InvalidInput("does not exist", operation="validate", subject=str(path))
    if (path / "dags").is_dir():
        return _Tree(path.resolve(), None)
    named = [path] if path.is_file() else sorted(path.rglob("*"))
    places = list(find_places(str(file) for file in named if file.suffix in {".py", ".zip"}).values())
    if places:
        return _Tree(Path(places[0].base), tuple(place.path for place in places))
    if path.is_dir():
        shutil.copytree(path, folder / "dags")
    else:
        (folder / "dags").mkdir()
        shutil.copy(path, folder / "dags")
    return _Tree(folder.resolve(), None)


def _rate(findings: Iterable[Finding], policy: Policy | None) -> list[Finding]:
    if policy is None:
        return list(findings)
    rated = (rate_finding(policy, finding) for finding in findings)
    return [finding for finding in rated if finding is not None]


def _read_all(root: Path, findings: Iterable[Finding]) -> dict[str, bytes]:
    paths = {finding.path for finding in findings}
    return {path: (root / path).read_bytes() for path in paths if path.endswith(".py") and (root / path).is_file()}


def _summarise(report: TreeReport, summary: Report) -> Validated:
    files = [report.files[path] for path in report.imported]
    return Validated(
        errors=summary.errors,
        warnings=summary.warnings,
        infos=summary.infos,
        findings=tuple(located.finding for located in summary.findings),
        files=tuple(
            Imported(path=file.path, dags=file.dags, seconds=file.seconds, peak_memory_bytes=file.peak_memory_bytes)
            for file in files
        ),
    )


def _print(report: TreeReport, summary: Report) -> None:
    print_report(summary)
    files = [report.files[path] for path in report.imported]
    dags = [dag for file in files for dag in file.dags]
    tasks = sum(len(dag.tasks) for dag in dags)
    slowest = max(files, key=lambda file: file.seconds)
    took = f"slowest {slowest.path}, {format_duration(slowest.seconds)}"
    print_line(f"{len(dags)} DAG{'s' * (len(dags) != 1)}, {tasks} task{'s' * (tasks != 1)}; {took}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be read", operation="validate", subject=str(file)) from error
