"""`dagwarden show`: one release, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.cli.log import summarize
from dagwarden.cli.options import READS, EnvironmentOption, JsonOption, connect, find_head
from dagwarden.cli.output import format_time, print_facts, print_json, print_line, print_table
from dagwarden.errors import NotFound
from dagwarden.names import EnvironmentName, ReleaseNumber

if TYPE_CHECKING:
    from dagwarden.ledger.release import SignedRelease

ReleaseArgument = Annotated[int | None, typer.Argument(min=1, help="Release number; the newest where not given.")]


def show(release: ReleaseArgument = None, environment: EnvironmentOption = None, as_json: JsonOption = False) -> None:
    """Show one release: who pushed it, why it was allowed, and every file it changed."""
    from dagwarden.audit.uploads import look_up, say_upload
    from dagwarden.ledger.read import Ledger

    connection = connect(environment, *READS)
    ledger = Ledger(connection.cloud)
    head = find_head(connection)
    check_release(connection.environment, head, release)
    signed = ledger.read(connection.environment, ReleaseNumber(release or head))
    of = signed.release
    upload = look_up(connection.cloud, connection.environment, of.push_id, of.principal)
    if as_json:
        print_json({**summarize(signed), "upload": upload})
        return
    _print_facts(signed, say_upload(upload))
    print_line()
    _print_changes(signed)


def check_release(environment: EnvironmentName, head: ReleaseNumber, *releases: int | None) -> None:
    """Nothing happens when there is a release, and those asked for are among them.

    Raises:
        NotFound: there is none, or not that one.
    """
    if not head:
        raise NotFound(f"{environment} has no release yet")
    for release in releases:
        if release is not None and release > head:
            raise NotFound(f"{environment} has no release {release}; the newest is {head}")


def _print_facts(signed: SignedRelease, uploaded_by: str) -> None:
    release = signed.release
    who = f"{release.principal.name} ({release.principal.attested_by or 'unattested'})"
    print_facts(
        (
            ("release", f"{release.environment}/{release.number}"),
            ("digest", signed.digest),
            ("parent", release.parent),
            ("tree", release.tree),
            ("push", release.push_id),
            ("pushed by", who),
            ("uploaded by", uploaded_by),
            ("pushed", format_time(release.pushed_at)),
            ("committed", format_time(release.committed_at)),
            ("source", release.source),
            ("commit", release.head_commit),
            ("base", release.base_commit),
            ("ref", release.ref),
            ("authors", ", ".join(release.authors)),
            ("rollback to", release.rollback_to),
            ("forced", "yes" if release.forced else ""),
            ("emergency", release.break_glass),
            ("warnings", release.warnings or ""),
            ("policy", release.policy_digest),
            ("message", release.message),
        )
    )


def _print_changes(signed: SignedRelease) -> None:
    from dagwarden.ledger.release import PutFile

    rows = [
        ("put", change.path, change.size_bytes, change.mode, change.sha256[:12])
        if isinstance(change, PutFile)
        else ("delete", change.path, "", "", "")
        for change in signed.release.changes
    ]
    print_table(("do", "path", "bytes", "mode", "sha256"), rows)
