"""Patterns matched against the text of one file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ast_grep_py import SgNode, SgRoot

from dagwarden.lint.aliases import Edit, Names, collect_names, find_aliases, locate, spell_out
from dagwarden.lint.catalogue import PatternRule
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.lint.secrets import mask
from dagwarden.lint.sieve import make_sieve

MAX_MATCHES = 500
"""Of one rule in one file; who has mended these sees the next. Asking ast-grep for a place takes as long as its line is
long, so a megabyte on one line with a match in every word would take minutes."""

NO_NAMES = collect_names([])
_VARIABLE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")


def match_rules(path: str, text: str, rules: Iterable[PatternRule], names: Names = NO_NAMES) -> list[Finding]:
    """What the rules find in a file that compiles. It is parsed only if some rule may match it.

    A rule that matches at one place in several ways, a node and a node within it, finds one thing there.

    Args:
        names: under which other names the file may import what the rules look for.
    """
    sieve = make_sieve(tuple(rules))
    possible = sieve.sift_by_words(text)
    aliases = find_aliases(text, names) if possible else {}
    edits: tuple[Edit, ...] = ()
    if aliases:
        root, edits = spell_out(SgRoot(text, "python").root(), aliases)
        possible = sieve.sift_by_form(root.text(), possible)
    elif possible := sieve.sift_by_form(text, possible):
        root = SgRoot(text, "python").root()
    findings: dict[tuple[str, int, int], Finding] = {}
    for rule in possible:
        for node in root.find_all(rule.config)[:MAX_MATCHES]:  # type: ignore[call-overload]
            finding = _report(path, rule, node, edits)
            findings.setdefault((finding.rule, finding.line, finding.column), finding)
    return list(findings.values())


def _report(path: str, rule: PatternRule, node: SgNode, edits: tuple[Edit, ...]) -> Finding:
    secret = node.get_match(rule.masks) if rule.masks else None
    place = (secret or node).range()
    return find(
        rule.page,
        _fill(rule, node, secret),
        path=path,
        line=place.start.line + 1,
        end_line=place.end.line + 1,
        column=locate(place.start.line, place.start.column, edits) + 1,
    )


def _fill(rule: PatternRule, node: SgNode, secret: SgNode | None) -> str:
    """The rule's message with its meta-variables replaced; never by the text of what the rule masks."""

    def text_of(match: re.Match[str]) -> str:
        found = node.get_match(match[1])
        if found is None or match[1] == rule.masks:
            return match[0]
        words = " ".join(found.text().split())
        return words if len(words) <= 80 else f"{words[:79]}…"

    message = _VARIABLE.sub(text_of, rule.message)
    return f"{message}: {mask(secret.text())}" if secret else message
