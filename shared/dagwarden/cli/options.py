"""What verbs have in common: options, and the way to the cloud they speak to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.names import EnvironmentName, parse_environment
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
