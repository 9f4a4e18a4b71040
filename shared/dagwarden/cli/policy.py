"""`dagwarden policy`: whether a policy says what it means, before it is applied; and applying it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import print_facts, print_json, print_line
from dagwarden.cli.policies import change
from dagwarden.cli.policies.impact import impact
from dagwarden.cli.policies.show import show
from dagwarden.errors import InvalidInput
from dagwarden.policy.cases import Tried, load_cases, try_cases
from dagwarden.policy.environment import load_environment
from dagwarden.policy.load import PolicySummary, load_policy, summarise

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check policies, try them, apply them.")
app.command("show")(show)
app.command("impact")(impact)
app.command("apply")(change.apply)
app.command("restore")(change.restore)


class PolicyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    valid: bool
    faults: tuple[str, ...] = ()
    policy: PolicySummary | None = None


@app.callback()
def _policy() -> None:
    """Check policies, try them, apply them."""


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


@app.command("test")
def run_cases(
    folder: Annotated[Path, typer.Argument(help="Folder of cases: *.cases.yaml, or cases.yaml.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Hold policies against cases: what each must let through, and what it must refuse by which rules.

    Exit code: 0 all hold, 1 some do not or a policy is not tried both ways, 2 there are no cases.
    """
    files = sorted({*folder.rglob("cases.yaml"), *folder.rglob("*.cases.yaml")})
    if not files:
        raise InvalidInput("no *.cases.yaml there", operation="test policies", subject=str(folder))
    tried = {str(file): try_file(file) for file in files}
    if as_json:
        print_json(tried)
    for name, result in tried.items() if not as_json else ():
        for failure in result.failures:
            print_line(failure, "bold red")
        said = f"{len(result.failures)} failures" if result.failures else "all as expected"
        print_line(f"{name}: {result.cases} cases, {said}", "" if result.failures else "green")
    raise typer.Exit(1 if any(result.failures for result in tried.values()) else 0)


def try_file(file: Path) -> Tried:
    """What came of a file of cases and the policy beside it.

    Raises:
        InvalidInput: one of them cannot be read, or is none.
    """
    document = load_cases(_read(file), file.name)
    policy = file.parent / document.value.policy
    return try_cases(load_policy(_read(policy), policy.name), document)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be read", operation="check policy", subject=str(file)) from error


def check_file(file: Path) -> PolicyCheck:
    """What is wrong with a policy, or with an environment if it says that it is one.

    Raises:
        InvalidInput: the file cannot be read.
    """
    from dagwarden.cloud.identity import utc_now

    content = _read(file)
    is_environment = b"kind: Environment" in content
    try:
        if is_environment:
            load_environment(content, file.name)
            return PolicyCheck(valid=True)
        return PolicyCheck(valid=True, policy=summarise(load_policy(content, file.name), utc_now()))
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
