"""Findings together with what is shown of their source, and by what they are known again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from dagwarden.lint.compiles import find_encoding
from dagwarden.lint.finding import Finding
from dagwarden.lint.line_hash import read_lines
from dagwarden.lint.page import Page

SECRETS = "secrets"
"""The category of the rules whose findings point at secrets."""

LONGEST_SOURCE = 1_000
"""Characters of a line that are shown and that it is known by: a megabyte on one line may have 500 findings."""


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that outputs can show without reading the file again."""

    finding: Finding
    source: str = ""
    """Its first line as it stands in the file, secrets and what is beyond `LONGEST_SOURCE` cut off; empty where the
    finding is on the file."""
    fingerprint: str
    """Hexadecimal; the same for the same rule and text of the line, wherever in the file it moved."""
    line_hash: str = ""
    """GitHub's `primaryLocationLineHash`, where it was asked for."""


def locate_findings(
    content: bytes, findings: Sequence[Finding], pages: Mapping[str, Page], *, hashes_lines: bool = True
) -> list[Located]:
    """The findings of one file with their lines; no secret that a finding points at is in them.

    Args:
        hashes_lines: whether GitHub's hashes are wanted too: the file is then read once more.
    """
    if not findings:
        return []
    hashes = read_lines(content.decode("utf-8", "replace")) if hashes_lines else None
    lines = _split(content)
    secret = [finding for finding in map(_original, findings) if _points_at_secret(finding, pages)]
    hidden = _hide(lines, secret)
    seen: Counter[tuple[str, str]] = Counter()
    located = []
    for finding in findings:
        rule = _original(finding).rule
        source = lines[finding.line - 1][:LONGEST_SOURCE] if 0 < finding.line <= len(lines) else ""
        key = (rule, " ".join(source.split()))
        seen[key] += 1
        located.append(
            Located(
                finding=finding,
                source=source,
                fingerprint=make_fingerprint(rule, source, seen[key]),
                line_hash=hashes.hash_line(max(finding.line, 1), hidden) if hashes else "",
            )
        )
    return located


def make_fingerprint(rule: str, source: str, nth: int) -> str:
    """What a finding is known by within its file: its rule, the text of its line, and the how-manieth such it is."""
    told = "\0".join((rule, " ".join(source.split()), str(nth)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def count_allowed(findings: Iterable[Finding]) -> dict[str, int]:
    """How often each rule was allowed in the code, by rule id, sorted."""
    return dict(sorted(Counter(finding.allows.rule for finding in findings if finding.allows).items()))


def _split(content: bytes) -> list[str]:
    """The lines as the rules saw them; of a file that is no text, as well as can be."""
    try:
        text = content.decode(find_encoding(content), "replace")
    except (SyntaxError, LookupError, UnicodeError):
        text = content.decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _original(finding: Finding) -> Finding:
    return finding.allows or finding


def _points_at_secret(finding: Finding, pages: Mapping[str, Page]) -> bool:
    page = pages.get(finding.rule)
    return page is not None and page.category == SECRETS and finding.line > 0


def _hide(lines: list[str], secret: Iterable[Finding]) -> Collection[int]:
    """Cut each line off where a secret starts on it; the lines it was done to, counted from 1."""
    hidden: set[int] = set()
    for finding in secret:
        if finding.line > len(lines):
            continue
        kept = lines[finding.line - 1][: max(finding.column - 1, 0)]
        lines[finding.line - 1] = f"{kept}***"
        end = min(max(finding.end_line, finding.line), len(lines))
        lines[finding.line : end] = ["***"] * (end - finding.line)
        hidden.update(range(finding.line, end + 1))
    return hidden
