"""One agent, told when to do what: `agent_driver ROOT`, commands `first` and `next`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.cloud.topics import Incoming
from dagwarden.names import NO_PARENT, Component, EnvironmentName, PushId, ReleaseNumber
from dagwarden.settings import Settings
from dagwarden.sync.agent import Agent
from dagwarden.sync.instance import Instance
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.notice import Notice
from dagwarden.sync.reporter import Reporter
from dagwarden.sync.trees import Root
from dagwarden.wire import encode
from tests.benchmarks.drivers.follow import follow
from tests.benchmarks.drivers.meter import Meter


def main() -> None:
    meter = Meter()
    environment = EnvironmentName(os.environ["DAGWARDEN_ENVIRONMENT"])
    settings = Settings.load(
        {name: value for name, value in os.environ.items() if name.startswith("DAGWARDEN_")}, caller="agent-worker"
    )
    who = Instance(environment=environment, component=Component.WORKER, name="measured")
    root = Root(Path(sys.argv[1]))
    cloud = Cloud(settings)
    metrics = Metrics(environment, who.component)
    reporter = Reporter(cloud, root, who, now=utc_now, say=lambda *_, **__: None, metrics=metrics)
    agent = Agent(cloud, root, who, reporter, utc_now)
    agent.open()

    def take_next() -> None:
        held = agent.tree
        assert held is not None
        notice = Notice(
            environment=environment,
            component=who.component,
            release=ReleaseNumber(held.number + 1),
            digest=NO_PARENT,
            push_id=PushId("0" * 64),
        )
        message = Incoming(id="1", data=encode(notice), attributes={}, published_at=utc_now(), delivery_attempt=None)
        assert agent.take_notice(message)
        assert agent.tree is not None
        assert agent.tree.number == held.number + 1

    follow(meter, {"first": agent.reconcile, "next": take_next}, after=agent.tidy)
    agent.close()


if __name__ == "__main__":
    main()
