"""What must change so that one set of files becomes another, as a value: dry run, agents and mirror share it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dagwarden.names import Digest, ReleasePath
from dagwarden.push.manifest import FileMode


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a tree, without its bytes."""

    sha256: Digest
    mode: FileMode
    size_bytes: int
    md5: str = ""
    """In hex; empty where nobody needs it (only the bucket compares by it)."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Deletes come first, then puts and modes: a file may take a folder's name, and a folder a file's.

    No path stands in two of the three. Paths are in order within each.
    """

    deletes: tuple[ReleasePath, ...]
    puts: dict[ReleasePath, Row]
    """Files whose bytes must be brought."""
    modes: dict[ReleasePath, Row]
    """Files whose bytes are in place and whose mode is not."""


def plan(current: Mapping[ReleasePath, Row], wanted: Mapping[ReleasePath, Row]) -> Plan:
    """The least that turns `current` into `wanted`.

    >>> row = Row(sha256=Digest("0" * 64), mode="0644", size_bytes=1)
    >>> plan({ReleasePath("dags/a.py"): row}, {ReleasePath("dags/b.py"): row}).deletes
    ('dags/a.py',)
    """
    puts: dict[ReleasePath, Row] = {}
    modes: dict[ReleasePath, Row] = {}
    for path in sorted(wanted):
        now, then = current.get(path), wanted[path]
        if now is None or now.sha256 != then.sha256:
            puts[path] = then
        elif now.mode != then.mode:
            modes[path] = then
    deletes = tuple(sorted(path for path in current if path not in wanted))
    return Plan(deletes=deletes, puts=puts, modes=modes)


def planned(current: Mapping[ReleasePath, Row], changes: Plan) -> dict[ReleasePath, Row]:
    """The rows after `changes` were carried out on `current`."""
    gone = set(changes.deletes)
    return {path: row for path, row in current.items() if path not in gone} | changes.puts | changes.modes


def within(changes: Plan, folders: tuple[str, ...]) -> Plan:
    """The part of a plan that lies in some top folders."""
    prefixes = tuple(f"{folder}/" for folder in folders)

    def held(rows: Mapping[ReleasePath, Row]) -> dict[ReleasePath, Row]:
        return {path: row for path, row in rows.items() if path.startswith(prefixes)}

    deletes = tuple(path for path in changes.deletes if path.startswith(prefixes))
    return Plan(deletes=deletes, puts=held(changes.puts), modes=held(changes.modes))
