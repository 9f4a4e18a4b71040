"""`dagwarden drift`: what lies in the environment's bucket and is not what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagwarden.cli.options import READS, Connection, EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import print_json, print_line, print_table
from dagwarden.policy.verdict import count

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.sync.drift import Drifted
    from dagwarden.sync.heal import Found

COLUMNS = ("drift", "path", "generation", "changed", "by", "remedy")
MOST_ASKED = 50
"""Objects whose writer is looked up: each takes a question to Cloud Logging."""


def drift(
    environment: EnvironmentOption = None,
    heal: Annotated[bool, typer.Option("--heal", help="Put it right, as policy.yaml says; report it first.")] = False,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Heal, however much it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the whole bucket with the newest release. Exit code 1 when there is drift, healed or not."""
    connection = connect(environment, *READS)
    found = _look(connection, heal=heal, no_limit=no_limit)
    writers = name_writers(connection.cloud, found.survey.drifted)
    if as_json:
        print_json(to_json(found, is_healed=heal, writers=writers))
    else:
        _print(found, writers)
    if found.survey.drifted:
        raise typer.Exit(1)


def _look(connection: Connection, *, heal: bool, no_limit: bool) -> Found:
    from dagwarden.audit.write import AuditWriter
    from dagwarden.cloud.identity import utc_now
    from dagwarden.errors import InvalidInput
    from dagwarden.ledger.read import Ledger
    from dagwarden.names import environment_object
    from dagwarden.policy.environment import load_environment
    from dagwarden.sync.drift import HEAL_LIMIT
    from dagwarden.sync.heal import Healer
    from dagwarden.sync.mirror import Mirror

    cloud, environment = connection.cloud, connection.environment
    name = environment_object(environment)
    bucket = load_environment(cloud.store.read(name), name).bucket
    if not bucket:
        raise InvalidInput("the environment has no bucket", operation="look for drift", subject=environment)
    mirror = Mirror(cloud, Ledger(cloud), AuditWriter(cloud), utc_now)
    healer = Healer(cloud, mirror)
    if not heal:
        return healer.survey(environment, mirror.open_bucket(bucket))
    limit = None if no_limit else HEAL_LIMIT
    return healer.reconcile(environment, mirror.open_bucket(bucket), at=utc_now(), limit=limit)


def name_writers(cloud: Cloud, drifted: Sequence[Drifted]) -> dict[str, str]:
    """Path -> who wrote what lies there, as far as the Data Access log tells; nobody where it cannot be read."""
    from dagwarden.audit.uploads import find_writer
    from dagwarden.errors import DagwardenError

    writers: dict[str, str] = {}
    for live in islice((each.live for each in drifted if each.live), MOST_ASKED):
        try:
            writer = find_writer(cloud, live.bucket, live.name, live.updated_at)
        except DagwardenError:
            return writers
        if writer is not None:
            writers[live.name] = writer.principal
    return writers


def to_json(found: Found, *, is_healed: bool, writers: Mapping[str, str]) -> dict[str, Any]:
    """What was found, as JSON.

    Args:
        is_healed: whether the remedies were carried out.
        writers: see `name_writers`.
    """
    return {
        "release": found.release,
        "compared": found.survey.population,
        "lagging": list(found.survey.lagging),
        "healed": is_healed,
        "drift": [_to_row(drifted, writers) for drifted in found.survey.drifted],
    }


def _to_row(drifted: Drifted, writers: Mapping[str, str]) -> dict[str, Any]:
    live = drifted.live
    return {
        "drift": str(drifted.standing),
        "path": drifted.path,
        "generation": live.generation if live else None,
        "changed": live.updated_at.isoformat() if live else None,
        "by": writers.get(drifted.path),
        "remedy": str(drifted.remedy),
        "found": live.md5 if live else None,
        "expected": drifted.wanted.md5 if drifted.wanted else None,
    }


def _print(found: Found, writers: Mapping[str, str]) -> None:
    if found.survey.drifted:
        rows = [_to_row(drifted, writers) for drifted in found.survey.drifted]
        print_table(COLUMNS, [[str(row[column] or "") for column in COLUMNS] for row in rows])
        if len(writers) < len(rows):
            print_line("who changed it is known as far as Data Access logs are kept and may be read")
    if found.survey.lagging:
        print_line(f"waiting for the mirror: {count(len(found.survey.lagging), 'file')}")
    what = f"release {found.release}" if found.release else "nothing, for there is no release yet"
    drifted = len(found.survey.drifted)
    said = f"{count(drifted, 'file')} drifted" if drifted else "no drift"
    print_line(f"{count(found.survey.population, 'file')} compared with {what}: {said}")
