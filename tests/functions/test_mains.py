"""The deployable main.py of notify and record, booted as Cloud Run boots them, with headers as Eventarc sends them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.commit import Committed
from dagwarden.names import Digest, EnvironmentName, ReleaseNumber, release_object, status_object
from dagwarden.settings import Settings
from dagwarden.sync.notice import Receipt, ReceiptOutcome
from dagwarden.wire import encode
from localcloud.testing import RunningCloud

REPOSITORY = Path(__file__).parents[2]
FUNCTIONS = REPOSITORY / "functions"
HEADERS: dict[str, dict[str, str]] = json.loads((REPOSITORY / "tests/events/headers.json").read_text())
FINALIZED = HEADERS["storage_finalized"]
PUBLISHED = HEADERS["pubsub_messagePublished"]
PROD = EnvironmentName("prod")

Post = tuple[dict[str, str], str]
Boot = Callable[..., dict[str, Any]]


def release_event(cloud: Cloud, committed: Committed) -> Post:
    info = cloud.ledger.stat(release_object(PROD, committed.release.number))
    assert info is not None
    data = {
        "bucket": info.bucket,
        "name": info.name,
        "generation": str(info.generation),
        "size": str(info.size_bytes),
        "timeCreated": info.updated_at.isoformat(),
    }
    return FINALIZED, json.dumps(data)


def receipt_event(settings: Settings) -> Post:
    now = dt.datetime.now(dt.UTC)
    receipt = Receipt(
        environment=PROD,
        component="worker",
        instance="w-1",
        outcome=ReceiptOutcome.APPLIED,
        release=ReleaseNumber(1),
        digest=Digest("ab" * 32),
        tree=Digest("cd" * 32),
        at=now,
        visible_at=now,
    )
    return published(settings, settings.receipts_topic, encode(receipt))


def published(settings: Settings, topic: str, content: bytes) -> Post:
    headers = {**PUBLISHED, "ce-source": f"//pubsub.googleapis.com/projects/{settings.project}/topics/{topic}"}
    return headers, json.dumps({"message": {"data": base64.b64encode(content).decode(), "messageId": "m1"}})


def kinds(cloud: Cloud) -> list[Kind]:
    return [entry.kind for entry in read_entries(cloud.audit_log, AuditQuery())]


@pytest.mark.usefixtures("notices")
def test_notify_announces_a_release_and_takes_what_means_nothing(
    cloud: Cloud, boot: Boot, release_files: Callable[..., Committed]
) -> None:
    post = release_event(cloud, release_files({"dags/a.py": "1"}))
    answer = boot(
        "notify",
        post,
        post,
        (FINALIZED, "{"),
        (FINALIZED, ""),
        (FINALIZED, (REPOSITORY / "tests/events/storage/StorageObjectData-simple.json").read_text()),
        ({**FINALIZED, "ce-type": "google.cloud.storage.bucket.v1.strange"}, "{}"),
        ({"content-type": "application/json"}, "{}"),
    )
    assert answer["statuses"] == [200, 200, 200, 200, 200, 200, 400]
    assert len(cloud.subscription(cloud.settings.notices_topic).pull(100)) >= 5
    assert sorted(set(kinds(cloud))) == [Kind.EVENT_REFUSED, Kind.RELEASE_NOTIFIED]


def test_record_keeps_a_receipt_and_takes_what_means_nothing(cloud: Cloud, boot: Boot, settings: Settings) -> None:
    answer = boot(
        "record",
        receipt_event(settings),
        published(settings, settings.receipts_topic, b"no receipt"),
        published(settings, settings.dead_letters_topic, b"a dead letter"),
        published(settings, "somebody-elses", b""),
        (PUBLISHED, "[]"),
    )
    assert answer["statuses"] == [200, 200, 200, 200, 200]
    assert cloud.store.stat(status_object(PROD, "worker", "w-1")) is not None
    assert sorted(set(kinds(cloud))) == [Kind.EVENT_DEAD_LETTERED, Kind.EVENT_REFUSED, Kind.RELEASE_SYNCED]
    assert not any(name.startswith("google.cloud.pubsub") for name in answer["imported"])


def test_no_client_is_imported_before_the_first_event(boot: Boot) -> None:
    for name in ("notify", "record"):
        assert not [
            module
            for module in boot(name)["imported_at_start"]
            if module.startswith(("google.cloud.storage", "google.cloud.pubsub", "google.cloud.logging"))
        ]


def test_event_comes_again_while_a_service_is_down(
    boot: Boot, settings: Settings, cloud: Cloud, cloud_server: RunningCloud
) -> None:
    for service in ("storage", "logging"):
        cloud_server.admin.plan(service, "fail", status=503, times=1000)
        answer = boot("record", receipt_event(settings), DAGWARDEN_RETRY_DEADLINE_S="0.5")
        assert answer["statuses"] == [500]
        cloud_server.admin.forget_faults()


def test_event_comes_again_while_a_permission_is_missing(
    boot: Boot, settings: Settings, cloud_server: RunningCloud
) -> None:
    cloud_server.admin.plan("storage", "fail", status=403, times=1000)
    assert boot("record", receipt_event(settings))["statuses"] == [500]


def test_refusal_that_cannot_be_recorded_comes_again(
    boot: Boot, settings: Settings, cloud_server: RunningCloud
) -> None:
    cloud_server.admin.plan("logging", "fail", status=503, times=1000)
    answer = boot(
        "record", published(settings, settings.receipts_topic, b"no receipt"), DAGWARDEN_RETRY_DEADLINE_S="0.5"
    )
    assert answer["statuses"] == [500]


def test_wrong_settings_are_no_reason_to_acknowledge(boot: Boot, settings: Settings) -> None:
    assert boot("record", receipt_event(settings), DAGWARDEN_STORE_BUCKET="")["statuses"] == [500]
