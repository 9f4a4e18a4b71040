"""All rules on the DAG model, and judging one file by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.lint.page import Page, find
from dagwarden.validate.model import FileModel
from dagwarden.validate.rules.environment import DUPLICATE_DAG_ID, ENVIRONMENT_PAGES
from dagwarden.validate.rules.identities import HARD_CODED_SECRET, IDENTITY_RULES, OBJECT_LIES
from dagwarden.validate.rules.rule import DagRule, make_page, name_some
from dagwarden.validate.rules.scheduling import SCHEDULING_RULES
from dagwarden.validate.rules.structure import STRUCTURE_RULES

MANY_DAGS = 100
"""Of one file."""

FILE_WITHOUT_DAG = make_page(
    "DW340", "file-without-dag", "correctness", Severity.INFO,
    "Finds files that look like DAG files and define none.",
    "Airflow imports them again and again for nothing; or the DAG was meant to be registered, and is not.",
    "Call the function decorated with `@dag`, hold the DAG in a global, or name the file in .airflowignore.",
)  # fmt: skip
MANY_DAGS_IN_FILE = make_page(
    "DW341", "many-dags-in-file", "performance", Severity.INFO,
    f"Finds files that define more than {MANY_DAGS} DAGs.",
    "The file is imported as a whole by each task of each of its DAGs, and one mistake takes them all down.",
    "Make several files of it.",
)  # fmt: skip
MODEL_CUT = make_page(
    "DW342", "model-cut", "correctness", Severity.WARNING,
    "Finds files that define more than is read of one file.",
    "What was not read was not judged.",
    "Split the file.",
)  # fmt: skip
OPERATOR_PATCHED = make_page(
    "DW343", "operator-patched", "correctness", Severity.ERROR,
    "Finds operators of installed packages whose code the file replaced.",
    "What policy knows of the operator is then not true of it; and so for every other DAG of the process.",
    "Write a subclass.",
)  # fmt: skip

SYNTAX_ERROR = "syntax-error"
"""The rule of lint; such a file cannot be imported, which need not be said again."""

DAG_RULES: tuple[DagRule, ...] = (*STRUCTURE_RULES, *SCHEDULING_RULES, *IDENTITY_RULES)
FILE_PAGES = (FILE_WITHOUT_DAG, MANY_DAGS_IN_FILE, MODEL_CUT, OPERATOR_PATCHED)

SHARED_RULES: frozenset[str] = frozenset(
    {rule.page.rule for rule in DAG_RULES if rule.is_shared} | {DUPLICATE_DAG_ID.rule, HARD_CODED_SECRET.rule}
)
"""Rules that lint has too; its pages are the ones to read."""
MODEL_PAGES: tuple[Page, ...] = tuple(
    page
    for page in (*(rule.page for rule in DAG_RULES), *FILE_PAGES, *ENVIRONMENT_PAGES)
    if page.rule not in SHARED_RULES
)
"""The pages of the rules that are decided here alone, for the catalogue."""


def check_file(file: FileModel, *, opted_in: Collection[str] = ()) -> list[Finding]:
    """Every finding that one file's model gives by itself; sorted.

    Args:
        opted_in: ids of rules that are silent unless asked for.
    """
    found = list(_check_whole(file))
    for rule in DAG_RULES:
        if rule.page.opt_in and rule.page.rule not in opted_in:
            continue
        for dag in file.dags:
            for told in rule.check(dag):
                finding = find(rule.page, told.message, path=file.path, line=told.line)
                found.append(msgspec.structs.replace(finding, severity=told.severity or finding.severity))
    return sort_findings(found)


def drop_told(found: Iterable[Finding], by_lint: Iterable[Finding]) -> list[Finding]:
    """Findings of an import without those that lint has told of the same file already, with their line.

    What lint found and a comment allows counts as told as long as the import finds no more of it than that.
    """
    found, by_lint = [*found], [*by_lint]
    broken = {finding.path for finding in by_lint if finding.rule == SYNTAX_ERROR}
    told = {(finding.rule, finding.path) for finding in by_lint}
    seen = Counter(map(_name, found))
    allowed = Counter(_name(finding) for finding in by_lint if finding.allows is not None)
    told |= {name for name, count in allowed.items() if seen[name] <= count}
    return [
        finding
        for finding in found
        if not (finding.rule == "import-error" and finding.path in broken)
        and (_name(finding)[0] not in SHARED_RULES or _name(finding) not in told or _is_clash(finding))
    ]


def _name(finding: Finding) -> tuple[str, str]:
    """The rule of a finding, allowed or not, and its file."""
    return (finding.allows or finding).rule, finding.path


def _is_clash(finding: Finding) -> bool:
    """Whether Airflow would not load one of two files."""
    finding = finding.allows or finding
    return finding.rule == DUPLICATE_DAG_ID.rule and finding.severity is Severity.ERROR


def _check_whole(file: FileModel) -> Iterator[Finding]:
    if not file.dags:
        yield find(FILE_WITHOUT_DAG, "the file defines no DAG that Airflow would find", path=file.path)
    if len(file.dags) > MANY_DAGS:
        yield find(MANY_DAGS_IN_FILE, f"the file defines {len(file.dags)} DAGs", path=file.path)
    for cut in file.cuts:
        yield find(MODEL_CUT, f"{cut.what}: {cut.kept} of {cut.of} were read", path=file.path)
    if file.patched:
        yield find(OPERATOR_PATCHED, f"the file replaces code of {name_some(file.patched)}", path=file.path)
    for name in file.impostors:
        yield find(OBJECT_LIES, f"`{name}` may pass for a DAG and is none", path=file.path)
