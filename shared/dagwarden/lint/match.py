"""Patterns matched against the text of one file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType

import msgspec
from ast_grep_py import SgNode, SgRoot

from dagwarden.lint.aliases import Names, collect_names, find_aliases, list_renamed
from dagwarden.lint.catalogue import PatternRule
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import MAX_MATCHES, find
from dagwarden.lint.parts import Parts
from dagwarden.lint.plain import is_roundabout, join_literals, list_roundabout
from dagwarden.lint.rewritten import Replacement, locate, rewrite
from dagwarden.lint.secrets import mask
from dagwarden.lint.sieve import make_sieve

MAX_REPLACEMENTS = 2_000
"""In one file, for the same reason."""

NO_NAMES = collect_names([])
_VARIABLE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")


class Chosen(msgspec.Struct, frozen=True):
    """The rules that may match a file, and the file as they are to read it."""

    rules: Sequence[PatternRule]
    text: str
    replacements: Sequence[Replacement] = ()
    tree: SgNode | None = None
    """Of the text, where it had to be parsed already."""


def match_rules(
    path: str, text: str, rules: Iterable[PatternRule], names: Names = NO_NAMES, *, code: CodeType | None = None
) -> list[Finding]:
    """What the rules find in a file that compiles: see `choose_rules` and `match_chosen`."""
    return match_chosen(path, choose_rules(text, rules, names, code=code))


def choose_rules(
    text: str, rules: Iterable[PatternRule], names: Names = NO_NAMES, *, code: CodeType | None = None
) -> Chosen:
    """Which of the rules may match a file that compiles.

    Choosing for many files before matching the first takes half the time: each fills the processor's caches with what
    the other does not need.

    Args:
        names: under which other names the file may import what the rules look for.
        code: what the text compiles to; without it more rules are tried, and find the same.
    """
    sieve = make_sieve(tuple(rules))
    roundabout = is_roundabout(text)
    possible = sieve.sift_by_words(join_literals(text) if roundabout else text)
    aliases = find_aliases(text, names) if possible else {}
    tree = _parse(text) if possible and (aliases or roundabout) else None
    replacements = _list_replacements(tree, text, aliases, roundabout=roundabout) if tree is not None else []
    if replacements:
        text, tree = rewrite(text, replacements), None
    return Chosen(sieve.sift_by_form(Parts(text, code), possible), text, replacements, tree)


def match_chosen(path: str, chosen: Chosen) -> list[Finding]:
    """What these rules find. The file is parsed only if there is one.

    A rule that matches at one place in several ways, a node and a node within it, finds one thing there.
    """
    if not chosen.rules:
        return []
    root = chosen.tree or _parse(chosen.text)
    findings: dict[tuple[str, int, int], Finding] = {}
    for rule in chosen.rules:
        for node in root.find_all(rule.config)[:MAX_MATCHES]:  # type: ignore[call-overload]
            finding = _report(path, rule, node, chosen.replacements)
            findings.setdefault((finding.rule, finding.line, finding.column), finding)
    return list(findings.values())


def _parse(text: str) -> SgNode:
    return SgRoot(text, "python").root()


def _list_replacements(root: SgNode, text: str, aliases: Mapping[str, str], *, roundabout: bool) -> list[Replacement]:
    """What to write otherwise, so that rules know it, in the order of the text: of each thing all or nothing."""
    renamed = (iter((each,)) for each in list_renamed(root, aliases))
    kept: list[Replacement] = []
    for together in itertools.chain(renamed, list_roundabout(root, text) if roundabout else ()):
        room = MAX_REPLACEMENTS - len(kept)
        more = [*itertools.islice(together, room + 1)]
        if len(more) > room:
            break
        kept += more
    return sorted(kept)


def _report(path: str, rule: PatternRule, node: SgNode, replacements: Sequence[Replacement]) -> Finding:
    secret = node.get_match(rule.masks) if rule.masks else None
    place = (secret or node).range()
    return find(
        rule.page,
        _fill(rule, node, secret),
        path=path,
        line=place.start.line + 1,
        end_line=place.end.line + 1,
        column=locate(place.start.line, place.start.column, replacements) + 1,
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
