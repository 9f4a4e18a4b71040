"""Prints a report of findings, or writes it in the form that some other program reads."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from dagwarden.cli.output import clean, print_line
from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Finding
from dagwarden.lint.located import Located, locate_findings
from dagwarden.lint.outputs.github import render_github
from dagwarden.lint.outputs.human import render_human, render_lines
from dagwarden.lint.outputs.junit import render_junit
from dagwarden.lint.outputs.plain_json import render_json
from dagwarden.lint.outputs.sarif import render_sarif
from dagwarden.lint.page import Page
from dagwarden.lint.report import Report


class Format(enum.StrEnum):
    """The form of a report."""

    HUMAN = "human"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def print_report(report: Report) -> None:
    """The report for people, coloured on a terminal."""
    for line in render_lines(report):
        print_line(line.text, line.style)


def print_text(text: str) -> None:
    """A text of many lines: as it is into a pipe, without what a terminal would obey on a terminal."""
    sys.stdout.write(clean(text, keep_lines=True) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def print_note(text: str) -> None:
    """One line beside the report, on stderr."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def render(report: Report, form: Format, pages: Mapping[str, Page]) -> str:
    """The report in one of its forms. Services outside know files from the folder they run in: paths are shortened
    to that where they can be."""
    renderers: dict[Format, Callable[[Report], str]] = {
        Format.HUMAN: render_human,
        Format.JSON: render_json,
        Format.SARIF: lambda short: render_sarif(short, pages, version=version("dagwarden")),
        Format.GITHUB: render_github,
        Format.JUNIT: render_junit,
    }
    return renderers[form](report if form in (Format.HUMAN, Format.JSON) else shorten(report, Path.cwd()))


def write_report(file: Path, text: str) -> None:
    """The file holds the report afterwards.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be written", operation="lint", subject=str(file)) from error


def locate_all(contents: Mapping[str, bytes], findings: Iterable[Finding], pages: Mapping[str, Page]) -> list[Located]:
    """Findings with the lines of the files that are at hand; of others without."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    return [
        located for path, found in by_path.items() for located in locate_findings(contents.get(path, b""), found, pages)
    ]


def shorten(report: Report, folder: Path) -> Report:
    """The report with paths from a folder, where they lie in it."""

    def shorten_path(path: str) -> str:
        absolute = Path(path)
        inside = absolute.is_absolute() and absolute.is_relative_to(folder)
        return absolute.relative_to(folder).as_posix() if inside else path

    def shorten_one(located: Located) -> Located:
        finding = msgspec.structs.replace(located.finding, path=shorten_path(located.finding.path))
        return msgspec.structs.replace(located, finding=finding)

    return msgspec.structs.replace(
        report,
        paths=tuple(map(shorten_path, report.paths)),
        findings=tuple(map(shorten_one, report.findings)),
        known=tuple(map(shorten_one, report.known)),
    )
