"""`dagwarden audit`: asks the audit log."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.audit.entry import AuditEntry, AuditSeverity, Kind
from dagwarden.cli.options import EnvironmentOption, JsonOption, read_settings
from dagwarden.cli.output import format_time, print_json, print_line, print_table
from dagwarden.errors import InvalidInput
from dagwarden.names import ReleaseNumber, parse_environment

if TYPE_CHECKING:
    from dagwarden.audit.query import AuditQuery

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
COLUMNS = ("when", "kind", "outcome", "release", "who", "what", "why")
_LONG_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_WHEN = "e.g. 30m, 2h, 7d, or 2026-11-22T16:00Z"

SinceOption = Annotated[str | None, typer.Option("--since", help=f"From then on: {_WHEN}.", show_default=False)]
UntilOption = Annotated[str | None, typer.Option("--until", help=f"Before then: {_WHEN}.", show_default=False)]
ReleaseOption = Annotated[int | None, typer.Option("--release", min=1, help="About this release.", show_default=False)]
PushOption = Annotated[
    str | None, typer.Option("--push", help="About this push: its id or the first digits of it.", show_default=False)
]
KindOption = Annotated[
    Kind | None, typer.Option("--kind", help="Of this kind only.", show_default=False, metavar="KIND")
]
PrincipalOption = Annotated[str | None, typer.Option("--principal", help="By this identity.", show_default=False)]
SeverityOption = Annotated[
    AuditSeverity | None,
    typer.Option("--severity", help="At least so severe; emergencies are CRITICAL.", show_default=False),
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")]


def audit(
    *,
    since: SinceOption = None,
    until: UntilOption = None,
    release: ReleaseOption = None,
    push: PushOption = None,
    kind: KindOption = None,
    principal: PrincipalOption = None,
    severity: SeverityOption = None,
    limit: LimitOption = 100,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the audit log who did what, when, from where, with which outcome and why; oldest first.

    Without --environment (or DAGWARDEN_ENVIRONMENT), entries of all environments.

    Example: `dagwarden audit --since 2h --kind push.verdict`
    """
    from dagwarden.audit.query import AuditQuery, read_entries
    from dagwarden.cloud.clients import Cloud

    settings = read_settings(needs=("project",), environment=environment)
    now = dt.datetime.now(dt.UTC)
    query = AuditQuery(
        since=parse_moment(since, now) if since else None,
        until=parse_moment(until, now) if until else None,
        environment=parse_environment(settings.environment) if settings.environment else None,
        release=ReleaseNumber(release) if release else None,
        push=push,
        kind=kind,
        principal=principal,
        severity=severity,
    )
    newest = read_entries(Cloud(settings).audit_log, query, newest_first=True, limit=limit)
    entries = sorted(newest, key=_order)
    _print(entries, query, is_cut=len(entries) == limit, as_json=as_json)


def _print(entries: list[AuditEntry], query: AuditQuery, *, is_cut: bool, as_json: bool) -> None:
    if as_json:
        print_json(entries)
        return
    if not entries:
        print_line("no entry answers that" if query != type(query)() else "the audit log is empty")
        return
    print_table(COLUMNS, [_row(entry) for entry in entries])
    if is_cut:
        print_line(f"the newest {len(entries)}; there may be older ones (--limit)", "dim")


def _row(entry: AuditEntry) -> tuple[object, ...]:
    what = f"{entry.what.action} {entry.what.resource}"
    return (
        format_time(entry.when.occurred_at),
        entry.kind,
        entry.outcome,
        "" if entry.release is None else entry.release,
        entry.who.name,
        _LONG_DIGEST.sub(r"\1…", what),
        entry.why.reason,
    )


def _order(entry: AuditEntry) -> tuple[dt.datetime, dt.datetime]:
    """As it happened; what happened at one moment, as it was recorded."""
    return entry.when.occurred_at, entry.when.recorded_at or entry.when.occurred_at


def parse_moment(text: str, now: dt.datetime) -> dt.datetime:
    """A moment given as a time ago (`30m`, `2h`, `7d`) or in ISO 8601; without a zone it is UTC.

    Raises:
        InvalidInput: it is neither.
    """
    if match := _AGO.fullmatch(text):
        return now - dt.timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no moment", operation="read time", hint=f"give {_WHEN}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
