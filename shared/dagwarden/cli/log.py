"""`dagwarden log`: the releases of an environment, newest first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagwarden.cli.options import READS, EnvironmentOption, JsonOption, connect, find_head
from dagwarden.cli.output import format_time, print_json, print_line, print_table
from dagwarden.names import ReleaseNumber

if TYPE_CHECKING:
    from dagwarden.ledger.release import Release, SignedRelease

COLUMNS = ("release", "committed", "who", "files", "source", "message")


def log(
    environment: EnvironmentOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the releases of an environment, newest first; every signature is checked."""
    from dagwarden.ledger.read import Ledger

    connection = connect(environment, *READS)
    ledger = Ledger(connection.cloud)
    head = find_head(connection)
    numbers = [ReleaseNumber(number) for number in range(head, max(0, head - limit), -1)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda number: ledger.read(connection.environment, number), numbers))
    if as_json:
        print_json([summarize(signed) for signed in found])
    elif found:
        print_table(COLUMNS, [_row(signed.release) for signed in found])
    else:
        print_line(f"{connection.environment} has no release yet")


def summarize(signed: SignedRelease) -> dict[str, Any]:
    """A release as JSON, without the long way to restore it."""
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(signed.release)
    del shown["restore"]
    return {**shown, "digest": signed.digest}


def count_changes(release: Release) -> str:
    """`+3 -1`: files put and files deleted."""
    from dagwarden.ledger.release import PutFile

    puts = sum(isinstance(change, PutFile) for change in release.changes)
    return f"+{puts} -{len(release.changes) - puts}"


def _row(release: Release) -> tuple[object, ...]:
    title = release.message.strip().partition("\n")[0]
    if release.rollback_to is not None:
        title = f"[rollback to {release.rollback_to}] {title}".rstrip()
    if release.break_glass:
        title = f"[emergency: {release.break_glass}] {title}".rstrip()
    return (
        release.number,
        format_time(release.committed_at),
        release.principal.name,
        count_changes(release),
        f"{release.source}@{release.head_commit[:9]}" if release.head_commit else release.source,
        title,
    )
