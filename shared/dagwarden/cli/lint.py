"""`dagwarden lint`: the gate's own findings, before anything is pushed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import print_json, print_line
from dagwarden.errors import InvalidInput, NotFound
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.file_rules import SUPPRESSED
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.lint import lint_files
from dagwarden.names import ReleasePath

SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Never searched; neither are folders whose name starts with a dot, nor virtual environments."""

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
MAX_SHOWN_CHARS = 160


class LintReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    files: int
    errors: int
    warnings: int
    infos: int
    findings: tuple[Finding, ...]


def lint(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders to search for *.py.", show_default=False)],
    python: Annotated[str, typer.Option(help="Python of the environment, major and minor.")] = "3.11",
    as_json: JsonOption = False,
) -> None:
    """Show what the gate would find in these files. Exit code: 0 no errors, 1 errors, 2 nothing could be linted."""
    files = read_files(paths)
    findings = lint_files(files, load_catalogue(), python=_parse_python(python))
    report = make_report(len(files), findings)
    if as_json:
        print_json(report)
    else:
        print_findings(findings, files)
        print_summary(report)
    raise typer.Exit(1 if report.errors else 0)


def read_files(paths: Sequence[Path]) -> dict[ReleasePath, bytes]:
    """The Python files named, and those under the folders named, by the path as given.

    Raises:
        NotFound: a path does not exist.
        InvalidInput: a file named is no Python file, or there is none at all.
    """
    files: dict[ReleasePath, bytes] = {}
    for path in paths:
        if not path.exists():
            raise InvalidInput("does not exist", operation="lint", subject=str(path))
        if path.is_file() and path.suffix != ".py":
            raise InvalidInput("is no Python file", operation="lint", subject=str(path), hint="name *.py or folders")
        for file in [path] if path.is_file() else find_files(path):
            files[ReleasePath(file.as_posix())] = _read(file)
    if not files:
        raise InvalidInput("holds no *.py", operation="lint", subject=", ".join(map(str, paths)))
    return files


def find_files(folder: Path) -> Iterator[Path]:
    """The `*.py` under a folder, sorted, leaving out what is never released by intent; links are not followed."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(name for name in folders if _is_searched(here / name))
        yield from (here / name for name in sorted(names) if name.endswith(".py") and (here / name).is_file())


def _is_searched(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in SKIPPED_FOLDERS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(error.strerror or "cannot be read", operation="lint", subject=str(file)) from error


def _parse_python(text: str) -> tuple[int, int]:
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise InvalidInput(f"{text!r} is no Python version", operation="lint", hint="write e.g. --python 3.11")
    return int(parts[0]), int(parts[1])


def make_report(files: int, findings: Sequence[Finding]) -> LintReport:
    """Findings, counted."""
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    return LintReport(
        files=files,
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        infos=counts[Severity.INFO],
        findings=tuple(findings),
    )


# ---- for people --------------------------------------------------------------------------------------------------


def print_findings(findings: Sequence[Finding], files: Mapping[ReleasePath, bytes]) -> None:
    """One finding after another, each with the line it speaks of; findings of files not among these without it."""
    by_path = {path: [finding for finding in findings if finding.path == path] for path in files}
    shown = {path: hide_secrets(files[path], found) for path, found in by_path.items() if found}
    for finding in findings:
        place = ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part)
        said = f"{place}: {finding.severity}: {finding.message} [{finding.rule} {finding.code}]"
        print_line(said, STYLES[finding.severity])
        if finding.line and finding.path in shown:
            _print_source(finding, shown[ReleasePath(finding.path)])
        if finding.hint:
            print_line(f"      = {finding.hint}")


def _print_source(finding: Finding, lines: Sequence[str]) -> None:
    if finding.line > len(lines):
        return
    source = lines[finding.line - 1]
    indent = len(source) - len(source.lstrip())
    shown = source.lstrip()[:MAX_SHOWN_CHARS]
    print_line(f"{finding.line:5} | {shown}")
    if indent < finding.column <= indent + len(shown):
        print_line(f"      | {' ' * (finding.column - 1 - indent)}^")


def hide_secrets(content: bytes, findings: Sequence[Finding]) -> list[str]:
    """The lines of a file with these findings, each cut off where a secret starts on it, suppressed or not."""
    lines = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    pages = load_catalogue().pages
    for finding in findings:
        if finding.rule == SUPPRESSED.rule or (finding.rule in pages and pages[finding.rule].category == "secrets"):
            lines[finding.line - 1] = lines[finding.line - 1][: finding.column - 1] + "***"
            lines[finding.line : finding.end_line] = ["***"] * (finding.end_line - finding.line)
    return lines


def print_summary(report: LintReport) -> None:
    """How many findings of which kind, in how many files."""
    counts = [(report.errors, "error"), (report.warnings, "warning"), (report.infos, "note")]
    told = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count) or "nothing found"
    style = "bold red" if report.errors else "yellow" if report.warnings else "green"
    print_line(f"{told} in {report.files} file{'s' * (report.files != 1)}", style)
