"""`dagwarden policy show`: the policy in force, or an earlier one; who applied it, when and why."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.options import Connection, EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import format_time, print_facts, print_json, print_line
from dagwarden.errors import DagwardenError, InvalidInput, NotFound
from dagwarden.names import Digest, policy_object

if TYPE_CHECKING:
    from dagwarden.audit.entry import AuditEntry
    from dagwarden.cloud.storage import ObjectInfo

MOST_ENTRIES = 500
"""How far back the audit log is searched for who applied a policy."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    resource: str
    generation: int
    is_in_force: bool
    digest: Digest
    written_at: dt.datetime
    applied_by: str
    """Empty where no log tells."""
    is_audited: bool
    """Whether it was applied as policies are: False where somebody wrote the object past that."""
    message: str
    """Why, as who applied it says; or why nobody knows who did."""
    faults: tuple[str, ...]
    """What is wrong with it: then nothing is allowed."""
    text: str


def show(
    version: Annotated[
        int | None, typer.Option(min=1, help="Generation of an earlier one; that in force where not given.")
    ] = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the policy in force, its digest, who applied it, when and why. Exit code 1 when it cannot be read."""
    shown = find_policy(connect(environment, "project", "store_bucket"), version)
    if as_json:
        print_json(shown)
    else:
        _print(shown)
    raise typer.Exit(1 if shown.faults else 0)


def find_policy(connection: Connection, version: int | None) -> Shown:
    """A policy of an environment, and all that is known of how it came to be.

    Raises:
        NotFound: there is none, or not that one.
    """
    from dagwarden.policy.load import load_policy
    from dagwarden.wire import digest

    store, name = connection.cloud.store, policy_object(connection.environment)
    live = store.stat(name)
    info = live if version is None else store.stat(name, version)
    if info is None:
        hint = "dagwarden audit --kind policy.applied names generations"
        raise NotFound(
            "there is no such policy", operation="show policy", subject=f"gs://{store.name}/{name}", hint=hint
        )
    content = store.read(name, info.generation)
    faults: tuple[str, ...] = ()
    try:
        load_policy(content)
    except InvalidInput as error:
        faults = tuple(error.message.splitlines())
    applied_by, is_audited, message = _find_author(connection, info, digest(content))
    return Shown(
        resource=f"gs://{store.name}/{name}",
        generation=info.generation,
        is_in_force=live is not None and live.generation == info.generation,
        digest=digest(content),
        written_at=info.updated_at,
        applied_by=applied_by,
        is_audited=is_audited,
        message=message,
        faults=faults,
        text=content.decode(errors="replace"),
    )


def _find_author(connection: Connection, info: ObjectInfo, said: Digest) -> tuple[str, bool, str]:
    """Who applied it, whether the audit log says so, and what was said of it."""
    from dagwarden.audit.uploads import find_writer

    try:
        if entry := _find_entry(connection, info.generation, said):
            return entry.who.name, True, entry.why.reason
        writer = find_writer(connection.cloud, info.bucket, info.name, info.updated_at)
    except DagwardenError as error:
        return "", False, f"unknown: {error.message}"
    past = "written past `dagwarden policy apply`: the audit log knows nothing of it"
    return "" if writer is None else writer.principal, False, past


def _find_entry(connection: Connection, generation: int, said: Digest) -> AuditEntry | None:
    """The newest entry by which this content came to stand after an earlier generation."""
    from dagwarden.audit.entry import AuditOutcome, Kind
    from dagwarden.audit.query import AuditQuery, read_entries

    query = AuditQuery(kind=Kind.POLICY_APPLIED, environment=connection.environment)
    for entry in read_entries(connection.cloud.audit_log, query, newest_first=True, limit=MOST_ENTRIES):
        is_this = entry.why.policy_digest == said and entry.details.get("generation_before", 0) < generation
        if is_this and entry.outcome is not AuditOutcome.FAILED:
            return entry
    return None


def _print(shown: Shown) -> None:
    state = "in force" if shown.is_in_force else "replaced"
    print_facts(
        (
            ("policy", f"{shown.resource}#{shown.generation} ({state})"),
            ("digest", shown.digest),
            ("applied by", shown.applied_by or "unknown"),
            ("applied", format_time(shown.written_at)),
            ("why", shown.message),
        )
    )
    for fault in shown.faults:
        print_line(fault, "bold red")
    if shown.faults:
        print_line("it cannot be read: nothing is allowed by it", "bold red")
    print_line()
    print_line(shown.text.rstrip("\n"))
