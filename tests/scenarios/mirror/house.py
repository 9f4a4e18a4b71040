"""A whole environment on the local cloud: releases, the bucket, its notifications, the mirror's events."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import uuid
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Client

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.events import read_pubsub_event
from dagwarden.handlers.mirror import MirrorHandler
from dagwarden.handlers.record import handle_message
from dagwarden.ledger.commit import commit
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import LedgerState
from dagwarden.names import EnvironmentName, release_object
from dagwarden.settings import Settings
from dagwarden.sync.drift import PREFIXES
from dagwarden.sync.heal import Found, Healer
from dagwarden.sync.mirror import Mirror
from dagwarden.sync.notice import Receipt
from dagwarden.wire import decode
from localcloud.testing import RunningCloud
from tests.unit.ledger.building import draft

PROD = EnvironmentName("prod")
Message = dict[str, Any]


class House:
    """One environment, `prod`, and what stands around it."""

    def __init__(self, running: RunningCloud) -> None:
        self.admin = running.admin
        self.environ = running.endpoints.to_environ()
        self.project = f"proj-{uuid.uuid4().hex[:8]}"
        self.settings = self._settle(running.url)
        self.cloud = Cloud(self.settings, AnonymousCredentials())
        self.ledger = Ledger(self.cloud)
        self.storage = Client(project=self.project, credentials=AnonymousCredentials())
        self.publisher = PublisherClient(credentials=AnonymousCredentials())
        self.subscriber = SubscriberClient(credentials=AnonymousCredentials())
        self.bucket_name = f"env-{self.project}"
        self._ids = itertools.count(1)
        for name in (self.settings.ledger_bucket, self.settings.store_bucket, self.bucket_name):
            self._make_bucket(name)
        self._make_account(running.url)
        self._listen()
        self.write_yaml("environment", f"name: prod\nbucket: {self.bucket_name}\n")
        self.handler = MirrorHandler(self.cloud)

    # ---- making it ------------------------------------------------------------------------------------------------

    def _settle(self, url: str) -> Settings:
        gate = f"dagwarden-gate@{self.project}.iam.gserviceaccount.com"
        return Settings(
            project=self.project,
            ledger_bucket=f"ledger-{self.project}",
            store_bucket=f"store-{self.project}",
            gate_service_account=gate,
            service_account=gate,
            logging_endpoint=url,
            iam_endpoint=url,
            certificates_endpoint=url,
            retry_deadline_s=3.0,
            caller="mirror",
        )

    def _make_bucket(self, name: str) -> None:
        bucket = self.storage.bucket(name)
        bucket.versioning_enabled = True
        bucket.create(location="US")

    def _make_account(self, url: str) -> None:
        answer = requests.post(
            f"{url}/v1/projects/{self.project}/serviceAccounts", json={"accountId": "dagwarden-gate"}, timeout=10
        )
        answer.raise_for_status()

    def _listen(self) -> None:
        for name in (self.settings.receipts_topic, "bucket-events"):
            topic = self.publisher.topic_path(self.project, name)
            self.publisher.create_topic(name=topic)
            self.subscriber.create_subscription(name=self._path(name), topic=topic)
        for prefix in PREFIXES:
            self.storage.bucket(self.bucket_name).notification(
                topic_name="bucket-events",
                topic_project=self.project,
                custom_attributes={"environment": PROD},
                blob_name_prefix=prefix,
                payload_format="JSON_API_V1",
            ).create()

    def _path(self, subscription: str) -> str:
        return str(self.subscriber.subscription_path(self.project, subscription))

    def close(self) -> None:
        self.storage.close()
        self.publisher.transport.close()
        self.subscriber.close()

    def write_yaml(self, name: str, text: str) -> None:
        """`environment` or `policy` of prod."""
        content = f"apiVersion: dagwarden/v1\nkind: {name.capitalize()}\n{text}"
        self.storage.bucket(self.settings.store_bucket).blob(f"{PROD}/{name}.yaml").upload_from_string(content)

    # ---- what others do -------------------------------------------------------------------------------------------

    def release(self, files: dict[str, bytes] | None = None, *, deletes: tuple[str, ...] = ()) -> LedgerState:
        """Commit a release on the head, as the gate does."""
        number = next(self._ids)
        state = self.ledger.state(PROD)
        after = commit(
            self.cloud,
            state,
            draft(files or {}, deletes, head=f"c{number}"),
            attempt=f"attempt-{number}",
            now=utc_now(),
        )
        assert after is not None
        self.ledger.remember(after.state)
        return after.state

    def upload(self, name: str, content: bytes, **metadata: str) -> int:
        """A stranger writes an object; returns its generation."""
        blob = self.storage.bucket(self.bucket_name).blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content)
        return int(blob.generation)

    def remove(self, name: str) -> None:
        """A stranger deletes an object."""
        self.storage.bucket(self.bucket_name).blob(name).delete()

    # ---- events ---------------------------------------------------------------------------------------------------

    def release_event(self, number: int) -> Message:
        """The finalize event of a release, as Eventarc sends it."""
        blob = self.storage.bucket(self.settings.ledger_bucket).get_blob(release_object(PROD, number))  # type: ignore[arg-type]
        assert blob is not None
        data = {
            "bucket": self.settings.ledger_bucket,
            "name": blob.name,
            "generation": str(blob.generation),
            "size": str(blob.size),
            "md5Hash": blob.md5_hash,
            "timeCreated": blob.time_created.isoformat(),
        }
        attributes = {"type": "google.cloud.storage.object.v1.finalized", "id": f"release-{number}", "source": "s"}
        return {"attributes": attributes, "data": data}

    def bucket_events(self) -> list[Message]:
        """What the bucket's notifications told since the last call, as Eventarc hands messages on."""
        return [_to_event(message, "bucket-events") for message in self._pull("bucket-events")]

    def reconcile_event(self) -> Message:
        """What the schedule sends."""
        message = {
            "attributes": {"environment": PROD, "do": "reconcile"},
            "data": "",
            "messageId": str(next(self._ids)),
        }
        message["publishTime"] = dt.datetime.now(dt.UTC).isoformat()
        return _wrap(message, "schedule")

    def deliver(self, *events: Message) -> None:
        """Hand events to the function, as it stands."""
        for event in events:
            self.handler.take(event["attributes"], event["data"])

    def settle(self) -> None:
        """Deliver the bucket's events, and those that this makes, until there are none; receipts are recorded."""
        for _ in range(20):
            events = self.bucket_events()
            self.deliver(*events)
            if not self.record() and not events:
                return
        raise AssertionError("events beget events without end")

    def mirror(self, number: int) -> None:
        """The release's event arrives, and all that follows from it."""
        self.deliver(self.release_event(number))
        self.settle()

    def survey(self) -> Found:
        """What a look at the whole bucket finds."""
        mirror = Mirror(self.cloud, self.ledger, AuditWriter(self.cloud), utc_now)
        return Healer(self.cloud, mirror).survey(PROD, mirror.open_bucket(self.bucket_name))

    def restart(self) -> None:
        """The function's process starts anew, with nothing in memory."""
        self.handler = MirrorHandler(self.cloud)

    def record(self) -> list[Receipt]:
        """Let `record` take all receipts; returns them."""
        topic = self.settings.receipts_topic
        events = [_to_event(message, topic) for message in self._pull(topic)]
        receipts = []
        for event in events:
            message = read_pubsub_event(event["attributes"], event["data"])
            handle_message(message, self.cloud, AuditWriter(self.cloud), utc_now)
            receipts.append(decode(Receipt, message.data))
        return receipts

    def _pull(self, name: str) -> list[Any]:
        answer = self.subscriber.pull(
            request={"subscription": self._path(name), "max_messages": 1000, "return_immediately": True}, timeout=10
        )
        ids = [received.ack_id for received in answer.received_messages]
        if ids:
            self.subscriber.acknowledge(subscription=self._path(name), ack_ids=ids, timeout=10)
        return [received.message for received in answer.received_messages]

    # ---- what came of it ------------------------------------------------------------------------------------------

    def tree(self) -> dict[str, bytes]:
        """All objects of the environment's bucket."""
        return {blob.name: blob.download_as_bytes() for blob in self.storage.list_blobs(self.bucket_name)}

    def head_tree(self) -> dict[str, bytes]:
        """All files of the head release."""
        state = Ledger(self.cloud).state(PROD)
        return {path: self.ledger.content(PROD, entry) for path, entry in state.files.items()}

    def audit(self, kind: str) -> list[AuditEntry]:
        """The audit entries of a kind, oldest first."""
        return list(read_entries(self.cloud.audit_log, AuditQuery(kind=Kind(kind))))

    def generations(self) -> dict[str, int]:
        """Name -> live generation."""
        return {blob.name: int(blob.generation) for blob in self.storage.list_blobs(self.bucket_name)}


def _to_event(message: Any, topic: str) -> Message:
    shape = {
        "attributes": dict(message.attributes),
        "data": base64.b64encode(message.data).decode(),
        "messageId": message.message_id,
        "publishTime": message.publish_time.isoformat(),
    }
    return _wrap(shape, topic)


def _wrap(message: Message, topic: str) -> Message:
    attributes = {
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "id": message["messageId"],
        "source": f"//pubsub.googleapis.com/projects/p/topics/{topic}",
        "time": message["publishTime"],
    }
    return {"attributes": attributes, "data": {"subscription": "projects/p/subscriptions/s", "message": message}}
