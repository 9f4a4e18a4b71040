"""Source text in, findings out."""

from __future__ import annotations

from collections.abc import Mapping

from dagwarden.lint.catalogue import Catalogue, load_catalogue
from dagwarden.lint.compiles import read_source
from dagwarden.lint.finding import Finding, sort_findings
from dagwarden.lint.match import match_rules
from dagwarden.lint.suppress import apply_suppressions
from dagwarden.names import ReleasePath

__all__ = ["lint_file", "lint_files", "load_catalogue"]


def lint_files(
    files: Mapping[ReleasePath, bytes], catalogue: Catalogue, *, python: tuple[int, int] = (3, 11)
) -> list[Finding]:
    """All findings of the `.py` files among these, each rated as its rule is; sorted.

    Args:
        python: the environment's Python, major and minor.
    """
    found = [
        finding
        for path, content in files.items()
        if path.endswith(".py")
        for finding in lint_file(path, content, catalogue, python=python)
    ]
    return sort_findings(found)


def lint_file(path: str, content: bytes, catalogue: Catalogue, *, python: tuple[int, int] = (3, 11)) -> list[Finding]:
    """All findings of one Python file. A file that does not compile has those on the file itself and no others."""
    text, findings = read_source(path, content, python=python)
    if text:
        findings += match_rules(path, text, catalogue.patterns)
    return apply_suppressions(path, text, findings, catalogue.pages)
