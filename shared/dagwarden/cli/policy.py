"""`dagwarden policy`: whether a policy says what it means, before it is applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import print_facts, print_json, print_line
from dagwarden.errors import InvalidInput
from dagwarden.policy.environment import load_environment
from dagwarden.policy.load import PolicySummary, load_policy, summarise

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check policies.")


class PolicyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    valid: bool
    faults: tuple[str, ...] = ()
    policy: PolicySummary | None = None


@app.callback()
def _policy() -> None:
    """Check policies."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="policy.yaml or environment.yaml", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Tell every fault of a policy by file and line. Exit code: 0 it may be applied, 1 it may not, 2 no such file."""
    result = check_file(file)
    if as_json:
        print_json(result)
    else:
        _print_check(file, result)
    raise typer.Exit(0 if result.valid else 1)


def check_file(file: Path) -> PolicyCheck:
    """What is wrong with a policy, or with an environment if it says that it is one.

    Raises:
        InvalidInput: the file cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be read", operation="check policy", subject=str(file)) from error
    is_environment = b"kind: Environment" in content
    try:
        if is_environment:
            load_environment(content, file.name)
            return PolicyCheck(valid=True)
        return PolicyCheck(valid=True, policy=summarise(load_policy(content, file.name)))
    except InvalidInput as error:
        return PolicyCheck(valid=False, faults=tuple(error.message.splitlines()))


def _print_check(file: Path, result: PolicyCheck) -> None:
    for fault in result.faults:
        print_line(fault, "bold red")
    if not result.valid:
        print_line(f"{file} may not be applied: {len(result.faults)} fault{'s' * (len(result.faults) != 1)}")
        return
    if policy := result.policy:
        print_facts(
            (
                ("digest", policy.digest),
                ("pushers", policy.pushers),
                ("levels", ", ".join(f"{rule}: {level}" for rule, level in policy.levels.items())),
                ("raw drops", "taken" if policy.raw_drops else "refused"),
            )
        )
        for advice in policy.advice:
            print_line(f"warning: {advice}", "yellow")
    print_line(f"{file} may be applied", "green")
