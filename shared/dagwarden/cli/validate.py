"""`dagwarden validate`: import DAG files as the gate will, in the same sandbox."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dagwarden.cli.linting.findings import locate_all, print_report
from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import print_json, print_line
from dagwarden.errors import InvalidInput
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.discover import find_files
from dagwarden.lint.report import make_report
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings


def validate(
    path: Annotated[Path, typer.Argument(help="A folder with dags/ and plugins/, a folder of DAGs, or one file.")],
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds one import may take.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Import each DAG file in a sandbox and show what it holds and did. Exit code: 0 no errors, 1 errors."""
    with tempfile.TemporaryDirectory(prefix="dagwarden-tree-") as folder:
        root, files = _lay_out(path, Path(folder))
        with Validator() as validator:
            reports = validator.validate_files(root, files, ValidateSettings(import_timeout_s=timeout_s))
        contents = {str(file): (root / file).read_bytes() for file in files}
    findings = [finding for report in reports for finding in report.findings]
    summary = make_report(files, locate_all(contents, findings, load_catalogue().pages))
    if as_json:
        print_json(reports)
    else:
        dags = sum(len(report.dags) for report in reports)
        print_line(f"{dags} DAG{'s' * (dags != 1)}")
        print_report(summary)
    raise typer.Exit(1 if summary.errors else 0)


def _lay_out(path: Path, folder: Path) -> tuple[Path, Sequence[ReleasePath]]:
    """A release tree and the DAG files in it: the folder itself, or a copy of what is named as its dags/."""
    if not path.exists():
        raise InvalidInput("does not exist", operation="validate", subject=str(path))
    root = path.resolve()
    if not (root / "dags").is_dir():
        if root.is_dir():
            shutil.copytree(root, folder / "dags")
        else:
            (folder / "dags").mkdir()
            shutil.copy(root, folder / "dags")
        root = folder.resolve()
    files = [ReleasePath(file.relative_to(root).as_posix()) for file in find_files(root / "dags")]
    if not files:
        raise InvalidInput("holds no *.py", operation="validate", subject=str(path))
    return root, files
