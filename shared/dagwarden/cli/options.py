"""What verbs have in common: options, and the way to the cloud they speak to."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.errors import AccessDenied, NotFound
from dagwarden.names import EnvironmentName, ReleaseNumber, environment_object, parse_environment, policy_object
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

EnvironmentOption = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="Environment; DAGWARDEN_ENVIRONMENT where not given.", show_default=False),
]
SignWithOption = Annotated[
    str | None,
    typer.Option(
        "--sign-with",
        help="SSH key file to sign with; DAGWARDEN_SIGN_WITH where not given.",
        metavar="KEY",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

READS = ("project", "ledger_bucket", "store_bucket", "gate_service_account")
"""Settings that every verb needs which reads the ledger."""


class Connection(msgspec.Struct, frozen=True):
    """The cloud and the environment a verb speaks of."""

    cloud: Cloud
    environment: EnvironmentName


def read_settings(*, needs: tuple[str, ...], environment: str | None = None, sign_with: str | None = None) -> Settings:
    """The settings of this command.

    Raises:
        InvalidInput: naming every fault at once.
    """
    caller = None if "DAGWARDEN_CALLER" in os.environ else "cli"
    return Settings.load(os.environ, needs=needs, environment=environment, sign_with=sign_with, caller=caller)


def connect(environment: str | None, *needs: str, sign_with: str | None = None) -> Connection:
    """The cloud and the environment; nothing is asked of the network yet.

    Raises:
        InvalidInput: the settings lack something, or name no environment.
    """
    from dagwarden.cloud.clients import Cloud

    settings = read_settings(needs=(*needs, "environment"), environment=environment, sign_with=sign_with)
    return Connection(Cloud(settings), parse_environment(settings.environment))


def find_head(connection: Connection) -> ReleaseNumber:
    """The number of the newest release; 0 of an environment that has none yet.

    Raises:
        NotFound: nobody knows such an environment.
    """
    from dagwarden.ledger.read import Ledger

    head = Ledger(connection.cloud).find_head_number(connection.environment)
    if not head:
        check_environment(connection)
    return head


def check_environment(connection: Connection) -> None:
    """Nothing happens to an environment that has a policy, a description or a release, or where nobody may look.

    Raises:
        NotFound: it has none of them.
    """
    try:
        known = sorted(_list_environments(connection.cloud))
    except AccessDenied:
        return
    if connection.environment in known:
        return
    near = difflib.get_close_matches(connection.environment, known, n=1)
    there = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none yet'}"
    raise NotFound(f"no environment {connection.environment} is known here", hint=f"{there} (--environment)")


def _list_environments(cloud: Cloud) -> set[str]:
    described = {
        name
        for name in cloud.store.list_folders()
        if any(cloud.store.stat(find(EnvironmentName(name))) for find in (policy_object, environment_object))
    }
    return {*cloud.ledger.list_folders(), *described}
