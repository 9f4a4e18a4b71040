"""`dagwarden demo`: the whole story on an embedded local cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagwarden.cli.output import print_line


def demo(
    keep: Annotated[Path | None, typer.Option(help="Keep what is played in this folder, which must not exist.")] = None,
) -> None:
    """Play the whole story on an embedded local cloud; exit 0 only if every step had its effect."""
    from localcloud.demo.story import play

    if not play(print_line, keep):
        raise typer.Exit(1)
