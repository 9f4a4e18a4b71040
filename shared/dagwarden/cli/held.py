"""`dagwarden held`: which pushes wait for whose approval, until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagwarden.cli.options import EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import format_time, print_json, print_line, print_table

if TYPE_CHECKING:
    import datetime as dt

    from dagwarden.policy.verdict import Verdict

COLUMNS = ("push", "pushed by", "waits for", "until")


def held(
    environment: EnvironmentOption = None,
    expire: Annotated[
        bool, typer.Option("--expire", help="Have the gate deny what waited too long, as the schedule does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which pushes wait for approval: of whom, and until when. `dagwarden approve PUSH_ID` gives it.

    Each stands as the gate found it last: after each approval, and whenever else it looked.
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.cloud.topics import Outgoing
    from dagwarden.push.held import list_waiting

    connection = connect(environment, "project", "store_bucket")
    cloud, of = connection.cloud, connection.environment
    if expire:
        cloud.topics.publish(cloud.settings.held_topic, Outgoing(b"", {"environment": of}))
    waiting, now = sorted(list_waiting(cloud, of), key=lambda verdict: verdict.decided_at), utc_now()
    if as_json:
        print_json([to_json(verdict, now) for verdict in waiting])
        return
    if waiting:
        print_table(COLUMNS, [_row(verdict, now) for verdict in waiting])
    else:
        print_line(f"no push to {of} waits for approval")
    if expire:
        print_line("the gate was asked to deny what waited too long")


def to_json(verdict: Verdict, now: dt.datetime) -> dict[str, Any]:
    """A held push as JSON."""
    from dagwarden.push.held import find_end

    end = find_end(verdict)
    return {
        "push_id": verdict.push_id,
        "principal": verdict.principal,
        "source": verdict.source,
        "held_at": verdict.decided_at,
        "waits": verdict.waits,
        "until": end,
        "is_overdue": end is not None and end <= now,
    }


def _row(verdict: Verdict, now: dt.datetime) -> tuple[object, ...]:
    from dagwarden.policy.verdict import say_wait
    from dagwarden.push.held import find_end

    end = find_end(verdict)
    until = f"{format_time(end)}{' (over)' if end is not None and end <= now else ''}"
    return verdict.push_id[:12], verdict.principal.name, "; ".join(map(say_wait, verdict.waits)), until
