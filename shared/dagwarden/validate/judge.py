"""From what a child did and how it ended to findings: a function of values."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.lint.page import find as find_by
from dagwarden.validate.import_rules import find
from dagwarden.validate.model import FileModel
from dagwarden.validate.packages import name_package
from dagwarden.validate.places import place
from dagwarden.validate.report import ChildReport, Deed, DeedKind, Ended, Failure, FileReport, Outcome, ValidateSettings
from dagwarden.validate.rules.failures import find_page
from dagwarden.validate.rules.table import FILE_WITHOUT_DAG, OPERATOR_PATCHED, check_file
from dagwarden.validate.secrets import check_secrets

RULES_OF_DEEDS: dict[DeedKind, str] = {
    DeedKind.NETWORK: "network-at-import",
    DeedKind.SUBPROCESS: "subprocess-at-import",
    DeedKind.WRITE: "file-written-at-import",
    DeedKind.WRITE_OUTSIDE: "write-outside-scratch",
    DeedKind.READ_OUTSIDE: "read-outside-tree",
    DeedKind.ENVIRONMENT: "environment-read-at-import",
    DeedKind.VARIABLE: "variable-read-at-import",
    DeedKind.CONNECTION: "connection-read-at-import",
    DeedKind.SIGNAL: "signal-at-import",
    DeedKind.THREAD: "thread-at-import",
    DeedKind.NATIVE: "native-code-at-import",
    DeedKind.TAMPER: "interpreter-tampering",
    DeedKind.HEAVY: "heavy-import",
}


def judge(outcome: Outcome, root: Path, settings: ValidateSettings, source: bytes) -> FileReport:
    """What is known of the file, and every finding, in the order a reader wants them.

    Args:
        source: the file's text: lines are looked up in it. It is parsed only where the child could compile it.
    """
    is_whole = outcome.ended is Ended.REPORTED and not outcome.report.unconfined
    model = _place_model(outcome, source) if is_whole else None
    told = []
    if model is not None:
        told = [*check_file(model, opted_in=settings.opted_in), *check_secrets(model, outcome.report.suspects)]
    found = [*_judge_deeds(outcome, root), *_judge_end(outcome, root, settings, {each.rule for each in told})]
    if outcome.report.failures:
        told = [each for each in told if each.rule != FILE_WITHOUT_DAG.rule]
    if model is not None and set(model.patched) <= set(outcome.report.patched):
        told = [each for each in told if each.rule != OPERATOR_PATCHED.rule]
    return FileReport(
        path=outcome.path,
        model=model,
        findings=tuple(sort_findings([*found, *told])),
        reads=outcome.report.reads,
        seconds=outcome.seconds,
        peak_memory_bytes=outcome.peak_memory_bytes,
    )


def _place_model(outcome: Outcome, source: bytes) -> FileModel | None:
    if outcome.report.model is None:
        return None
    model = msgspec.structs.replace(outcome.report.model, path=outcome.path)
    return place(model, source) if outcome.path.endswith(".py") else model


def _judge_deeds(outcome: Outcome, root: Path) -> Iterator[Finding]:
    for deed in outcome.deeds:
        path, line = _place(deed.file, deed.line, root, outcome.path)
        yield find(RULES_OF_DEEDS[deed.kind], path, _say_deed(deed), line=line)


def _say_deed(deed: Deed) -> str:
    said = find(RULES_OF_DEEDS[deed.kind], "").message
    cost = f" ({deed.seconds:.1f} s)" if deed.seconds else ""
    return f"{said}: `{_show(deed.subject)}`{cost}" if deed.subject else said


def _judge_end(outcome: Outcome, root: Path, settings: ValidateSettings, told: Collection[str]) -> Iterator[Finding]:
    path, report = outcome.path, outcome.report
    if outcome.ended is Ended.TIMED_OUT:
        yield find("import-timeout", path, f"the import did not end within {settings.import_timeout_s:g} s")
    elif outcome.ended is Ended.KILLED:
        yield find("import-killed", path, f"the import was killed by {_name_signal(outcome.status)}")
    elif outcome.ended is Ended.EXITED:
        yield find("import-exit", path, f"the import ended the process with code {outcome.status}")
    elif outcome.ended is Ended.FORGED:
        yield find("result-forged", path)
    elif outcome.ended is Ended.TALKED_TOO_MUCH:
        yield find("result-too-large", path)
    elif report.unconfined:
        yield find("sandbox-failed", path, f"the sandbox could not be raised: {_show(report.unconfined)}")
    else:
        failures = (_judge_failure(failure, path, root) for failure in report.failures)
        yield from (finding for finding in failures if finding.rule not in told)
        yield from _judge_report(outcome, report, settings)


def _judge_report(outcome: Outcome, report: ChildReport, settings: ValidateSettings) -> Iterator[Finding]:
    for name in report.patched:
        yield find("airflow-patched", outcome.path, f"the import replaced `{_show(name)}`")
    if report.seconds >= settings.slow_import_s:
        yield find("slow-import", outcome.path, f"the import takes {report.seconds:.1f} s")


def _judge_failure(failure: Failure, path: str, root: Path) -> Finding:
    where, line = _place(failure.file, failure.line, root, path)
    message = failure.message.replace(f"{root}{os.sep}", "")
    said = f"{failure.type}: {_show(message)}" if message else failure.type
    if failure.missing:
        package = name_package(failure.missing)
        said = f"`{_show(failure.missing)}` cannot be imported: `{_show(package)}` is not installed in the environment"
        hint = (
            f"add `{_show(package)}` (or what else has the module) to `packages` in environment.yaml and install it "
            "there, or put the module under dags/ or plugins/"
        )
        return find("package-missing", where, said, line=line, hint=hint)
    if failure.type in ("SystemExit", "KeyboardInterrupt"):
        return find("import-exit", where, f"the import raises {said}", line=line)
    if failure.type == "MemoryError":
        return find("import-memory", where, line=line)
    page = find_page(failure.type, failure.message)
    if page is not None:
        return msgspec.structs.replace(find_by(page, said, path=where, line=line), severity=Severity.ERROR)
    return find("import-error", where, said, line=line)


def _place(file: str, line: int, root: Path, path: str) -> tuple[str, int]:
    """A file of the tree by its path in the release; the DAG file itself where it is none."""
    prefix = f"{root}{os.sep}"
    return (file.removeprefix(prefix), line) if file.startswith(prefix) else (path, 0)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _show(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:1024])
