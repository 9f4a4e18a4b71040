"""The command line: a table of verbs, each imported when it is asked for; errors become words and exit codes.

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the answer is no: denied, different, not (yet) there |
| 2 | the command line or the settings mean nothing |
| 3 | a service cannot be reached or is busy: try again |
| 4 | it cannot be done: no such thing, no permission, a limit |
| 5 | a digest, a signature or the chain does not hold |
| 130 | interrupted |
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import typer
from typer.core import TyperCommand, TyperGroup

from dagwarden import errors

EXIT_CODES: tuple[tuple[type[errors.DagwardenError], int], ...] = (
    (errors.Transient, 3),
    (errors.InvalidInput, 2),
    (errors.Tampered, 5),
    (errors.Permanent, 4),
    (errors.DagwardenError, 4),
)
"""First match wins."""


class Verb(msgspec.Struct, frozen=True):
    """One verb: `dagwarden.cli.MODULE` has a function or a typer app called `attribute`."""

    name: str
    module: str
    attribute: str
    panel: str
    help: str


SHIP, SEE, CHECK, RUN = "Ship", "See", "Check", "Run"

VERBS: tuple[Verb, ...] = (
    Verb("push", "push", "push", SHIP, "Push a plain folder; `git push` does it for a repository."),
    Verb("rollback", "rollback", "rollback", SHIP, "Bring back the tree of an older release, as a new release."),
    Verb("approve", "explain", "approve", SHIP, "Let a held push go ahead, as one whom the policy asks."),
    Verb("wait", "wait", "wait", SHIP, "Wait until every instance runs a release."),
    Verb("status", "status", "status", SEE, "Which release each instance runs, and how long it took to get there."),
    Verb("log", "log", "log", SEE, "The releases of an environment, newest first."),
    Verb("show", "show", "show", SEE, "One release: who, what, why, and every file it changed."),
    Verb("diff", "diff", "diff", SEE, "What changed between two releases."),
    Verb("explain", "explain", "explain", SEE, "Why a push was allowed, denied or held, line by line of the policy."),
    Verb("held", "held", "held", SEE, "Which pushes wait for whose approval, until when."),
    Verb("audit", "audit", "audit", SEE, "Who did what, when, from where, with which outcome and why."),
    Verb("access", "access", "access", SEE, "Who can in effect do what here: push, write the bucket, run code …"),
    Verb("dead-letters", "dead_letters", "app", SEE, "Events that no handler could take: list them, replay them."),
    Verb("drift", "mirror", "drift", CHECK, "What lies in the bucket and was never released; --heal puts it right."),
    Verb("agent", "agent", "agent", RUN, "Keep one instance at the newest release of its environment."),
    Verb("local", "local", "app", RUN, "The local cloud with functions and agents: up, down, env."),
    Verb("demo", "demo", "demo", RUN, "Play the whole story on an embedded local cloud."),
    Verb("check", "check", "check", CHECK, "The gate's verdict on what a push would change, before it is pushed."),
    Verb("lint", "lint", "lint", CHECK, "Show what the gate would find in these files."),
    Verb("validate", "validate", "validate", CHECK, "Import DAG files in the gate's sandbox, and show what they do."),
    Verb("doctor", "doctor", "doctor", CHECK, "Which layers of the sandbox this host offers; whether services answer."),
    Verb("rules", "rules", "rules", CHECK, "The rules a push is held to, and the page of one."),
    Verb("policy", "policy", "app", CHECK, "Check a policy, try it on cases and on the past, apply it, restore it."),
    Verb("env", "env", "app", CHECK, "What the gate needs installed to import an environment's DAG files."),
    Verb("verify", "verify", "verify", CHECK, "Walk the chain, the bucket and every instance, and compare."),
)


class _LazyCommand(TyperCommand):
    """Stands for a verb in the list of verbs; imports it when it is used."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(name=verb.name, help=verb.help, rich_help_panel=verb.panel)
        self._verb = verb

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return load_verb(self._verb).make_context(info_name, args, parent=parent, **extra)


class _VerbGroup(TyperGroup):
    """The verbs of the table."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {verb.name: _LazyCommand(verb) for verb in VERBS}


HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

WORDS = (
    "Words: an environment is one Airflow with its bucket. Who changes its DAGs makes a push; the gate decides on it by"
    " policy, and what it allows becomes a numbered release in the ledger. An instance is one scheduler, worker, … that"
    " an agent keeps at the newest release. Drift is what lies in the bucket and was never released."
)
BEGINNING = (
    "Begin with: `dagwarden check .` in a repository of DAGs, or `dagwarden demo`. All pages: docs/ and README.md."
)


def say_exit_codes() -> str:
    """The table at the top of this module, on one line."""
    rows = [line.strip("| ").split(" | ") for line in (__doc__ or "").splitlines() if line.startswith("| ")]
    return f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in rows[2:])}."


def load_verb(verb: Verb) -> Any:
    """Import a verb and make its command."""
    found = getattr(importlib.import_module(f"dagwarden.cli.{verb.module}"), verb.attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(verb.name)(found)
        found = app
    command: Any = typer.main.get_command(found)
    command.name = verb.name
    _fit(command)
    command.params = [each for each in command.params if each.name not in ("install_completion", "show_completion")]
    return command


def _fit(command: Any) -> None:
    """The help page of a verb, and of those below it, flows to the terminal's width and is shown for -h too."""
    command.context_settings |= HELP_OPTIONS
    command.help = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    for each in getattr(command, "commands", {}).values():
        _fit(each)


def make_command() -> Any:
    """The whole command line."""
    app = typer.Typer(
        cls=_VerbGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=HELP_OPTIONS,
        epilog=f"{WORDS}\n\n{BEGINNING}\n\n{say_exit_codes()}",
    )
    app.callback()(_dagwarden)
    return typer.main.get_command(app)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"dagwarden {version('dagwarden')}")
        raise typer.Exit


_VERSION = typer.Option(False, "--version", help="Print the version and go.", callback=_print_version, is_eager=True)


def _dagwarden(version: bool = _VERSION) -> None:
    """The guarded way from git push to a running Airflow DAG."""


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask; the exit code says how it went."""
    try:
        make_command().main(args=list(arguments), prog_name="dagwarden")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except errors.DagwardenError as error:
        from dagwarden.cli.output import print_error

        print_error(error)
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    return 0


def main() -> None:
    """The entry point of the `dagwarden` script."""
    from dagwarden.cloud.zones import name_zones

    os.environ.update(name_zones(os.environ))
    sys.exit(run(sys.argv[1:]))
