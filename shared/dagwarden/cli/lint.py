"""`dagwarden lint`: the gate's own findings, before anything is pushed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.linting.findings import Format, print_note, print_report, print_text, render, write_report
from dagwarden.cli.linting.setup import Setup, read_setup, write_sgconfig
from dagwarden.cli.linting.task import Linted, LintTask, give_up
from dagwarden.cli.linting.tree import add_to, find_hanging, find_named
from dagwarden.cli.linting.workers import map_files
from dagwarden.cli.options import JsonOption
from dagwarden.errors import InvalidInput
from dagwarden.lint.baseline import compare, encode_baseline, make_baseline, read_baseline
from dagwarden.lint.discover import Found, find_python
from dagwarden.lint.fix import Fixed, render_diff
from dagwarden.lint.imports import UNREADABLE, FileImports
from dagwarden.lint.located import Located
from dagwarden.lint.page import Page
from dagwarden.lint.report import Report, make_report
from dagwarden.lint.skim import list_tops
from dagwarden.policy.enforcement import rate_finding

Paths = Annotated[list[Path] | None, typer.Argument(help="Files, or folders to search for *.py.", show_default=False)]


def lint(  # noqa: PLR0917 (typer reads options by name)
    paths: Paths = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder that holds dags and plugins: found above PATHS.", show_default=False)
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Form of the report.")] = Format.HUMAN,
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.", show_default=False)] = None,
    python: Annotated[str, typer.Option(help="Python of the environment, major and minor.")] = "3.11",
    airflow: Annotated[str, typer.Option(help="Airflow of the environment, major and minor.")] = "3.3",
    environment_file: Annotated[
        Path | None, typer.Option(help="environment.yaml: take Python and Airflow from it.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="policy.yaml: rate as it says, with its own rules.", show_default=False)
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="Folder of rules of your own.", show_default=False)] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="File of old findings: only new ones count.", show_default=False)
    ] = None,
    write_baseline: Annotated[bool, typer.Option("--write-baseline", help="Write that file anew.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what has one safe rewrite.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would do, and do nothing.")] = False,
    dags_only: Annotated[bool, typer.Option("--dags-only", help="Only files Airflow would search for DAGs.")] = False,
    sgconfig: Annotated[
        bool, typer.Option("--write-sgconfig", help="Write sgconfig.yml and the rules for ast-grep and editors.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes; 0 for one a core.", min=0)] = 0,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds one file may take.", min=0.1)] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Show what the gate would find in these files. Exit code: 0 no errors, 1 errors, 2 nothing could be linted."""
    setup = read_setup(python, airflow, environment_file=environment_file, policy=policy, rules=rules)
    if sgconfig:
        write_sgconfig(setup)
    if not paths:
        if sgconfig:
            return
        raise InvalidInput("names no file and no folder", operation="lint", hint="dagwarden lint dags")
    if write_baseline and baseline is None:
        raise InvalidInput("is not said where to", operation="write baseline", hint="add --baseline FILE")
    run = _Run(
        setup=setup,
        found=find_python(paths, root=root, syntax="glob" if setup.airflow >= (3, 0) else "regexp"),
        processes=jobs or os.cpu_count() or 1,
        timeout_s=timeout_s,
        dags_only=dags_only,
        hashes_lines=form is Format.SARIF and not as_json,
    )
    if diff:
        raise typer.Exit(1 if _show_diff(run.fix()) else 0)
    if fix:
        _write_fixes(run.fix())
    report = run.report(baseline, writes=write_baseline)
    _tell(report, Format.JSON if as_json else form, output, setup.catalogue.pages)
    raise typer.Exit(1 if report.errors else 0)


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the verb."""

    setup: Setup
    found: Found
    processes: int
    timeout_s: float
    dags_only: bool
    hashes_lines: bool

    def fix(self) -> dict[str, Fixed]:
        """Each file as it should be written."""
        results = map_files(
            self._task().fix,
            self.found.paths,
            give_up=lambda path, reason: (path, Fixed(b"", {}, reason)),
            processes=self.processes,
            deadline_s=self.timeout_s,
        )
        return dict(sorted(results))

    def report(self, baseline: Path | None, *, writes: bool) -> Report:
        """The findings in the order of their files, held against the baseline."""
        linted = self._lint()
        dags = [path for path, each in linted.items() if each.might_hold_dag and path not in self.found.hidden]
        if self.dags_only:
            linted = {path: linted[path] for path in dags}
        found = [located for path in sorted(linted) for located in self._rate(linted[path])]
        report = make_report(sorted(linted), found, dag_files=len(dags))
        return _hold_against(baseline, report, self.found.paths, writes=writes) if baseline else report

    def _lint(self) -> dict[str, Linted]:
        results = map_files(
            self._task().lint,
            self.found.paths,
            give_up=give_up,
            processes=self.processes,
            deadline_s=self.timeout_s,
        )
        linted = {each.path: each for each in results}
        imports: dict[str, FileImports | None] = {
            path: each.imports for path, each in linted.items() if each.imports is not None
        }
        imports |= self._read_imports(self._task(), tuple(self.found.beside))
        task = msgspec.structs.replace(self._task(), tops=None)
        imports |= self._read_imports(task, find_named(self.found, imports))
        return add_to(linted, find_hanging(self.found, imports), self.setup.catalogue.pages)

    def _read_imports(self, task: LintTask, paths: tuple[str, ...]) -> dict[str, FileImports | None]:
        """What files of the releases import and define."""
        results = map_files(
            task.read_imports,
            paths,
            give_up=lambda path, _: (path, UNREADABLE),
            processes=self.processes,
            deadline_s=self.timeout_s,
        )
        return dict(results)

    def _task(self) -> LintTask:
        return LintTask(
            catalogue=self.setup.catalogue,
            python=self.setup.python,
            airflow=self.setup.airflow,
            opted_in=self.setup.opted_in,
            hashes_lines=self.hashes_lines,
            places=(places := {**self.found.places, **self.found.beside}),
            tops=list_tops(place.path for place in places.values()),
        )

    def _rate(self, linted: Linted) -> Iterable[Located]:
        for located in linted.found:
            policy = self.setup.policy
            rated = rate_finding(policy, located.finding) if policy else located.finding
            if rated is not None:
                yield msgspec.structs.replace(located, finding=rated)


def _hold_against(baseline: Path, report: Report, judged: Collection[str], *, writes: bool) -> Report:
    """The report without what a baseline lets through, which is counted apart.

    Args:
        judged: the files that were linted whole: what the baseline has of them and nothing matches is told.
    """
    folder = baseline.absolute().parent
    named = [(_relate(located.finding.path, folder), located) for located in report.findings]
    if writes:
        write_report(baseline, encode_baseline(make_baseline(named)).decode())
    try:
        known = read_baseline(baseline.read_bytes(), name=str(baseline))
    except OSError as error:
        raise InvalidInput(
            error.strerror or "cannot be read",
            operation="read baseline",
            subject=str(baseline),
            hint="--write-baseline",
        ) from error
    missing = {entry.path for entry in known.findings if not (folder / entry.path).exists()}
    compared = compare(known, named, {_relate(path, folder) for path in judged} | missing)
    return make_report(
        report.paths,
        compared.new,
        dag_files=report.dag_files,
        has_baseline=True,
        known=compared.known,
        gone=compared.gone,
    )


def _relate(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _tell(report: Report, form: Format, output: Path | None, pages: Mapping[str, Page]) -> None:
    if output is not None:
        write_report(output, render(report, form, pages))
    elif form is Format.HUMAN:
        print_report(report)
    else:
        print_text(render(report, form, pages))


def _show_diff(fixed: Mapping[str, Fixed]) -> bool:
    """Print what would be written; whether there is anything."""
    for path, each in fixed.items():
        if each.rules:
            print_text(render_diff(path, Path(path).read_bytes(), each.content))
    _tell_problems(fixed)
    return any(each.rules for each in fixed.values())


def _write_fixes(fixed: Mapping[str, Fixed]) -> None:
    for path, each in fixed.items():
        if each.rules:
            Path(path).write_bytes(each.content)
            told = ", ".join(f"{rule} ({count})" for rule, count in each.rules.items())
            print_note(f"{path}: mended {told}")
    _tell_problems(fixed)


def _tell_problems(fixed: Mapping[str, Fixed]) -> None:
    for path, each in fixed.items():
        if each.problem:
            print_note(f"{path}: left alone: {each.problem}")
