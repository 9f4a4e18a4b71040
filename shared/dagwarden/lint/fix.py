"""Safe rewrites: what a rule finds, written as it should be, nothing else touched."""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import msgspec
from ast_grep_py import SgNode, SgRoot

from dagwarden.lint import file_rules
from dagwarden.lint.catalogue import Catalogue, PatternRule
from dagwarden.lint.compiles import read_source
from dagwarden.lint.ruff import RuffEdit, run_ruff
from dagwarden.lint.ruff_rules import RUFF_RULES
from dagwarden.lint.sieve import make_sieve
from dagwarden.lint.suppress import read_suppressions
from dagwarden.names import ReleasePath

MAX_ROUNDS = 10
"""Each round writes what does not overlap; a file that still changes after so many is left alone."""

_BOM = b"\xef\xbb\xbf"
_VARIABLE = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)")


class Edit(msgspec.Struct, frozen=True, order=True):
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


class Change(msgspec.Struct, frozen=True):
    """The edits that mend one finding: all or none."""

    rule: str
    line: int
    edits: tuple[Edit, ...]


class Fixed(msgspec.Struct, frozen=True):
    """A file after its fixes."""

    content: bytes
    rules: dict[str, int]
    """How many findings of each rule were mended."""
    problem: str = ""
    """Why the file was left alone although there was something to mend."""


class _Scope(msgspec.Struct, frozen=True):
    """Which rules may write."""

    patterns: tuple[PatternRule, ...]
    ruff: dict[str, str]
    """ruff's codes -> our ids."""


def fix_file(
    path: str,
    content: bytes,
    catalogue: Catalogue,
    *,
    python: tuple[int, int] = (3, 11),
    airflow: tuple[int, int] = (3, 3),
    opted_in: Collection[str] = (),
) -> Fixed:
    """Mend in one file what has one safe rewrite. Mending the result again changes nothing.

    A file that does not compile is left as it is, and so is one that would not compile afterwards. What a comment in
    the code allows is not mended, nor what only an Airflow newer than the environment's does away with.
    """
    text = read_source(path, content, python=python).text
    if not text:
        return Fixed(content, {})
    rules: Counter[str] = Counter()
    if content.startswith(_BOM):
        rules[file_rules.BYTE_ORDER_MARK.rule] += 1
    mended, problem = _mend(path, text, _choose(catalogue, airflow, opted_in), rules)
    if not problem and rules:
        written = _encode(content, text, mended)
        if written is None:
            return Fixed(content, {}, "its line ends or its encoding cannot be kept")
        wrong = read_source(path, written, python=python).findings
        if wrong:
            return Fixed(content, {}, f"it would not compile afterwards: {wrong[0].message}")
        return Fixed(written, dict(sorted(rules.items())))
    return Fixed(content, {}, problem)


def render_diff(path: str, before: bytes, after: bytes) -> str:
    """The change as a unified diff."""
    old, new = (side.decode("utf-8", "replace").splitlines(keepends=True) for side in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _choose(catalogue: Catalogue, airflow: tuple[int, int], opted_in: Collection[str]) -> _Scope:
    def speaks(rule: str) -> bool:
        page = catalogue.pages[rule]
        return page.airflow <= airflow and (not page.opt_in or rule in opted_in)

    patterns = tuple(rule for rule in catalogue.patterns if rule.fix and speaks(rule.page.rule))
    ruff = {rule.page.code: rule.page.rule for rule in RUFF_RULES if speaks(rule.page.rule)}
    return _Scope(patterns, ruff)


def _mend(path: str, text: str, scope: _Scope, rules: Counter[str]) -> tuple[str, str]:
    """The text when no rule has anything more to write, and what is wrong with that."""
    for _ in range(MAX_ROUNDS):
        changes = _pick(_drop_allowed(text, [*_match(text, scope.patterns), *_ask_ruff(path, text, scope.ruff)]))
        if not changes:
            return text, ""
        rules.update(change.rule for change in changes)
        text = _apply(text, changes)
    return text, f"its fixes do not come to an end: {', '.join(sorted(rules))}"


def _drop_allowed(text: str, changes: list[Change]) -> list[Change]:
    if not changes or "dagwarden:" not in text:
        return changes
    try:
        suppressions = [each for each in read_suppressions(text) if each.reason]
    except (SyntaxError, tokenize.TokenError):
        return []
    return [
        change
        for change in changes
        if not any(change.rule in each.rules and change.line == each.target for each in suppressions)
    ]


def _pick(changes: list[Change]) -> list[Change]:
    """Changes that do not touch each other, the first in the text first; the others have their turn next round."""
    picked: list[Change] = []
    taken: list[Edit] = []
    for change in sorted(changes, key=lambda each: (min(each.edits), each.rule)):
        if not any(_touch(edit, other) for edit in change.edits for other in taken):
            picked.append(change)
            taken += change.edits
    return picked


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end


def _apply(text: str, changes: Sequence[Change]) -> str:
    for edit in sorted((edit for change in changes for edit in change.edits), reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


# ---- what rules write --------------------------------------------------------------------------------------------


def _match(text: str, rules: Sequence[PatternRule]) -> Iterator[Change]:
    possible = make_sieve(tuple(rules)).sift_by_words(text)
    if not possible:
        return
    root = SgRoot(text, "python").root()
    starts = _line_starts(text)
    for rule in possible:
        for node in root.find_all(rule.config):  # type: ignore[call-overload]
            place = node.range()
            start, end = (starts[at.line] + at.column for at in (place.start, place.end))
            new = _fill(rule.fix, node, text, starts)
            if text[start:end] != new:
                yield Change(rule.page.rule, place.start.line + 1, (Edit(start, end, new),))


def _fill(template: str, node: SgNode, text: str, starts: Sequence[int]) -> str:
    def many(name: str) -> str:
        nodes = node.get_multiple_matches(name)
        if not nodes:
            return ""
        first, last = nodes[0].range().start, nodes[-1].range().end
        return text[starts[first.line] + first.column : starts[last.line] + last.column]

    def one(name: str) -> str:
        found = node.get_match(name)
        return found.text() if found else node.get_transformed(name) or ""

    # One pass, so that a meta-variable's text is never read as a template itself.
    return _VARIABLE.sub(lambda match: many(match[1]) if match[1] else one(match[2]), template.strip())


def _ask_ruff(path: str, text: str, codes: dict[str, str]) -> Iterator[Change]:
    starts = _line_starts(text)
    for diagnostic in run_ruff({ReleasePath(path): text}, codes)[ReleasePath(path)] or ():
        if diagnostic.code in codes and diagnostic.fix is not None and diagnostic.fix.applicability == "safe":
            edits = tuple(_translate(edit, starts) for edit in diagnostic.fix.edits)
            yield Change(codes[diagnostic.code], diagnostic.location.row, edits)


def _translate(edit: RuffEdit, starts: Sequence[int]) -> Edit:
    start, end = (starts[at.row - 1] + at.column - 1 for at in (edit.location, edit.end_location))
    return Edit(start, end, edit.content)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


# ---- the file as it was ------------------------------------------------------------------------------------------


def _encode(content: bytes, text: str, mended: str) -> bytes | None:
    """The mended text in the encoding and with the line ends of the file, without a byte order mark; None when either
    cannot be kept."""
    body = content.removeprefix(_BOM)
    encoding = tokenize.detect_encoding(io.BytesIO(body).readline)[0]
    newline = "\r\n" if b"\r\n" in body else "\n"
    try:
        same = text.replace("\n", newline).encode(encoding) == body
        return mended.replace("\n", newline).encode(encoding) if same else None
    except UnicodeEncodeError:
        return None
