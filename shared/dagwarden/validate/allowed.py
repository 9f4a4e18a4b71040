"""Comments in the code that allow what its import was found to do: as lint has them, for findings of validation."""

from __future__ import annotations

import io
import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from dagwarden.lint.finding import Finding
from dagwarden.lint.suppress import Suppression, allow, is_met, next_code, read_suppressions
from dagwarden.names import owner_of
from dagwarden.validate.rules.told import NEVER_ALLOWED

MARK = b"dagwarden:"
MAX_BYTES = 1 << 20
"""Of a file within a zip file: of a larger one no comment is read."""

UNREADABLE = (
    *(OSError, EOFError, KeyError, ValueError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What a zip file that somebody made up can raise."""


def allow_in_code(root: Path, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those that a comment allows with a reason replaced by a note that says so.

    A finding on a whole file is allowed by a comment that stands before its first line of code, or on it.

    Args:
        root: the folder that the paths of the findings start from.
    """
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    return [each for path, of_file in by_path.items() for each in _allow_in_file(root, path, of_file)]


def _allow_in_file(root: Path, path: str, findings: list[Finding]) -> list[Finding]:
    content = read_member(root, path) if any(each.rule not in NEVER_ALLOWED for each in findings) else b""
    if MARK not in content:
        return findings
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        suppressions = [each for each in read_suppressions(text) if each.reason]
    except (SyntaxError, tokenize.TokenError, ValueError, LookupError):
        return findings
    first = next_code(text.split("\n"), 0)
    return [_allow(finding, suppressions, first) for finding in findings]


def _allow(finding: Finding, suppressions: Iterable[Suppression], first: int) -> Finding:
    if finding.rule in NEVER_ALLOWED:
        return finding
    for each in suppressions:
        is_of_file = finding.line == 0 and finding.rule in each.rules and each.line <= first
        if is_of_file or (finding.line and is_met(finding, each)):
            return allow(finding, each.reason)
    return finding


def read_member(root: Path, path: str) -> bytes:
    """The bytes of a Python file of the tree, or within a zip file of it; nothing where there is none."""
    if not path.endswith(".py"):
        return b""
    owner = owner_of(path)
    try:
        if owner == path or (root / path).is_file():
            return (root / path).read_bytes()
        with zipfile.ZipFile(root / owner) as archive:
            info = archive.getinfo(path.removeprefix(f"{owner}/"))
            return archive.read(info) if info.file_size <= MAX_BYTES else b""
    except UNREADABLE:
        return b""
