"""`git-remote-dagwarden`, which git runs for remotes whose URL begins with `dagwarden::`.

    git remote add prod dagwarden::gs://INBOX_BUCKET/ENVIRONMENT
    git push prod main

The other settings come from DAGWARDEN_ variables, else from git's configuration (`git config dagwarden.ledgerBucket …`,
or for one remote `git config remote.prod.dagwarden-ledgerBucket …`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TextIO

from dagwarden.errors import DagwardenError, InvalidInput
from dagwarden.push.deliver import Delivery
from dagwarden.push.git_push import EnvironmentRemote
from dagwarden.push.remote_helper import serve
from dagwarden.push.screen import Screen

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket", "gate_service_account")
EXIT_FAILED = 128
EXIT_INTERRUPTED = 130


def main() -> None:
    """The entry point of the `git-remote-dagwarden` script."""
    signal.signal(signal.SIGINT, _make_interrupt())
    sys.exit(run(sys.argv[1:], os.environ, sys.stdin, sys.stdout, sys.stderr))


def run(arguments: Sequence[str], environ: Mapping[str, str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Serve git until it ends.

    Args:
        arguments: as git gives them: the remote's name (or its URL where it has none), and its URL.

    Returns:
        The exit code: 0 also when a push was denied, for that is answered in the protocol and fails `git push`.
    """
    screen = Screen(stderr, is_coloured=stderr.isatty() and "NO_COLOR" not in environ)
    deliveries: list[Delivery] = []

    def answer(line: str) -> None:
        stdout.write(f"{line}\n")
        stdout.flush()

    try:
        serve(_read_lines(stdin), answer, _connect(arguments, environ, screen, deliveries))
    except KeyboardInterrupt:
        screen.fail(deliveries[0].say_interrupted() if deliveries else "interrupted: nothing was sent")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_FAILED
    except DagwardenError as error:
        screen.fail_with(error)
        return EXIT_FAILED
    return 0


def _make_interrupt() -> Callable[[int, object], None]:
    """A handler that interrupts once: git passes on its own Ctrl-C, which must not cut short what is said of it."""
    seen: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        del frame
        seen.append(number)
        if len(seen) == 1:
            raise KeyboardInterrupt

    return interrupt


def _connect(
    arguments: Sequence[str], environ: Mapping[str, str], screen: Screen, deliveries: list[Delivery]
) -> EnvironmentRemote:
    """The environment that the remote names; nothing is asked of the network yet.

    Args:
        deliveries: gets the delivery that an interruption must speak of.
    """
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.identity import utc_now
    from dagwarden.ledger.read import Ledger
    from dagwarden.push.git import Repository
    from dagwarden.push.target import add_to_environ, read_configured, read_target
    from dagwarden.settings import Settings

    if not arguments:
        raise InvalidInput("no remote is named", operation="start", hint="this program is run by git push, not by hand")
    repository = Repository()
    configured = read_configured(repository.read_config(), arguments[0])
    target = read_target(arguments[-1], configured)
    settings = Settings.load(
        add_to_environ({"DAGWARDEN_CALLER": "git-push", **environ}, configured),
        needs=NEEDS,
        inbox_bucket=target.inbox,
        environment=target.environment,
    )
    cloud = Cloud(settings)
    delivery = Delivery(cloud, screen.say, utc_now, screen.wait)
    deliveries.append(delivery)
    return EnvironmentRemote(
        repository=repository, target=target, ledger=Ledger(cloud), delivery=delivery, screen=screen, now=utc_now
    )


def _read_lines(stdin: TextIO) -> Iterator[str]:
    """Line by line, without reading ahead: git waits for the answer to each."""
    while line := stdin.readline():
        yield line.rstrip("\n")
