"""What the scenes of the demo act with: a stack, a repository, and eyes on every instance."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, ReleaseNumber, status_prefix
from dagwarden.settings import Settings
from dagwarden.sync.notice import Receipt, Status
from dagwarden.wire import decode
from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack

PATIENCE_S = 20.0


class SceneFailed(Exception):
    """A step did not have its effect."""


def check(holds: bool, what: str) -> None:
    """Go on only if this holds.

    Raises:
        SceneFailed: it does not.
    """
    if not holds:
        raise SceneFailed(what)


class Stage:
    """One play of the demo in one folder."""

    def __init__(self, stack: Stack, folder: Path, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.say = say
        self.environment: EnvironmentName = plan.ENVIRONMENT
        self.repository = folder / "repository"
        self.environ = {**os.environ, **stack.environ("ada")}
        self.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        settings = Settings.load({name: value for name, value in self.environ.items() if name.startswith("DAGWARDEN_")})
        os.environ.update(stack.environ("ada"))  # Google's clients read where they speak to from there
        self.cloud = Cloud(settings)
        self.ledger = Ledger(self.cloud)
        self.owner = storage.Client(project=plan.PROJECT, credentials=AnonymousCredentials())

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git in the repository, as Ada; the output of git and of the remote together is in `stdout`."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.repository,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def dagwarden(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dagwarden`, as Ada."""
        return subprocess.run(
            [str(Path(sys.executable).parent / "dagwarden"), *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def commit(self, message: str) -> None:
        """Everything in the repository's folder is committed."""
        for arguments in (("add", "-A"), ("commit", "-q", "-m", message)):
            done = self.git(*arguments)
            check(done.returncode == 0, f"git {arguments[0]} failed:\n{done.stdout}")

    def head(self) -> ReleaseNumber:
        """The newest release."""
        return self.ledger.find_head_number(self.environment)

    def receipts(self) -> dict[str, Receipt]:
        """The newest receipt of each instance, the mirror's as `mirror`."""
        found = self.cloud.store.list(status_prefix(self.environment))
        statuses = (decode(Status, self.cloud.store.read(info.name), subject=info.name) for info in found)
        return {status.receipt.instance: status.receipt for status in statuses}

    def audit(self, kind: Kind) -> list[AuditEntry]:
        """The audit entries of one kind, oldest first."""
        log = self.cloud.audit_log
        return list(read_entries(log, AuditQuery(environment=self.environment, kind=kind)))

    def await_everywhere(self, number: ReleaseNumber) -> dict[str, Receipt]:
        """The receipts, once every agent and the bucket run release `number`.

        Raises:
            SceneFailed: they do not, in time.
        """
        wanted = {agent.instance for agent in plan.AGENTS} | {"mirror"}

        def is_everywhere() -> bool:
            runs = self.receipts()
            return all(name in runs and runs[name].release >= number for name in wanted)

        self.wait_until(is_everywhere, f"release {number} on every instance")
        return self.receipts()

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Return as soon as `holds`.

        Raises:
            SceneFailed: it does not, in time.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            check(time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain for {what}")
            time.sleep(0.05)

    def tree_file(self, instance: str, path: str) -> Path:
        """Where an instance would read a file of the release it runs."""
        return self.stack.agent_root(instance) / "current" / path

    def show(self, text: str, prefixes: tuple[str, ...] = ("remote:", "!", " !", "To ", "error:")) -> None:
        """Say those lines of a command's output that a person would look at."""
        for line in text.splitlines():
            if line.strip().startswith(prefixes):
                self.say(f"     {line.rstrip()}")
