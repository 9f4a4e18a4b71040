"""The result of linting, counted: what every output shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dagwarden.lint.baseline import Entry
from dagwarden.lint.finding import Severity
from dagwarden.lint.located import Located, count_allowed


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Findings and their numbers."""

    paths: tuple[str, ...]
    """Of every file that was looked at."""
    dag_files: int
    """How many of them Airflow would search for DAGs."""
    errors: int
    warnings: int
    infos: int
    suppressed: int
    """How many findings comments in the code allow."""
    suppressed_rules: dict[str, int]
    """The same, by rule."""
    has_baseline: bool = False
    findings: tuple[Located, ...]
    """What is told; what comments allow is among it as notes."""
    known: tuple[Located, ...] = ()
    """What the baseline lets through: counted, not told."""
    gone: tuple[Entry, ...] = ()
    """Entries of the baseline that nothing matches any more."""


def make_report(
    paths: Iterable[str],
    findings: Sequence[Located],
    *,
    dag_files: int = 0,
    has_baseline: bool = False,
    known: Sequence[Located] = (),
    gone: Sequence[Entry] = (),
) -> Report:
    """Findings, counted; notes on what the code allows are counted apart."""
    findings, known = ([*map(_show, each)] for each in (findings, known))
    told = [located.finding for located in findings]
    rated = [finding.severity for finding in told if finding.allows is None]
    allowed = count_allowed(told)
    return Report(
        paths=tuple(map(show_path, paths)),
        dag_files=dag_files,
        errors=rated.count(Severity.ERROR),
        warnings=rated.count(Severity.WARNING),
        infos=rated.count(Severity.INFO),
        suppressed=sum(allowed.values()),
        suppressed_rules=allowed,
        has_baseline=has_baseline,
        findings=tuple(findings),
        known=tuple(known),
        gone=tuple(gone),
    )


def show_path(path: str) -> str:
    """A path as any reader can take it: what is no printable text, line ends and bytes that are no UTF-8, escaped."""
    if path.isprintable():
        return path
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in path)


def _show(located: Located) -> Located:
    path = show_path(located.finding.path)
    if path == located.finding.path:
        return located
    return msgspec.structs.replace(located, finding=msgspec.structs.replace(located.finding, path=path))


def summarise(report: Report) -> str:
    """The numbers in one line, e.g. `1 error, 2 warnings, 1 suppressed in 40 files`."""
    counts = [
        *(_count(report.errors, "error"), _count(report.warnings, "warning"), _count(report.infos, "note")),
        report.suppressed and f"{report.suppressed} suppressed",
        report.known and f"{len(report.known)} in the baseline",
    ]
    told = ", ".join(str(count) for count in counts if count) or "nothing found"
    gone = f"; {_count(len(report.gone), 'baseline entry', 'baseline entries')} gone" if report.gone else ""
    return f"{told} in {_count(len(report.paths), 'file')}{gone}"


def _count(number: int, word: str, words: str = "") -> str:
    return f"{number} {word if number == 1 else words or word + 's'}" if number else ""
