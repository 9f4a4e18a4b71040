"""The rules, loaded from their YAML files: each one checked, none skipped."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from ast_grep_py import SgRoot
from msgspec import Meta

from dagwarden.documents import Document, read_document, refuse
from dagwarden.errors import InvalidInput
from dagwarden.lint.aliases import Names, collect_names
from dagwarden.lint.file_rules import FILE_RULES
from dagwarden.lint.finding import Severity
from dagwarden.lint.import_rules import IMPORT_RULES
from dagwarden.lint.names import NAME_RULES
from dagwarden.lint.page import Page, index_pages
from dagwarden.lint.parts import Part
from dagwarden.lint.ruff_rules import RUFF_RULES
from dagwarden.yaml_nodes import Fault

PACKAGED_RULES = Path(__file__).parent / "rules"

CODED_RULES = (*FILE_RULES, *IMPORT_RULES, *NAME_RULES, *(rule.page for rule in RUFF_RULES))
"""The rules that no YAML file holds."""

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CODE = re.compile(r"DW\d{3}")
_OWN_CODE = re.compile(r"(?!DW)[A-Z]{2,8}\d{1,4}")

_NEEDS = {"needs": Part.WHOLE, "needs_at_import": Part.AT_IMPORT, "needs_in_tasks": Part.IN_TASKS}

_Text = Annotated[str, Meta(min_length=1)]


class RuleMetadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a rule file that is ours: ast-grep carries `metadata` along and reads nothing in it."""

    code: _Text
    category: _Text
    since: _Text
    literals: Annotated[tuple[Annotated[tuple[_Text, ...], Meta(min_length=1)], ...], Meta(min_length=1)]
    """Groups of words. A file that lacks all words of one group, in any case, is not looked at for this rule: that
    spares ast-grep's compiling of the rule, half a millisecond and more a file, and often the parsing too."""
    needs: str = ""
    """A Python regular expression that every file with a match satisfies, once what it renames as it imports is spelt
    out: the second sieve, for rules whose words stand in most files. A line feed stands before every line, the first
    included."""
    needs_at_import: str = ""
    """The same, of the lines that run when the file is imported, those of functions left out: see `parts`."""
    needs_in_tasks: str = ""
    """The same, of the lines of functions decorated as tasks. Of several such expressions, one is enough."""
    repeats: str = ""
    """A Python regular expression with one group, for rules on what stands twice: every file with a match holds two
    places of this form whose groups are equal."""
    names: dict[_Text, _Text] = {}
    """Qualified names, and how the rule spells each: files that import one under another name are read as if they did
    not. See `aliases`."""
    opt_in: bool = False
    airflow: Annotated[str, Meta(pattern=r"^\d+\.\d+$")] = "0.0"
    masks: str = ""
    """The meta-variable whose text is a secret: messages show its kind and length only."""
    fix: Literal["", "safe"] = ""
    """`safe`: the rule file's `fix` keeps the meaning of every match, so `--fix` may write it."""
    what: _Text
    why: _Text
    example: _Text
    instead: _Text
    limits: str = ""
    sources: tuple[str, ...] = ()
    fixed: str = ""


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a rule file: standard ast-grep, as far as the library honours it too."""

    id: _Text
    language: Literal["python"]
    severity: Severity
    message: _Text
    note: _Text
    metadata: RuleMetadata
    rule: dict[str, Any]
    constraints: dict[str, Any] = {}
    utils: dict[str, Any] = {}
    transform: dict[str, Any] = {}
    fix: str = ""


class PatternRule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A rule decided by matching syntax; equal to itself alone."""

    page: Page
    message: str
    literals: tuple[tuple[str, ...], ...]
    """In lower case; one of each group stands in every file that can match."""
    needs: dict[Part, re.Pattern[str]]
    """A file of which no part holds something of its form cannot match; unless nothing is asked."""
    repeats: re.Pattern[str] | None
    """Neither can one that does not hold this twice with the same group."""
    masks: str
    names: dict[str, str]
    config: dict[str, Any]
    """What ast-grep is given."""
    fix: str = ""
    """What a match is rewritten to, its meta-variables filled in; empty: a person has to."""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of lint."""

    patterns: tuple[PatternRule, ...]
    names: Names
    """What any of them knows under more than one name."""
    pages: dict[str, Page]
    """Of every rule, those on the file itself included, by id."""


@functools.cache
def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Read every rule file under a folder; the packaged rules when None: those are not searched for faults each time, a
    test has done so. The second call costs nothing.

    Raises:
        InvalidInput: a rule is bad, or two share an id or a code; every fault is named as `FILE:LINE: what`.
    """
    if folder is None:
        return _make_catalogue([_load_packaged(file) for file in sorted(PACKAGED_RULES.rglob("*.yml"))])
    files = sorted(folder.rglob("*.yml"))
    if not files:
        raise InvalidInput("holds no rule (*.yml)", operation="load rules", subject=str(folder))
    patterns: list[PatternRule] = []
    wrong: list[str] = []
    for file in files:
        try:
            patterns.append(load_rule(file.read_bytes(), name=file.relative_to(folder).as_posix()))
        except InvalidInput as error:
            wrong.append(error.message)
    wrong += _find_clashes(patterns)
    if wrong:
        raise InvalidInput("\n".join(wrong), operation="load rules", subject=str(folder))
    return _make_catalogue(patterns)


