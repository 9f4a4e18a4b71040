"""An agent on the bench: over a ledger in memory, with every step taken by the test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from dagwarden.names import Component
from dagwarden.sync.agent import Agent
from dagwarden.sync.instance import Instance
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.notice import Receipt
from dagwarden.sync.reporter import Reporter
from dagwarden.sync.trees import Root
from dagwarden.wire import decode
from tests.unit.sync.memory import NOW, PROD, Chain


class Bench:
    """An agent over a ledger in memory; its threads never run, so every step is ours."""

    def __init__(self, folder: Path, chain: Chain, component: Component = Component.WORKER) -> None:
        self.chain = chain
        self.lines: list[str] = []
        self.root = Root(folder)
        instance = Instance(environment=PROD, component=component, name="one")
        metrics = Metrics(PROD, component)
        now: Callable[[], dt.datetime] = lambda: NOW  # noqa: E731
        reporter = Reporter(chain.cloud, self.root, instance, now=now, say=self._say, metrics=metrics)
        self.agent = Agent(chain.cloud, self.root, instance, reporter, now)
        self.metrics = metrics

    def _say(self, message: str, *, severity: str = "INFO", **fields: object) -> None:
        self.lines.append(f"{severity} {message} {fields}")

    def receipts(self) -> list[Receipt]:
        """All receipts written so far, oldest first."""
        return [decode(Receipt, path.read_bytes()) for path in self.agent.reporter.outbox.waiting()]

    def shown(self) -> dict[str, bytes]:
        """Path -> bytes of what `current` shows."""
        current = self.root.current
        return {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*") if path.is_file()}

    def number(self) -> int:
        """The release that is live."""
        assert self.agent.tree is not None
        return self.agent.tree.number

    def reads(self) -> list[str]:
        """The objects read since the last call."""
        memory = self.chain.memory
        found = [*memory.ledger.reads, *memory.store.reads]
        memory.ledger.reads.clear()
        memory.store.reads.clear()
        return found
