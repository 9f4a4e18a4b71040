"""`dagwarden diff`: what changed between two releases."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.options import READS, EnvironmentOption, JsonOption, connect, find_head
from dagwarden.cli.output import print_json, print_line, print_table
from dagwarden.cli.show import check_release
from dagwarden.names import EnvironmentName, ReleaseNumber, ReleasePath

if TYPE_CHECKING:
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.state import FileEntry, LedgerState

_LINE_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class FileDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One path that two releases have different things at."""

    change: str
    """`added`, `changed` or `removed`."""
    path: ReleasePath
    before: FileEntry | None
    after: FileEntry | None


def diff(
    first: Annotated[int, typer.Argument(min=0, help="Older release; 0 is the empty tree.")],
    second: Annotated[int | None, typer.Argument(min=0, help="Newer release; the newest where not given.")] = None,
    environment: EnvironmentOption = None,
    patch: Annotated[bool, typer.Option("--patch", "-p", help="Show the lines that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which files differ between two releases, whatever came between. Exit code 0, differences or none."""
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.state import empty_state

    connection = connect(environment, *READS)
    ledger = Ledger(connection.cloud)
    check_release(connection.environment, find_head(connection), first, second)

    def read_state(number: int | None) -> LedgerState:
        if number == 0:
            return empty_state(connection.environment)
        return ledger.state(connection.environment, None if number is None else ReleaseNumber(number))

    before, after = read_state(first), read_state(second)
    found = list(compare_states(before, after))
    if as_json:
        print_json({"from": before.number, "to": after.number, "files": found})
    elif patch:
        for difference in found:
            _print_patch(ledger, connection.environment, difference)
    elif found:
        print_table(("change", "path", "in release", "sha256"), [_row(difference) for difference in found])
    else:
        print_line(f"releases {before.number} and {after.number} have the same tree")


def compare_states(before: LedgerState, after: LedgerState) -> Iterator[FileDifference]:
    """Each path that differs in content or mode, in order."""
    for path in sorted({*before.files, *after.files}):
        old, new = before.files.get(path), after.files.get(path)
        if old and new and (old.sha256, old.mode) == (new.sha256, new.mode):
            continue
        change = "changed" if old and new else "removed" if old else "added"
        yield FileDifference(change=change, path=path, before=old, after=new)


def _row(difference: FileDifference) -> tuple[object, ...]:
    entry = difference.after or difference.before
    assert entry is not None
    was = f"{difference.before.sha256[:12]} -> " if difference.change == "changed" and difference.before else ""
    return difference.change, difference.path, entry.release, f"{was}{entry.sha256[:12]}"


def _print_patch(ledger: Ledger, environment: EnvironmentName, difference: FileDifference) -> None:
    old, new = (ledger.content(environment, entry) if entry else b"" for entry in (difference.before, difference.after))
    before = f"a/{difference.path}" if difference.before else "/dev/null"
    after = f"b/{difference.path}" if difference.after else "/dev/null"
    if b"\0" in old + new:
        print_line(f"Binary files {before} and {after} differ")
        return
    lines = difflib.unified_diff(_lines(old), _lines(new), before, after, lineterm="")
    for line in lines:
        print_line(line, _LINE_STYLES.get(line[:1], ""))


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()
