"""Exceptions written in the code: `# dagwarden: allow RULE -- REASON`, on the line or the line above."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterator

import msgspec

from dagwarden.lint import file_rules
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.validate.rules.told import NEVER_ALLOWED, TOLD_BY_IMPORTS

NEED_TREE = frozenset({"import-of-missing-module", "import-of-missing-name"})
"""Rules that one file alone does not decide: those who decide them tell whether a comment that allows one is met."""

_COMMENT = re.compile(r"#\s*dagwarden:\s*allow\b(?P<rules>[^#]*?)(?:\s--\s*(?P<reason>.*))?$")
_MARK = "dagwarden:"


class Suppression(msgspec.Struct, frozen=True):
    """One such comment."""

    rules: tuple[str, ...]
    reason: str
    line: int
    """Of the comment."""
    target: int
    """The line it speaks of: its own, or the next line of code when it stands alone."""


def apply_suppressions(path: str, text: str, findings: list[Finding], known: Collection[str]) -> list[Finding]:
    """The findings of one file, those suppressed with a reason replaced by a note that says so.

    Suppressions without a reason suppress nothing and are findings; so are those that met nothing.

    Args:
        known: the ids of all rules.
    """
    if _MARK not in text:
        return findings
    suppressions = list(read_suppressions(text))
    kept = [_suppress(finding, suppressions) for finding in findings]
    return kept + [wrong for suppression in suppressions for wrong in _judge(path, suppression, findings, known)]


def allow(finding: Finding, reason: str) -> Finding:
    """The note that stands where a finding was allowed in the code; it holds that finding: policies may forbid it."""
    said = f"`{finding.rule}` is allowed here: {reason}"
    note = find(
        file_rules.SUPPRESSED,
        said,
        path=finding.path,
        line=finding.line,
        end_line=finding.end_line,
        column=finding.column,
    )
    return msgspec.structs.replace(note, allows=finding, reason=reason)


def tell_unused(path: str, suppression: Suppression, rule: str) -> Finding:
    """The finding on a comment that allows what is not found there."""
    return find(file_rules.UNUSED_SUPPRESSION, f"`{rule}` finds nothing here", path=path, line=suppression.line)


def read_suppressions(text: str) -> Iterator[Suppression]:
    """The suppressions in the comments of a file that compiles."""
    lines = text.split("\n")
    below, is_last = 0, False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not (match := _COMMENT.search(token.string)):
            continue
        line = token.start[0]
        stands_alone = lines[line - 1].lstrip().startswith("#")
        rules = tuple(word for word in re.split(r"[,\s]+", match["rules"]) if word)
        if stands_alone and not is_last and line >= below:  # those of one stack share their line
            below = next_code(lines, line)
            is_last = below == line
        target = below if stands_alone and not is_last else line
        yield Suppression(rules, (match["reason"] or "").strip(), line, target)


def next_code(lines: list[str], line: int) -> int:
    """The first line after `line` that is neither blank nor a comment; comments may be stacked."""
    for number, content in enumerate(lines[line:], line + 1):
        if content.strip() and not content.lstrip().startswith("#"):
            return number
    return line


def is_met(finding: Finding, suppression: Suppression) -> bool:
    """Whether a comment speaks of a finding."""
    return finding.rule in suppression.rules and finding.line <= suppression.target <= finding.end_line


def _suppress(finding: Finding, suppressions: list[Suppression]) -> Finding:
    for suppression in suppressions:
        if suppression.reason and is_met(finding, suppression):
            return allow(finding, suppression.reason)
    return finding


def _judge(path: str, suppression: Suppression, findings: list[Finding], known: Collection[str]) -> Iterator[Finding]:
    if not suppression.rules:
        yield find(file_rules.UNUSED_SUPPRESSION, "names no rule", path=path, line=suppression.line)
    elif not suppression.reason:
        said = f"`allow {', '.join(suppression.rules)}` gives no reason"
        yield find(file_rules.SUPPRESSION_WITHOUT_REASON, said, path=path, line=suppression.line)
    for rule in suppression.rules:
        if rule in NEVER_ALLOWED:
            said = f"`{rule}` is nothing that a comment can allow"
            yield find(file_rules.UNUSED_SUPPRESSION, said, path=path, line=suppression.line)
        elif rule not in known and rule not in TOLD_BY_IMPORTS:
            yield find(file_rules.UNUSED_SUPPRESSION, f"`{rule}` is no rule", path=path, line=suppression.line)
        elif (
            rule not in NEED_TREE
            and rule not in TOLD_BY_IMPORTS
            and not any(finding.rule == rule and is_met(finding, suppression) for finding in findings)
        ):
            yield tell_unused(path, suppression, rule)
