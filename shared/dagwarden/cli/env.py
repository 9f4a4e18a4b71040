"""`dagwarden env`: what an environment.yaml means for where its DAG files are imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagwarden.cli.output import print_line
from dagwarden.errors import InvalidInput
from dagwarden.policy.environment import load_environment
from dagwarden.validate.packages import write_requirements

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What an environment is made of.")


@app.callback()
def _env() -> None:
    """What an environment is made of."""


@app.command("image")
def image(
    file: Annotated[Path, typer.Argument(help="environment.yaml", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file.", show_default=False)
    ] = None,
) -> None:
    """Write the requirements.txt that DAG files of an environment are imported with, held to Airflow's constraints."""
    try:
        environment = load_environment(file.read_bytes(), str(file))
        text = write_requirements(environment)
        if output is None:
            print_line(text.rstrip())
        else:
            output.write_text(text)
    except OSError as error:
        subject = str(error.filename or file)
        raise InvalidInput(error.strerror or "failed", operation="env image", subject=subject) from error
