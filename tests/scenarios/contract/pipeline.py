"""The whole pipeline in one process: pushers, functions, agents, strangers, and the events the local cloud emits.

What a function is handed is what the local cloud really emitted: notifications of the inbox, the ledger and the
environment's bucket, and messages of the topics are pulled here and handed over when, in which order and as often as
the test says, through the same boundary as in a deployed function.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from google.auth.credentials import AnonymousCredentials
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Client

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.cloud.topics import Incoming
from dagwarden.errors import DagwardenError, Permanent, Transient
from dagwarden.events.messages import MESSAGE_PUBLISHED, read_pubsub_event
from dagwarden.events.objects import NOTIFICATION_TYPES, read_object_event
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.gate import Gate
from dagwarden.handlers.mirror import MirrorHandler
from dagwarden.handlers.notify import handle_release
from dagwarden.handlers.record import handle_message
from dagwarden.ledger.read import Ledger
from dagwarden.names import Component, EnvironmentName, environment_object
from dagwarden.sync.agent import Agent
from dagwarden.sync.instance import Instance
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.reporter import Reporter
from dagwarden.sync.trees import Root
from localcloud.calls import Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import POLICY, Desk

INBOX, LEDGER, BUCKET = "inbox-events", "ledger-events", "bucket-events"
AGENTS = (Component.SCHEDULER, Component.WORKER, Component.WEBSERVER)
SETTLE_WITHIN_S = 60.0
"""Receipts leave by a thread of their own, which a busy machine lets wait."""
SETTLE_ROUNDS = 60
TAKES_CARE_OF_ALL = POLICY + "drift:\n  changed_files: heal\n  unknown_files: remove\n"


class Delivery(msgspec.Struct, frozen=True):
    """An event on its way to one taker."""

    taker: str
    """A function, or a component whose agent gets a notice."""
    attributes: dict[str, str]
    data: Any


class _Event:
    """An event as functions-framework hands it over."""

    def __init__(self, delivery: Delivery) -> None:
        self.data = delivery.data
        self._attributes = delivery.attributes

    def get_attributes(self) -> Mapping[str, str]:
        return self._attributes


class Plant:
    """One project, in which each pipeline has an environment of its own."""

    def __init__(self, cloud: Cloud, server: RunningCloud, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.calm = cloud
        """For pushers and for checks: it tries again for long."""
        self.cloud = Cloud(
            msgspec.structs.replace(cloud.settings, retry_deadline_s=0.02, snapshot_every=4), cloud.credentials
        )
        self.storage = Client(project=cloud.settings.project, credentials=AnonymousCredentials())
        self.topics = (INBOX, LEDGER, BUCKET, cloud.settings.receipts_topic, cloud.settings.notices_topic)
        self._count = 0
        self._make_topics()
        for bucket, topic in ((cloud.inbox.name, INBOX), (cloud.ledger.name, LEDGER)):
            self.notify(bucket, topic)

    def _make_topics(self) -> None:
        publisher, self._subscriber = PublisherClient(), SubscriberClient()
        project = self.cloud.settings.project
        for topic in (INBOX, LEDGER, BUCKET):
            publisher.create_topic(name=publisher.topic_path(project, topic))
        for topic in self.topics:
            self._subscriber.create_subscription(name=self._path(topic), topic=publisher.topic_path(project, topic))
        publisher.transport.close()

    def _path(self, topic: str) -> str:
        return str(self._subscriber.subscription_path(self.cloud.settings.project, topic))

    def pull(self, topic: str) -> list[Incoming]:
        """The messages that lie in the topic's subscription now; they are gone from it afterwards."""
        request = {"subscription": self._path(topic), "max_messages": 1000, "return_immediately": True}
        found = self._subscriber.pull(request=request, timeout=10.0).received_messages
        if found:
            ack_ids = [received.ack_id for received in found]
            self._subscriber.acknowledge(subscription=self._path(topic), ack_ids=ack_ids, timeout=10.0)
        return [
            Incoming(
                id=received.message.message_id,
                data=received.message.data,
                attributes=dict(received.message.attributes),
                published_at=dt.datetime.fromtimestamp(received.message.publish_time.timestamp(), dt.UTC),
                delivery_attempt=None,
            )
            for received in found
        ]

    def close(self) -> None:
        """No connection is left."""
        self.storage.close()
        self._subscriber.close()

    def notify(self, bucket: str, topic: str, **how: Any) -> None:
        """The bucket tells the topic of its changes."""
        self.storage.bucket(bucket).notification(
            topic_name=topic,
            topic_project=self.cloud.settings.project,
            payload_format="JSON_API_V1",
            **how,
        ).create()

    def next_environment(self) -> EnvironmentName:
        """The name of an environment that nothing was ever in."""
        self._count += 1
        return EnvironmentName(f"e{self._count}")


