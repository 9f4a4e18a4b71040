"""Where the files of a repository or folder come to lie in a release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Finding
from dagwarden.names import FOLDERS, ReleasePath
from dagwarden.push.manifest import FileMode
from dagwarden.push.paths import check_path


class Listed(msgspec.Struct, frozen=True):
    """A file as its source lists it, its content not yet read."""

    mode: FileMode
    key: str
    """How the source finds the content: a git blob's id, a file's path. Equal keys of one git source: equal content."""


class Strange(msgspec.Struct, frozen=True):
    """Something listed that is no plain file."""

    path: str
    finding: Finding


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """All that one state of a source would have in a release."""

    files: Mapping[ReleasePath, Listed]
    findings: tuple[Finding, ...] = ()
    """What stands where a file should and can never be released."""
    left_behind: int = 0
    """How many files lie outside dags/ and plugins/ of a source that has these folders."""


def map_files(files: Iterable[tuple[str, Listed]], strange: Iterable[Strange], prefix: str) -> Listing:
    """Give each file of a source its path in the release.

    Args:
        files: path in the source (`/` between parts), and what lies there.
        prefix: the folder of the release that the whole source goes into; empty: a source with a top-level `dags/` or
            `plugins/` is taken as it is, its other files stay behind; any other source goes under `dags/`.
    """
    listed, odd = list(files), list(strange)
    start = choose_prefix((path for path, _ in listed), prefix)
    mapped = {ReleasePath(start + path): file for path, file in listed}
    taken = {path: file for path, file in mapped.items() if start or _is_inside(path)}
    return Listing(
        files=taken,
        findings=tuple(
            msgspec.structs.replace(each.finding, path=start + each.finding.path)
            for each in odd
            if start or _is_inside(each.path)
        ),
        left_behind=len(mapped) - len(taken),
    )


def choose_prefix(paths: Iterable[str], prefix: str) -> str:
    """What to put before every path: nothing, or a folder ended by `/`."""
    if prefix:
        return f"{prefix}/"
    return "" if any(_is_inside(path) for path in paths) else f"{FOLDERS[0]}/"


def parse_prefix(text: str) -> str:
    """A prefix as people write it: `dags/team_a`, with or without a slash at the end; empty for none.

    Raises:
        InvalidInput: no file could be released under it.
    """
    prefix = text.strip("/")
    if prefix and (found := check_path(f"{prefix}/x")) is not None:
        raise InvalidInput(
            f"{text!r} is no prefix: {found.message}",
            operation="read prefix",
            hint="name a folder of the release, e.g. dags/team_a",
        )
    return prefix


def _is_inside(path: str) -> bool:
    return path.startswith(tuple(f"{folder}/" for folder in FOLDERS))
