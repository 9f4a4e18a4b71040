"""A ledger in a running local cloud, and real agent processes that follow it."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from google.auth.credentials import Credentials

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.topics import Outgoing
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.commit import Draft, commit
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import DeleteFile, FileChange, PutFile
from dagwarden.ledger.snapshot import adopt_newest, write_snapshot
from dagwarden.ledger.state import LedgerState, empty_state
from dagwarden.names import Component, Digest, EnvironmentName, PushId, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.settings import Settings
from dagwarden.sync.check import find_damage
from dagwarden.sync.notice import Notice, Receipt
from dagwarden.sync.trees import Root, Tree
from dagwarden.wire import decode, digest, encode, md5_hex
from localcloud.testing import RunningCloud

PROD = EnvironmentName("prod")
PATIENCE_S = 30.0


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    """Returns once it is so; fails when it is not in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {what}"
        time.sleep(0.02)


class World:
    """Releases and notices, as the pipeline would make them."""

    def __init__(self, cloud: Cloud, server: RunningCloud) -> None:
        self.cloud = cloud
        self.server = server
        self.ledger = Ledger(cloud)
        self.state: LedgerState = empty_state(PROD)
        self.trees: dict[int, dict[str, bytes]] = {0: {}}
        """Release number -> path -> bytes."""
        self._receipts = cloud.subscription("test-receipts")
        self._receipts.ensure(cloud.settings.receipts_topic, "", expires_after_s=86400)
        self.receipts: list[Receipt] = []

    def release(self, files: Mapping[str, bytes] | None = None, deletes: tuple[str, ...] = ()) -> int:
        """One more release, noticed by nobody."""
        plain = tuple(PlainFile(ReleasePath(path), "0644", content) for path, content in (files or {}).items())
        changes: list[FileChange] = [
            PutFile(
                path=file.path,
                sha256=digest(file.content),
                md5=md5_hex(file.content),
                size_bytes=len(file.content),
                mode=file.mode,
            )
            for file in plain
        ]
        changes += [DeleteFile(path=ReleasePath(path)) for path in deletes]
        now = dt.datetime.now(dt.UTC)
        draft = Draft(
            changes=tuple(changes),
            files=plain,
            push_id=PushId(digest(f"{self.state.number}".encode())),
            source="git:etl",
            base_commit="",
            head_commit=str(self.state.number),
            ref="refs/heads/main",
            authors=(),
            message="",
            principal=Principal(name="anna@example.com", attested_by="jwt"),
            policy_digest=Digest("cd" * 32),
            warnings=0,
            forced=False,
            pushed_at=now,
        )
        committed = commit(self.cloud, self.state, draft, attempt=f"a{self.state.number}", now=now)
        assert committed is not None
        tree = {path: content for path, content in self.trees[self.state.number].items() if path not in deletes}
        self.state = committed.state
        self.trees[self.state.number] = tree | dict(files or {})
        return self.state.number

    def snapshot(self) -> None:
        """The next release restores from here."""
        write_snapshot(self.cloud, self.ledger, self.state, attempt="s")
        self.ledger.remember(self.state)
        self.state = adopt_newest(self.cloud, self.ledger, self.state)

    def notify(self, number: int | None = None, *components: Component) -> None:
        """The notices of a release, the newest if none is named, to these components (to all if none is named)."""
        messages = []
        for component in components or tuple(Component):
            notice = Notice(
                environment=PROD,
                component=component,
                release=self.state.number if number is None else number,  # type: ignore[arg-type]
                digest=self.state.digest,
                push_id=PushId("0" * 64),
            )
            messages.append(Outgoing(encode(notice), {"environment": PROD, "component": str(component)}))
        self.cloud.topics.publish(self.cloud.settings.notices_topic, *messages)

    def pull_receipts(self) -> list[Receipt]:
        """All receipts published so far, in order of their making."""
        for ack_id, message in self._receipts.pull(100):
            self.receipts.append(decode(Receipt, message.data))
            self._receipts.acknowledge([ack_id])
        return sorted(self.receipts, key=lambda receipt: receipt.at)


class Process:
    """One agent process over one root folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str], component: Component, *arguments: str) -> None:
        self.component = component
        self.root = Root(folder)
        self._log = folder.with_suffix(".log")
        command = [sys.executable, "-c", "from dagwarden.cli.main import main; main()", "agent", "--environment", PROD]
        command += ["--component", component, "--root", str(folder), *arguments]
        self._start = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=dict(environ), stderr=log, stdout=log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def lines(self) -> list[dict[str, object]]:
        """What this process wrote so far, one dictionary a line."""
        text = self._log.read_bytes()[self._start :].decode()
        return [
            json.loads(line) for line in text.splitlines(keepends=True) if line.startswith("{") and line[-1] == "\n"
        ]

    def text(self) -> str:
        """What it wrote, as it is."""
        return self._log.read_bytes()[self._start :].decode()

    def wait_line(self, message: str) -> dict[str, object]:
        """The first line with this message."""

        def is_said() -> bool:
            assert self._process.poll() is None or self._said(message), f"it ended: {self.text()}"
            return bool(self._said(message))

        wait_for(is_said, f"{message!r} of {self.component}: {self.text()}")
        return self._said(message)[0]

    def _said(self, message: str) -> list[dict[str, object]]:
        return [line for line in self.lines() if line["message"] == message]

    def live(self) -> int:
        """The release that is live; -1 before the first."""
        name = self.root.current_name()
        return -1 if name is None else int(name[:10])

    def wait_live(self, number: int) -> None:
        """Returns once this release is live."""
        wait_for(lambda: self.live() == number, f"release {number} live on {self.component}: {self.text()}")

    def shown(self) -> tuple[int, dict[str, bytes]]:
        """The release that is live, and the files it shows; proved against its record."""
        tree: Tree | None = self.root.current_tree()
        assert tree is not None
        folder = self.root.trees / tree.name
        assert not find_damage(folder, tree, reads_bytes=True)
        return tree.number, {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def kill(self) -> None:
        """It is gone, without a word."""
        self._process.kill()
        self._process.wait()

    def end(self, number: int = signal.SIGTERM) -> int:
        """It was told to end and did; its exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """It ended by itself; its exit code."""
        return self._process.wait(PATIENCE_S)


Start = Callable[..., Process]


@pytest.fixture
def world(cloud: Cloud, cloud_server: RunningCloud) -> World:
    return World(cloud, cloud_server)


@pytest.fixture
def start(
    world: World, settings: Settings, credentials: Credentials, cloud_environ: dict[str, str], tmp_path: Path
) -> Iterator[Start]:
    """Starts agent processes; all have ended when the test has."""
    started: list[Process] = []

    def start_one(
        component: Component = Component.WORKER, *arguments: str, root: str = "", is_ready: bool = True, **more: object
    ) -> Process:
        values = {**settings.to_environ(), **{f"DAGWARDEN_{name.upper()}": str(value) for name, value in more.items()}}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DAGWARDEN_")}
        environ |= {**cloud_environ, **values, "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gate-key.json")}
        folder = tmp_path / (root or f"{component}-{len(started)}")
        process = Process(folder, environ, component, "--instance", folder.name, *arguments)
        started.append(process)
        if is_ready:
            process.wait_line("ready")
        return process

    yield start_one
    for process in started:
        if process.is_running():
            process.kill()
