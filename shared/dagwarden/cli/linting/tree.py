"""Holds what the linted files import against the whole release they are a part of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dagwarden.cli.linting.task import Linted
from dagwarden.lint.discover import Found
from dagwarden.lint.finding import Finding
from dagwarden.lint.graph import ImportGraph
from dagwarden.lint.import_rules import check_part
from dagwarden.lint.imports import UNREADABLE, FileImports, module_name
from dagwarden.lint.located import locate_findings
from dagwarden.lint.page import Page


def find_named(found: Found, imports: Mapping[str, FileImports | None]) -> tuple[str, ...]:
    """The Python files that were passed over and that others import something from: what they define has to be read."""
    mentioned = frozenset[str]().union(*(each.mentions for each in imports.values() if each is not None))
    return tuple(
        path
        for path, place in {**found.places, **found.beside}.items()
        if path.endswith(".py") and imports.get(path, UNREADABLE) == UNREADABLE and module_name(place.path) in mentioned
    )


def find_hanging(found: Found, imports: Mapping[str, FileImports | None]) -> dict[str, list[Finding]]:
    """What the releases do not have and their files import, by the path of the file.

    Args:
        imports: of the files that are linted, as far as they could be read, and of the others of their releases.
    """
    hanging: dict[str, list[Finding]] = {}
    for base in sorted({place.base for place in found.places.values()}):
        asked = {place.path: path for path, place in found.places.items() if place.base == base}
        others = {place.path: path for path, place in found.beside.items() if place.base == base}
        names = {**others, **asked}
        put = {place: imports.get(path, UNREADABLE) for place, path in names.items()}
        graph = ImportGraph({}, {}, {}, frozenset()).replace(put)
        for finding in check_part(graph, asked):
            path = names[finding.path]
            hanging.setdefault(path, []).append(msgspec.structs.replace(finding, path=path))
    return hanging


def add_to(
    linted: Mapping[str, Linted], hanging: Mapping[str, list[Finding]], pages: Mapping[str, Page]
) -> dict[str, Linted]:
    """All files, with these findings among the others; files that were not linted are there for these alone."""
    changed = dict(linted)
    for path, findings in hanging.items():
        known = linted.get(path, Linted(path=path, found=()))
        told = [*(located.finding for located in known.found), *findings]
        told.sort(key=lambda finding: (finding.line, finding.column, finding.rule))
        located = locate_findings(Path(path).read_bytes(), told, pages)
        changed[path] = msgspec.structs.replace(known, found=tuple(located))
    return changed
