"""What becomes of ruff's diagnostics: whether each holds at a second look, how it is rated, what it says to do."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import msgspec

from dagwarden.lint import file_rules
from dagwarden.lint.finding import Finding
from dagwarden.lint.names import UndefinedName, tell_apart
from dagwarden.lint.page import MAX_MATCHES, find
from dagwarden.lint.ruff import Diagnostic, run_ruff
from dagwarden.lint.ruff_rules import INSTEAD, RERATED, RUFF_RULES, RuffRule
from dagwarden.names import ReleasePath

UNDEFINED_NAME = "F821"
"""The one code whose findings are not ours as they stand: `names` tells them apart."""

SCHEDULES = frozenset({"schedule", "schedule_interval", "timetable"})
"""Arguments of a DAG that say when it runs, in any Airflow."""

_NAMED = re.compile(r"`([^`]+)`")
_HARMLESS = re.compile(r"unsafe loader `C?FullLoader`|call with `shell=True` seems safe")
"""Messages on what nothing from outside can reach: a loader that makes plain objects only since PyYAML 5.4
(CVE-2020-14343), and shells that are given a literal."""


def check_with_ruff(texts: Mapping[ReleasePath, str], *, opted_in: Collection[str] = ()) -> list[Finding]:
    """What ruff finds in these files, by our table of its rules.

    Args:
        texts: files that compile.
        opted_in: ids of rules that are silent unless asked for.
    """
    rules = {rule.page.code: rule for rule in RUFF_RULES if not rule.page.opt_in or rule.page.rule in opted_in}
    findings: list[Finding] = []
    for path, answer in run_ruff(texts, {*rules, UNDEFINED_NAME}).items():
        if answer is None:
            findings.append(find(file_rules.NOT_ANALYSED, "ruff gives no answer on this file", path=path))
        else:
            said = _keep_first(answer)
            findings += _translate(path, texts[path], said, rules)
            findings += tell_apart(path, texts[path], _list_undefined(said))
    return findings


def _keep_first(said: list[Diagnostic]) -> list[Diagnostic]:
    """The first of each code, in the order of the text."""
    counts: Counter[str | None] = Counter()
    kept = []
    for diagnostic in sorted(said, key=lambda each: (each.location.row, each.location.column)):
        counts[diagnostic.code] += 1
        if counts[diagnostic.code] <= MAX_MATCHES:
            kept.append(diagnostic)
    return kept


def _list_undefined(said: list[Diagnostic]) -> list[UndefinedName]:
    return [
        UndefinedName(each.message, each.location.row, each.location.column)
        for each in said
        if each.code == UNDEFINED_NAME
    ]


def _translate(
    path: ReleasePath, text: str, said: list[Diagnostic], rules: Mapping[str, RuffRule]
) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for diagnostic in said:
        rule = rules.get(diagnostic.code or "")
        if rule is None:  # an undefined name, or a syntax error, which is not ruff's to tell
            continue
        topic = (rule.page.code, diagnostic.message)
        if (rule.once_per_file and topic in told) or not _holds(diagnostic, text):
            continue
        told.add(topic)
        yield _word(path, diagnostic, rule)


def _word(path: ReleasePath, diagnostic: Diagnostic, rule: RuffRule) -> Finding:
    match = _NAMED.search(diagnostic.message)
    name = match[1] if match else ""
    finding = find(
        rule.page,
        rule.said.format(name=name) or diagnostic.message.rstrip(";"),
        path=path,
        line=diagnostic.location.row,
        end_line=diagnostic.end_location.row,
        column=diagnostic.location.column,
    )
    known = RERATED.get(name) if rule.page.airflow > (0, 0) else None
    return msgspec.structs.replace(
        finding,
        severity=known.severity if known else rule.page.severity,
        message=known.said.format(name=name) if known and known.said else finding.message,
        hint=_advise(diagnostic, rule, name),
    )


def _advise(diagnostic: Diagnostic, rule: RuffRule, name: str) -> str:
    """What to write instead of this name: ruff's own words where it has any."""
    ours = next((INSTEAD[each] for each in INSTEAD if name == each or name.startswith(f"{each}.")), "")
    theirs = diagnostic.fix.message if diagnostic.fix else None
    return rule.advice.format(name=name) or theirs or ours or rule.page.hint


# ---- a second look ---------------------------------------------------------------------------------------------------


def _holds(diagnostic: Diagnostic, text: str) -> bool:
    if diagnostic.code == "AIR002":
        return _lacks_schedule(diagnostic, text)
    if diagnostic.code == "AIR202":  # of a function without the annotation ruff says so too; its fix tells them apart
        return diagnostic.fix is not None and any("=True" in edit.content for edit in diagnostic.fix.edits)
    return not _HARMLESS.search(diagnostic.message)


def _lacks_schedule(diagnostic: Diagnostic, text: str) -> bool:
    """Whether no dictionary that is unpacked into the call may hold the schedule: one that cannot be read may."""
    call = _parse(_cut(diagnostic, text))
    if not call.body or not isinstance(call.body[0], ast.Expr) or not isinstance(call.body[0].value, ast.Call):
        return True
    unpacked = [keyword.value for keyword in call.body[0].value.keywords if keyword.arg is None]
    return not unpacked or all(_lacks_key(value, _parse(text), SCHEDULES) for value in unpacked)


def _lacks_key(value: ast.expr, tree: ast.Module, keys: frozenset[str]) -> bool:
    if isinstance(value, ast.Name):
        bound = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign) and _binds(node, value.id) and node.value is not None
        ]
        return len(bound) == 1 and not isinstance(bound[0], ast.Name) and _lacks_key(bound[0], tree, keys)
    if isinstance(value, ast.Dict):
        literal = {key.value for key in value.keys if isinstance(key, ast.Constant)}
        return len(literal) == len(value.keys) and literal.isdisjoint(keys)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not value.args:
        named = {keyword.arg for keyword in value.keywords}
        return None not in named and named.isdisjoint(keys)
    return False


def _binds(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _cut(diagnostic: Diagnostic, text: str) -> str:
    """The text that a diagnostic speaks of."""
    start, end = diagnostic.location, diagnostic.end_location
    lines = text.split("\n")[start.row - 1 : end.row]
    lines[-1] = lines[-1][: end.column - 1]
    lines[0] = lines[0][start.column - 1 :]
    return "\n".join(lines)


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
