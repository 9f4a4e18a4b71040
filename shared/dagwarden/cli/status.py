"""`dagwarden status`: which release each instance runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagwarden.cli.options import READS, Connection, EnvironmentOption, JsonOption, connect, find_head
from dagwarden.cli.output import clear_screen, format_duration, print_json, print_json_line, print_line, print_table

if TYPE_CHECKING:
    import datetime as dt

    from dagwarden.sync.status import Convergence, InstanceState

COLUMNS = ("instance", "release", "health", "push to visible", "last sign", "what is wrong")
REFRESH_S = 1.0


def status(
    environment: EnvironmentOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking until interrupted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which release each instance runs, compared with the newest. Exit code 1 while it is not everywhere."""
    connection = connect(environment, *READS)
    if watch:
        _watch(connection, as_json=as_json)
    convergence, now = look(connection)
    if as_json:
        print_json(to_json(convergence))
    else:
        _print(convergence, now)
    if not convergence.is_complete:
        raise typer.Exit(1)


def _watch(connection: Connection, *, as_json: bool) -> None:
    """Until interrupted: on a terminal the newest state, into a pipe one line for each change of it."""
    shown: Any = None
    while True:
        convergence, now = look(connection)
        if as_json:
            if (told := to_json(convergence)) != shown:
                print_json_line(told)
            shown = told
        elif sys.stdout.isatty():
            clear_screen()
            _print(convergence, now)
        else:
            if (text := convergence.describe()) != shown:
                print_line(text)
            shown = text
        time.sleep(REFRESH_S)


def look(
    connection: Connection, release: int | None = None, expected: Collection[str] = ()
) -> tuple[Convergence, dt.datetime]:
    """How far a release has come, and when that was seen; of the newest release where none is given."""
    from dagwarden.cloud.identity import utc_now
    from dagwarden.ledger.read import Ledger
    from dagwarden.names import ReleaseNumber
    from dagwarden.sync.status import STALE_PERIODS, find_releases, read_statuses, weigh_convergence

    cloud = connection.cloud
    number = find_head(connection) if release is None else ReleaseNumber(release)
    statuses = read_statuses(cloud, connection.environment)
    named = {status.receipt.release for status in statuses}
    now = utc_now()
    convergence = weigh_convergence(
        number,
        statuses,
        releases=find_releases(Ledger(cloud), connection.environment, {number, *named}),
        now=now,
        stale_after_s=STALE_PERIODS * cloud.settings.reconcile_every_s,
        expected=expected,
    )
    return convergence, now


def to_json(convergence: Convergence) -> dict[str, Any]:
    """Convergence as JSON."""
    return {
        "release": convergence.release,
        "emergency": convergence.emergency,
        "complete": convergence.is_complete,
        "slowest_s": convergence.slowest_s,
        "summary": convergence.describe(),
        "missing": convergence.missing,
        "instances": [
            {"health": state.health, "receipt": state.status.receipt, "failing_since": state.status.failing_since}
            for state in convergence.instances
        ],
    }


def _print(convergence: Convergence, now: dt.datetime) -> None:
    if convergence.instances:
        print_table(COLUMNS, [_row(state, now) for state in convergence.instances])
    print_line(convergence.describe(), "bold green" if convergence.is_complete else "bold yellow")


def _row(state: InstanceState, now: dt.datetime) -> tuple[object, ...]:
    from dagwarden.sync.status import push_to_visible_s

    receipt = state.status.receipt
    took_s = push_to_visible_s(receipt)
    wrong = ""
    if state.status.failing_since is not None:
        silence = format_duration((now - state.status.failing_since).total_seconds())
        wrong = f"release {receipt.wanted} since {silence}: {receipt.error}"
    return (
        state.name,
        receipt.release or "none",
        state.health,
        "" if took_s is None else format_duration(took_s),
        f"{format_duration(max(0.0, (now - receipt.at).total_seconds()))} ago",
        wrong,
    )