class Pipeline:
    """One environment and all that serves it."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.cloud = plant, plant.cloud
        self.admin = plant.server.admin
        self.environment = plant.next_environment()
        self.desk = Desk(plant.calm, self.environment, TAKES_CARE_OF_ALL)
        self.bucket = f"{self.cloud.settings.project}-{self.environment}"
        self._make_bucket()
        self.pending: list[Delivery] = []
        self.taken: list[Delivery] = []
        self.refused: list[str] = []
        """What the boundary recorded as meaning nothing: in a healthy pipeline, nothing."""
        self.seen: dict[Component, list[tuple[int, str]]] = {component: [] for component in AGENTS}
        """Each tree an agent showed, as (release, digest of what it holds)."""
        self.agents = {component: self._make_agent(component) for component in AGENTS}
        self.restart_functions()
        self.collect()

    def _make_bucket(self) -> None:
        self.plant.storage.bucket(self.bucket).create(location="US")
        for prefix in ("dags/", "plugins/"):
            attributes = {"environment": self.environment}
            self.plant.notify(self.bucket, BUCKET, custom_attributes=attributes, blob_name_prefix=prefix)
        text = f"apiVersion: dagwarden/v1\nkind: Environment\nname: {self.environment}\nbucket: {self.bucket}\n"
        self.cloud.store.write(
            environment_object(self.environment), text.encode(), generation=None, content_type="application/yaml"
        )

    # ---- functions ------------------------------------------------------------------------------------------------

    def restart_functions(self) -> None:
        """The functions' processes start anew, with nothing in memory."""
        cloud, audit = self.cloud, AuditWriter(self.cloud)
        gate, mirror, ledger = Gate(cloud), MirrorHandler(cloud), Ledger(cloud)
        handles: dict[str, Callable[[Mapping[str, str], object, Cloud], None]] = {
            "gate": lambda attributes, data, _: self._judge(gate, attributes, data),
            "notify": lambda attributes, data, _: handle_release(
                read_object_event(attributes, data), cloud, ledger, audit
            ),
            "mirror": lambda attributes, data, _: mirror.take(attributes, data),
            "record": lambda attributes, data, _: handle_message(
                read_pubsub_event(attributes, data), cloud, audit, utc_now
            ),
        }
        self._functions = {
            name: boundary(name, lambda: cloud)(self._noting_refusals(name, handle)) for name, handle in handles.items()
        }

    def _judge(self, gate: Gate, attributes: Mapping[str, str], data: object) -> None:
        gate.handle(read_object_event(attributes, data))

    def _noting_refusals(
        self, name: str, handle: Callable[[Mapping[str, str], object, Cloud], None]
    ) -> Callable[[Mapping[str, str], object, Cloud], None]:
        def take(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
            try:
                handle(attributes, data, cloud)
            except Permanent as error:
                self.refused.append(f"{name}: {error}")
                raise

        return take

    # ---- agents ---------------------------------------------------------------------------------------------------

    def _make_agent(self, component: Component) -> Agent:
        root = Root(self.plant.folder / self.environment / component)
        instance = Instance(environment=self.environment, component=component, name=f"{component}-1")
        metrics = Metrics(self.environment, component)
        reporter = Reporter(self.cloud, root, instance, now=utc_now, say=lambda *_, **__: None, metrics=metrics)
        agent = Agent(self.cloud, root, instance, reporter, utc_now)
        agent.open()
        reporter.outbox.start()
        return agent

    def restart_agent(self, component: Component) -> None:
        """The agent's process starts anew over what lies on its disk."""
        self.stop_agent(component)
        self.agents[component] = self._make_agent(component)

    def stop_agent(self, component: Component) -> None:
        """The agent is gone; its receipts are sent, or lie on its disk."""
        agent = self.agents[component]
        agent.reporter.outbox.stop(5.0)
        agent.close()

    def reconcile(self, component: Component) -> None:
        """The agent looks at the ledger, if that answers."""
        with contextlib.suppress(Transient):
            self.agents[component].reconcile()
        self._look_at(component)

    def _look_at(self, component: Component) -> None:
        tree = self.agents[component].root.current_tree()
        if tree is not None:
            self.seen[component].append((tree.number, tree.held_digest))

    def close(self) -> None:
        """No thread and no lock is left."""
        for component in self.agents:
            self.stop_agent(component)

    # ---- events ---------------------------------------------------------------------------------------------------

    def collect(self) -> int:
        """What the local cloud emitted since the last call is pending now; how much that was."""
        found = [delivery for topic in self.plant.topics for delivery in self._pull(topic)]
        self.pending += found
        return len(found)

    def _pull(self, topic: str) -> Iterator[Delivery]:
        for message in self.plant.pull(topic):
            yield from self._address(topic, message)

    def _address(self, topic: str, message: Incoming) -> Iterator[Delivery]:
        attributes = message.attributes
        if topic in (INBOX, LEDGER):
            if attributes["objectId"].startswith(f"{self.environment}/"):
                takers = ("gate",) if topic == INBOX else ("notify", "mirror")
                for taker in takers:
                    yield Delivery(taker, _to_storage_event(message), json.loads(message.data))
        elif topic == self.cloud.settings.notices_topic:
            if attributes["environment"] == self.environment and attributes["component"] in AGENTS:
                yield Delivery(attributes["component"], dict(attributes), message)
        elif topic == BUCKET:
            if attributes.get("environment") == self.environment:
                yield Delivery("mirror", *_to_message_event(topic, message))
        elif json.loads(message.data)["environment"] == self.environment:
            yield Delivery("record", *_to_message_event(topic, message))

    def deliver(self, delivery: Delivery, fault: Fault | None = None) -> bool:
        """Hand an event over, a fault befalling its calls if one is given; whether it was acknowledged."""
        if fault is not None:
            self.admin.plan_fault(fault)
        try:
            return self._hand_over(delivery)
        finally:
            if fault is not None:
                self.admin.forget_faults()

    def _hand_over(self, delivery: Delivery) -> bool:
        if delivery.taker in self.agents:
            component = Component(delivery.taker)
            self.agents[component].take_notice(delivery.data)  # never asked for again: a notice is a hint
            self._look_at(component)
            return True
        try:
            self._functions[delivery.taker](_Event(delivery))
        except DagwardenError:
            return False
        return True

    def settle(self) -> None:
        """Everything is delivered until nothing happens any more; then all look for what they missed."""
        self.admin.forget_faults()
        self._deliver_all()
        self.pending.append(Delivery("mirror", *_to_message_event("schedule", self._reconcile_message())))
        for component in self.agents:
            self._reconcile_until_done(component)
        for component in AGENTS:
            self.restart_agent(component)  # sends what receipts are left
        self._deliver_all()

    def _reconcile_until_done(self, component: Component) -> None:
        for _ in range(SETTLE_ROUNDS):
            with contextlib.suppress(Transient):
                self.agents[component].reconcile(reads_bytes=True)
                self._look_at(component)
                return
        raise AssertionError(f"{component} never looked at the ledger")

    def _deliver_all(self) -> None:
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while time.monotonic() < deadline:
            if not self.collect() and not self.pending and not self._unsent():
                return
            pending, self.pending = self.pending, []
            self.pending += [delivery for delivery in pending if not self._hand_over(delivery)]
            threading.Event().wait(0.01)
        raise AssertionError(f"events without end: {self.pending[:3]}")

    def _unsent(self) -> bool:
        return any(agent.reporter.outbox.waiting() for agent in self.agents.values())

    def _reconcile_message(self) -> Incoming:
        attributes = {"environment": self.environment, "do": "reconcile"}
        return Incoming(id="1", data=b"", attributes=attributes, published_at=utc_now(), delivery_attempt=None)

    # ---- strangers ------------------------------------------------------------------------------------------------

    def intrude(self, path: str, content: bytes | None) -> None:
        """Somebody writes an object of the environment's bucket, or deletes it (None), behind everybody's back."""
        blob = self.plant.storage.bucket(self.bucket).blob(path)
        if content is not None:
            blob.upload_from_string(content)
        elif blob.exists():
            blob.delete()


def _to_storage_event(message: Incoming) -> dict[str, str]:
    """The context attributes of the direct event that Eventarc makes of such a change."""
    kind = NOTIFICATION_TYPES[message.attributes["eventType"]]
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": f"//storage.googleapis.com/projects/_/buckets/{message.attributes['bucketId']}",
        "type": f"google.cloud.storage.object.v1.{kind}",
        "subject": f"objects/{message.attributes['objectId']}",
        "time": message.attributes.get("eventTime", message.published_at.isoformat()),
        "bucket": message.attributes["bucketId"],
    }


def _to_message_event(topic: str, message: Incoming) -> tuple[dict[str, str], Any]:
    """The CloudEvent that Eventarc makes of a message: its context attributes, and its data."""
    published = message.published_at.astimezone(dt.UTC).isoformat()
    attributes = {
        "specversion": "1.0",
        "id": message.id,
        "source": f"//pubsub.googleapis.com/projects/p/topics/{topic}",
        "type": MESSAGE_PUBLISHED,
        "time": published,
    }
    shape = {
        "attributes": dict(message.attributes),
        "data": base64.b64encode(message.data).decode(),
        "messageId": message.id,
        "publishTime": published,
    }
    return attributes, {"subscription": "projects/p/subscriptions/s", "message": shape}
