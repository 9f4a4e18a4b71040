"""`dagwarden rollback`: a push that asks for an older tree."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dagwarden.cli.options import READS, EnvironmentOption, JsonOption, SignWithOption, connect
from dagwarden.cli.output import is_coloured, print_json, print_painted
from dagwarden.names import ReleaseNumber

SOURCE = "dagwarden:rollback"
"""What the record says a rollback on the command line came from."""


def rollback(
    release: Annotated[int, typer.Argument(min=1, help="Release whose tree is to be live again.")],
    *,
    environment: EnvironmentOption = None,
    message: Annotated[str, typer.Option("--message", "-m", help="Why, for the record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Have it judged, release nothing.")] = False,
    break_glass: Annotated[
        str, typer.Option("--break-glass", metavar="REASON", help="An emergency, and its reason.", show_default=False)
    ] = "",
    sign_with: SignWithOption = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the verdict.")] = 120.0,
    as_json: JsonOption = False,
) -> None:
    """Bring back the tree of an older release, as a new release that the gate judges like any push.

    What was released since stays in the ledger. Exit code 1 when policy denies or holds it.

    Example: `dagwarden rollback 12 -m "Orders are wrong since 13"`
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.policy.verdict import Outcome
    from dagwarden.push.changes import Offer
    from dagwarden.push.deliver import Delivery
    from dagwarden.push.manifest import PushManifest
    from dagwarden.push.submit import make_nonce
    from dagwarden.push.verdict_lines import verdict_lines

    connection = connect(environment, *READS, "inbox_bucket", sign_with=sign_with)
    manifest = PushManifest(
        environment=connection.environment,
        source=SOURCE,
        created_at=utc_now(),
        changes=(),
        message=message,
        dry_run=dry_run,
        rollback_to=ReleaseNumber(release),
        nonce=make_nonce(),
        break_glass=break_glass,
    )
    delivery = Delivery(connection.cloud, lambda _: None, utc_now)
    try:
        verdict = delivery.deliver(manifest, Offer(changes=(), contents={}, findings=(), digests={}), timeout)
    except KeyboardInterrupt:
        sys.stderr.write(f"{delivery.say_interrupted()}\n")
        raise
    if as_json:
        print_json(verdict)
    else:
        for line in verdict_lines(verdict, is_coloured=is_coloured()):
            print_painted(line)
    if verdict.outcome is not Outcome.ALLOWED:
        raise typer.Exit(1)
