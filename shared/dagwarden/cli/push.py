"""`dagwarden push`: a plain folder becomes what the environment has of its source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.options import EnvironmentOption, JsonOption, SignWithOption, connect
from dagwarden.cli.output import print_json

if TYPE_CHECKING:
    from dagwarden.policy.verdict import Verdict
    from dagwarden.push.folder_push import FolderOffer
    from dagwarden.push.screen import Screen

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket", "gate_service_account")
FolderArgument = Annotated[Path, typer.Argument(help="Folder of DAGs, or one that holds dags/ and plugins/.")]
SourceOption = Annotated[
    str, typer.Option("--source", help="The source's name; folder:NAME where not given.", show_default=False)
]
PrefixOption = Annotated[
    str, typer.Option("--prefix", help="Folder of the release it all goes into, e.g. dags/team_a.", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Have it judged, release nothing.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Push an empty folder, or over files of other sources, where policy lets you.")
]
BreakGlassOption = Annotated[
    str,
    typer.Option(
        "--break-glass",
        help="An emergency, and its reason: pushes past what the policy lets you push past, loudly.",
        metavar="REASON",
        show_default=False,
    ),
]
MessageOption = Annotated[str, typer.Option("--message", "-m", help="Why, for the record.", show_default=False)]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the verdict.", min=0.1)]


def push(
    folder: FolderArgument,
    *,
    environment: EnvironmentOption = None,
    source: SourceOption = "",
    prefix: PrefixOption = "",
    message: MessageOption = "",
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    break_glass: BreakGlassOption = "",
    sign_with: SignWithOption = None,
    timeout: TimeoutOption = 120.0,
    json: JsonOption = False,
) -> None:
    """Push a plain folder; files of its source that are no longer in it are deleted.

    Exit code 1 when policy denies or holds it.

    Example: `dagwarden push dags/ -m "Load orders hourly"`
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.ledger.read import Ledger
    from dagwarden.push.deliver import Delivery
    from dagwarden.push.folder_push import FolderRequest, offer_folder
    from dagwarden.push.screen import Screen

    connection = connect(environment, *NEEDS, sign_with=sign_with)
    screen = Screen(sys.stderr, is_coloured=sys.stderr.isatty() and "NO_COLOR" not in os.environ)
    screen.shows_progress = sys.stderr.isatty()
    request = FolderRequest(
        environment=connection.environment,
        source=source,
        prefix=prefix,
        message=message,
        is_dry_run=dry_run,
        is_forced=force,
        break_glass=break_glass,
    )
    offered = offer_folder(folder, request, Ledger(connection.cloud), utc_now)
    if not _is_worth_sending(offered, screen, json):
        return
    delivery = Delivery(connection.cloud, screen.say, utc_now, screen.wait)
    try:
        verdict = delivery.deliver(offered.manifest, offered.offer, timeout)
    except KeyboardInterrupt:
        screen.fail(delivery.say_interrupted())
        raise
    _tell(verdict, screen, json)


def _is_worth_sending(offered: FolderOffer, screen: Screen, json: bool) -> bool:
    """Whether there are changes; when something cannot be released this says so and ends the verb."""
    from dagwarden.policy.verdict import count_findings
    from dagwarden.push.deliver import say_left_behind
    from dagwarden.push.verdict_lines import finding_lines

    offer = offered.offer
    if offered.left_behind:
        screen.say(say_left_behind(offered.left_behind))
    if offer.findings:
        if json:
            print_json({"outcome": "not_sent", "findings": msgspec.to_builtins(offer.findings)})
        screen.tell(finding_lines(offer.findings, is_coloured=screen.is_coloured))
        screen.fail(f"not sent: {count_findings(offer.findings)}")
        raise typer.Exit(1)
    if not offer.changes:
        if json:
            print_json({"outcome": "unchanged", "findings": []})
        screen.tell(["nothing to release: no file of the environment differs"])
    return bool(offer.changes)


def _tell(verdict: Verdict, screen: Screen, json: bool) -> None:
    from dagwarden.policy.verdict import Outcome
    from dagwarden.push.verdict_lines import verdict_lines

    if json:
        print_json(verdict)
    screen.tell(verdict_lines(verdict, is_coloured=screen.is_coloured))
    if verdict.outcome is not Outcome.ALLOWED:
        raise typer.Exit(1)