def add_rules(catalogue: Catalogue, files: Mapping[str, bytes]) -> Catalogue:
    """The catalogue with the rules of a team beside its own.

    Args:
        files: name of each rule file -> its bytes. Their codes are of the team's own making, e.g. ACME001.

    Raises:
        InvalidInput: a rule is bad, or takes an id or code that another has; every fault is named as `NAME:LINE: what`.
    """
    patterns, wrong = list(catalogue.patterns), []
    for name, content in sorted(files.items()):
        try:
            patterns.append(load_rule(content, name=name, is_own=True))
        except InvalidInput as error:
            wrong.append(error.message)
    wrong += _find_clashes(patterns)
    if wrong:
        raise InvalidInput("\n".join(wrong), operation="load rules")
    return _make_catalogue(patterns)


def _make_catalogue(patterns: list[PatternRule]) -> Catalogue:
    return Catalogue(
        patterns=tuple(sorted(patterns, key=lambda pattern: pattern.page.code)),
        names=collect_names(pattern.names for pattern in patterns),
        pages=index_pages(CODED_RULES, tuple(rule.page for rule in patterns)),
    )


def load_rule(content: bytes, *, name: str, is_own: bool = False) -> PatternRule:
    """Read one rule file.

    Args:
        is_own: whether a team wrote it; its code then starts with something else than DW.

    Raises:
        InvalidInput: it is no rule; every fault is named as `NAME:LINE: what`.
    """
    check = functools.partial(_check_meaning, is_own=is_own)
    document = read_document(content, RuleFile, name=name, check=check)
    file = document.value
    rule = _make_rule(file)
    try:
        SgRoot("", "python").root().find(rule.config)  # type: ignore[call-overload]
    except Exception as error:
        raise refuse(name, [Fault(document.line("rule"), _explain(error))]) from error
    return rule


def _load_packaged(file: Path) -> PatternRule:
    return _make_rule(msgspec.yaml.decode(file.read_bytes(), type=RuleFile))


def _make_rule(file: RuleFile) -> PatternRule:
    config = {"rule": file.rule, "constraints": file.constraints, "utils": file.utils, "transform": file.transform}
    return PatternRule(
        page=_make_page(file),
        message=file.message.strip(),
        literals=tuple(tuple(word.lower() for word in group) for group in file.metadata.literals),
        needs={part: re.compile(form) for key, part in _NEEDS.items() if (form := getattr(file.metadata, key))},
        repeats=re.compile(file.metadata.repeats) if file.metadata.repeats else None,
        masks=file.metadata.masks,
        names=file.metadata.names,
        config={key: value for key, value in config.items() if value},
        fix=file.fix if file.metadata.fix else "",
    )


def _make_page(file: RuleFile) -> Page:
    about = file.metadata
    return Page(
        rule=file.id,
        code=about.code,
        category=about.category,
        severity=file.severity,
        since=about.since,
        what=about.what.strip(),
        why=about.why.strip(),
        hint=" ".join(file.note.split()),
        example=about.example,
        instead=about.instead,
        limits=about.limits.strip(),
        sources=about.sources,
        opt_in=about.opt_in,
        airflow=_read_version(about.airflow),
        fixed=about.fixed,
    )


def _read_version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _check_meaning(document: Document[RuleFile], *, is_own: bool) -> list[Fault]:
    file, faults = document.value, []
    stem = document.name.rpartition("/")[2].removesuffix(".yml")
    if not _ID.fullmatch(file.id):
        faults.append(Fault(document.line("id"), f"`id` must be words-in-kebab-case, got `{file.id}`"))
    elif file.id != stem:
        faults.append(Fault(document.line("id"), f"`id` must be the file's name, `{stem}`, got `{file.id}`"))
    pattern, wanted = (_OWN_CODE, "letters, not DW, and digits") if is_own else (_CODE, "DW and three digits")
    if not pattern.fullmatch(file.metadata.code):
        faults.append(Fault(document.line("metadata", "code"), f"`code` must be {wanted}, got `{file.metadata.code}`"))
    if file.metadata.fix and not file.fix:
        faults.append(Fault(document.line("metadata", "fix"), "`metadata.fix` says safe, and there is no `fix`"))
    if "\n" in file.fix.strip():
        faults.append(Fault(document.line("fix"), "`fix` must be one line"))
    return [*faults, *_check_expressions(document)]


def _check_expressions(document: Document[RuleFile]) -> Iterator[Fault]:
    about = document.value.metadata
    for key in (*_NEEDS, "repeats"):
        expression = getattr(about, key)
        try:
            groups = re.compile(expression).groups
        except re.error as error:
            yield Fault(document.line("metadata", key), f"`{key}` is no regular expression: {error}")
            continue
        if key == "repeats" and expression and groups != 1:
            yield Fault(document.line("metadata", key), f"`repeats` must have one group, got {groups}")


def _find_clashes(patterns: list[PatternRule]) -> list[str]:
    """Two rules under one id or code, each told once."""
    clashes = []
    taken: dict[str, str] = {word: page.rule for page in CODED_RULES for word in (page.rule, page.code)}
    for pattern in patterns:
        for word in (pattern.page.rule, pattern.page.code):
            if word in taken:
                clashes.append(f"{pattern.page.rule}: `{word}` is already taken by `{taken[word]}`")
            taken[word] = pattern.page.rule
    return clashes


def _explain(error: Exception) -> str:
    """ast-grep's own reason, in one line: its causes without its stack."""
    causes = [line.strip() for line in str(error).split("Stack backtrace")[0].splitlines() if line.strip()]
    reasons = [re.sub(r"^\d+: ", "", line) for line in causes if line != "Caused by:"]
    return f"ast-grep does not take it: {' '.join(reasons)}"
