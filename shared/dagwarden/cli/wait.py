"""`dagwarden wait`: until a release is everywhere."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from dagwarden.cli.options import READS, Connection, EnvironmentOption, JsonOption, connect, find_head
from dagwarden.cli.output import print_json, print_line
from dagwarden.cli.show import ReleaseArgument
from dagwarden.cli.status import look, to_json
from dagwarden.names import Component

FIRST_LOOK_S = 0.1
LONGEST_LOOK_S = 2.0


def wait(
    release: ReleaseArgument = None,
    environment: EnvironmentOption = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.0, help="Seconds to wait at most.")] = 60.0,
    expect: Annotated[
        list[Component] | None,
        typer.Option("--expect", help="A component that must be there, may be repeated.", metavar="COMPONENT"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Wait until every instance that is alive runs a release (or a later one).

    Exit code 1 when that is not so within the timeout; what is missing is named. The newest release at the start is
    waited for where none is given.

    Example: `git push prod main && dagwarden wait --expect worker`
    """
    connection = connect(environment, *READS)
    newest = find_head(connection)
    deadline = time.monotonic() + timeout
    pause_s = FIRST_LOOK_S
    release = newest if release is None else release
    convergence, _ = look(connection, release, expect or ())
    while not convergence.is_complete and time.monotonic() + pause_s < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_LOOK_S)
        convergence, _ = look(connection, convergence.release, expect or ())
    if as_json:
        print_json(to_json(convergence))
    else:
        print_line(convergence.describe(), "bold green" if convergence.is_complete else "bold yellow")
    if not convergence.is_complete:
        if not as_json:
            _tell_of_the_newest(connection, convergence.release)
        raise typer.Exit(1)


def _tell_of_the_newest(connection: Connection, awaited: int) -> None:
    """Who waits for a release that nobody made is told so."""
    newest = find_head(connection)
    if awaited > newest:
        print_line(f"there is no release {awaited} yet; " + (f"the newest is {newest}" if newest else "there is none"))
