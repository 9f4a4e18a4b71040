"""ruff, asked once about many files."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from dagwarden.lint import file_rules
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.names import UndefinedName, tell_apart
from dagwarden.lint.page import find
from dagwarden.lint.ruff_rules import HEAVY_MODULES, RERATED, RUFF_RULES, RuffRule
from dagwarden.names import ReleasePath

TIMEOUT_S = 10.0
"""And 10 ms a file: ruff reads a thousand of them in a second. What takes longer hangs."""

UNDEFINED_NAME = "F821"
"""The one code whose findings are not ours as they stand: `names` tells them apart."""

_NAMED = re.compile(r"`([^`]+)`")
_BANNED = f"lint.flake8-tidy-imports.banned-module-level-imports={list(HEAVY_MODULES)}"


class _Place(msgspec.Struct, frozen=True):
    row: int
    column: int


class RuffEdit(msgspec.Struct, frozen=True):
    """Text that takes the place of other text."""

    content: str
    location: _Place
    end_location: _Place


class RuffFix(msgspec.Struct, frozen=True):
    """How ruff would mend something: all edits or none."""

    applicability: str
    edits: tuple[RuffEdit, ...]


class Diagnostic(msgspec.Struct, frozen=True):
    """What ruff says of one place, as its `json` output has it (the other formats leave the code out)."""

    code: str | None
    message: str
    location: _Place
    end_location: _Place
    filename: str = ""
    fix: RuffFix | None = None


def check_with_ruff(texts: Mapping[ReleasePath, str], *, opted_in: Collection[str] = ()) -> list[Finding]:
    """What ruff finds in these files, by our table of its rules.

    Args:
        texts: files that compile.
        opted_in: ids of rules that are silent unless asked for.
    """
    rules = {rule.page.code: rule for rule in RUFF_RULES if not rule.page.opt_in or rule.page.rule in opted_in}
    findings: list[Finding] = []
    for path, said in run_ruff(texts, {*rules, UNDEFINED_NAME}).items():
        if said is None:
            findings.append(find(file_rules.NOT_ANALYSED, "ruff gives no answer on this file", path=path))
        else:
            findings += _translate(path, said, rules)
            findings += tell_apart(path, texts[path], _list_undefined(said))
    return findings


def run_ruff(
    texts: Mapping[ReleasePath, str], codes: Collection[str], *, timeout_s: float = TIMEOUT_S
) -> dict[ReleasePath, list[Diagnostic] | None]:
    """What ruff says under these codes, by file; None for a file that it dies of. `# noqa` has no effect."""
    paths = list(texts)
    if not paths:
        return {}
    diagnostics = _ask(texts, codes, timeout_s + len(texts) / 100)
    if diagnostics is not None:
        return diagnostics
    if len(paths) == 1:
        return {paths[0]: None}
    halves = paths[: len(paths) // 2], paths[len(paths) // 2 :]
    said: dict[ReleasePath, list[Diagnostic] | None] = {}
    for half in halves:
        said |= run_ruff({path: texts[path] for path in half}, codes, timeout_s=timeout_s)
    return said


def _ask(
    texts: Mapping[ReleasePath, str], codes: Collection[str], timeout_s: float
) -> dict[ReleasePath, list[Diagnostic] | None] | None:
    """One process for all; None when it fails. One file goes through the pipe, many through a folder of their own."""
    if len(texts) == 1:
        ((path, text),) = texts.items()
        output = _run(["-", "--stdin-filename", "0.py"], codes, _encode(text), timeout_s)
        return None if output is None else {path: list(_read(output))}
    said: dict[ReleasePath, list[Diagnostic] | None] = {path: [] for path in texts}
    with tempfile.TemporaryDirectory(prefix="dagwarden-ruff-") as folder:
        names = {str(Path(folder).resolve() / f"{number}.py"): path for number, path in enumerate(texts)}
        for name, path in names.items():
            Path(name).write_bytes(_encode(texts[path]))
        output = _run([folder], codes, b"", timeout_s)
    if output is None:
        return None
    for diagnostic in _read(output):
        told = said[names[diagnostic.filename]]
        if told is not None:
            told.append(diagnostic)
    return said


def _run(arguments: list[str], codes: Collection[str], stdin: bytes, timeout_s: float) -> bytes | None:
    command = [
        find_ruff_bin(), "check", "--isolated", "--no-cache", "--preview", "--ignore-noqa", "--exit-zero", "--quiet",
        "--output-format", "json", "--select", ",".join(codes), "--config", _BANNED, *arguments,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a declared encoding may give halves of surrogate pairs


def _read(output: bytes) -> Iterator[Diagnostic]:
    return iter(msgspec.json.decode(output, type=list[Diagnostic]))


def _translate(path: ReleasePath, said: list[Diagnostic], rules: Mapping[str, RuffRule]) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for diagnostic in sorted(said, key=lambda each: (each.location.row, each.location.column)):
        rule = rules.get(diagnostic.code or "")
        if rule is None:  # an undefined name, or a syntax error, which is not ruff's to tell
            continue
        topic = (rule.page.code, diagnostic.message)
        if rule.once_per_file and topic in told:
            continue
        told.add(topic)
        finding = find(
            rule.page,
            diagnostic.message,
            path=path,
            line=diagnostic.location.row,
            end_line=diagnostic.end_location.row,
            column=diagnostic.location.column,
        )
        yield msgspec.structs.replace(finding, severity=_rate(rule, diagnostic.message))


def _list_undefined(said: list[Diagnostic]) -> list[UndefinedName]:
    return [
        UndefinedName(each.message, each.location.row, each.location.column)
        for each in said
        if each.code == UNDEFINED_NAME
    ]


def _rate(rule: RuffRule, message: str) -> Severity:
    named = _NAMED.search(message)
    known = rule.page.airflow > (0, 0) and named and RERATED.get(named[1])
    return known or rule.page.severity
