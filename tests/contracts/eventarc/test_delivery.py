"""What happens to objects, topics and policies reaches the trigger's destination as a CloudEvent, at least once."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import grpc
import pytest
import requests
from google.cloud import storage
from google.oauth2 import id_token
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from hypothesis import given
from hypothesis import strategies as st

from localcloud.eventarc.cloudevents import encode_header
from localcloud.eventarc.triggers import Delivery
from localcloud.testing import RunningCloud, running_cloud

from .conftest import FAST, Destination
from .provisioner import Provisioner, ProvisionError

FINALIZED = "google.cloud.storage.object.v1.finalized"
DELETED = "google.cloud.storage.object.v1.deleted"
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
WRITTEN = "google.cloud.audit.log.v1.written"


def test_an_upload_is_delivered_as_the_real_one_would_be(
    provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    account = provisioner.account("gate-sa")
    provisioner.trigger(
        "gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, service_account=account, delivery=FAST
    )
    blob = bucket.blob("prod/pushes/ä b.tar.gz")
    blob.metadata = {"attestation": "x"}
    blob.upload_from_string(b"content", content_type="application/gzip")
    [received] = destination.await_count(1)
    headers, data = received.headers, received.data
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-type"] == FINALIZED
    assert headers["ce-source"] == f"//storage.googleapis.com/projects/_/buckets/{bucket.name}"
    assert headers["ce-subject"] == "objects/prod/pushes/%C3%A4%20b.tar.gz"
    assert headers["ce-bucket"] == bucket.name
    assert headers["ce-id"].isdigit()
    assert headers["ce-time"].endswith("Z")
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("APIs-Google")
    assert headers["traceparent"].startswith("00-")
    assert data["name"] == "prod/pushes/ä b.tar.gz"
    assert data["generation"] == str(blob.generation)
    assert (data["size"], data["metageneration"]) == ("7", "1")
    assert data["metadata"] == {"attestation": "x"}
    assert data["kind"] == "storage#object"
    assert data["contentType"] == "application/gzip"


def test_the_delivery_bears_a_token_of_the_triggers_account(
    provisioner: Provisioner, bucket: storage.Bucket, destination: Destination, http: requests.Session
) -> None:
    account = provisioner.account("gate-sa")
    provisioner.trigger(
        "gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, service_account=account, delivery=FAST
    )
    bucket.blob("a").upload_from_string(b"a")
    [received] = destination.await_count(1)
    scheme, _, token = received.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    transport = google.auth.transport.requests.Request(session=http)
    claims = id_token.verify_token(token, transport, destination.url, f"{provisioner.url}/oauth2/v1/certs")
    assert (claims["email"], claims["email_verified"]) == (account, True)


def test_only_the_bucket_and_type_asked_for_are_delivered(
    provisioner: Provisioner, owner: storage.Client, bucket: storage.Bucket, destination: Destination
) -> None:
    provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=FAST)
    other = owner.create_bucket(f"{bucket.name}-other")
    other.blob("a").upload_from_string(b"a")
    bucket.blob("b").upload_from_string(b"b")
    bucket.blob("b").delete()
    bucket.blob("c").upload_from_string(b"c")
    assert sorted(each.data["name"] for each in destination.await_count(2)) == ["b", "c"]


def test_a_delivery_answered_with_500_is_tried_again_until_it_is_taken(
    provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    destination.statuses = [500, 429, 404]
    provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=FAST)
    bucket.blob("a").upload_from_string(b"a")
    received = destination.await_count(4)
    assert len({each.headers["ce-id"] for each in received}) == 1
    assert len({each.headers["traceparent"].split("-")[1] for each in received}) == 1
    assert len({each.body for each in received}) == 1


def test_failing_deliveries_come_further_and_further_apart_up_to_a_limit(
    provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    destination.statuses = [500] * 4
    provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=FAST)
    bucket.blob("a").upload_from_string(b"a")
    times_s = [each.at_s for each in destination.await_count(5)]
    waits_s = [after - before for before, after in itertools.pairwise(times_s)]
    least_s = [FAST.min_backoff_s, FAST.min_backoff_s * 2, FAST.max_backoff_s, FAST.max_backoff_s]
    assert all(wait_s >= least * 0.9 for wait_s, least in zip(waits_s, least_s, strict=True)), waits_s


def test_what_is_never_taken_lies_in_the_dead_letter_topic(
    cloud: RunningCloud, project: str, provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    destination.statuses = [500] * 100
    topic, subscription = f"projects/{project}/topics/dead", f"projects/{project}/subscriptions/dead"
    with (
        grpc.insecure_channel(cloud.endpoints.pubsub) as channel,
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as publisher,
        SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)) as subscriber,
    ):
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
        delivery = Delivery(min_backoff_s=0.02, max_backoff_s=0.05, dead_letter_topic=topic, max_attempts=5)
        provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=delivery)
        bucket.blob("a").upload_from_string(b"a")
        answer = subscriber.pull(subscription=subscription, max_messages=1, timeout=15)
    [dead] = answer.received_messages
    assert json.loads(dead.message.data)["name"] == "a"
    assert dead.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert len(destination.received) == 5


def test_a_planned_duplicate_is_delivered_twice_with_one_id(
    cloud: RunningCloud, provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=FAST)
    cloud.admin.plan("pubsub", "duplicate", subject="*eventarc-local-gate-sub-*")
    bucket.blob("a").upload_from_string(b"a")
    first, second = destination.await_count(2)
    assert first.headers["ce-id"] == second.headers["ce-id"]


def test_a_message_of_a_topic_is_delivered_as_an_event(
    cloud: RunningCloud, project: str, provisioner: Provisioner, destination: Destination
) -> None:
    topic = f"projects/{project}/topics/receipts"
    with (
        grpc.insecure_channel(cloud.endpoints.pubsub) as channel,
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as publisher,
    ):
        publisher.create_topic(name=topic)
        provisioner.trigger("record", PUBLISHED, destination.url, topic=topic, delivery=FAST)
        [message_id] = publisher.publish(
            topic=topic, messages=[PubsubMessage(data=b"hello", attributes={"component": "worker"})]
        ).message_ids
    [received] = destination.await_count(1)
    assert received.headers["ce-type"] == PUBLISHED
    assert received.headers["ce-source"] == f"//pubsub.googleapis.com/{topic}"
    assert received.headers["ce-id"] == message_id
    assert "ce-subject" not in received.headers
    message = received.data["message"]
    assert base64.b64decode(message["data"]) == b"hello"
    assert message["attributes"] == {"component": "worker"}
    assert message["messageId"] == message_id
    assert received.data["subscription"].startswith(f"projects/{project}/subscriptions/eventarc-local-record-sub-")


def test_a_bucket_policy_change_is_delivered_as_an_audit_event(
    provisioner: Provisioner, owner: storage.Client, bucket: storage.Bucket, destination: Destination, project: str
) -> None:
    provisioner.trigger(
        "iam-guard",
        WRITTEN,
        destination.url,
        attributes={"serviceName": "storage.googleapis.com", "methodName": "storage.setIamPermissions"},
        resource_pattern="/projects/_/buckets/*-inbox",
        delivery=FAST,
    )
    for changed in (owner.create_bucket(f"{project}-unwatched"), bucket):
        policy = changed.get_iam_policy(requested_policy_version=3)
        policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:eve@example.com"}})
        changed.set_iam_policy(policy)
    [received] = destination.await_count(1)
    headers, entry = received.headers, received.data
    expected = json.loads((Path(__file__).parents[2] / "events" / "headers.json").read_text())
    assert headers.keys() >= expected["audit_storage_setIamPermissions"].keys()
    assert headers["ce-source"] == f"//cloudaudit.googleapis.com/projects/{project}/logs/activity"
    assert headers["ce-subject"] == f"storage.googleapis.com/projects/_/buckets/{bucket.name}"
    assert headers["ce-methodname"] == "storage.setIamPermissions"
    assert headers["ce-servicename"] == "storage.googleapis.com"
    assert headers["ce-id"].startswith(entry["logName"] + entry["insertId"])
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert entry["protoPayload"]["resourceName"] == f"projects/_/buckets/{bucket.name}"
    assert {"action": "ADD", "role": "roles/storage.objectViewer", "member": "user:eve@example.com"} in entry[
        "protoPayload"
    ]["serviceData"]["policyDelta"]["bindingDeltas"]


def test_audit_events_of_other_projects_are_not_delivered(
    cloud: RunningCloud, provisioner: Provisioner, destination: Destination
) -> None:
    attributes = {"serviceName": "cloudresourcemanager.googleapis.com", "methodName": "SetIamPolicy"}
    provisioner.trigger("iam-guard", WRITTEN, destination.url, attributes=attributes, delivery=FAST)
    with Provisioner(cloud.url, "elsewhere") as elsewhere:
        elsewhere.bind_project("roles/viewer", "user:eve@example.com")
    provisioner.bind_project("roles/owner", "user:eve@example.com")
    [received] = destination.await_count(1)
    assert received.headers["ce-resourcename"] == f"projects/{provisioner.project}"


def test_an_event_survives_the_death_of_the_cloud_before_its_delivery(
    tmp_path: Path, destination: Destination, http: requests.Session
) -> None:
    destination.statuses = [500] * 3
    with running_cloud(tmp_path) as cloud, Provisioner(cloud.url, "proj-local") as provisioner:
        provisioner.account("gate-sa")
        provisioner.trigger("gate", DELETED, destination.url, attributes={"bucket": "inbox"}, delivery=FAST)
        assert http.post(f"{cloud.url}/storage/v1/b?project=proj-local", json={"name": "inbox"}, timeout=5).ok
        cloud.admin.plan("pubsub", "delay", subject="*eventarc*", delay_s=60.0, times=100)
        upload = f"{cloud.url}/upload/storage/v1/b/inbox/o?uploadType=media&name=a"
        assert http.post(upload, data=b"a", timeout=5).ok
        assert http.delete(f"{cloud.url}/storage/v1/b/inbox/o/a", timeout=5).ok
        assert destination.received == []
    with running_cloud(tmp_path):
        received = destination.await_count(4)
    assert {each.headers["ce-type"] for each in received} == {DELETED}


def test_a_deleted_trigger_delivers_nothing_and_can_be_made_again(
    provisioner: Provisioner, bucket: storage.Bucket, destination: Destination
) -> None:
    attributes = {"bucket": bucket.name}
    provisioner.trigger("gate", FINALIZED, destination.url, attributes=attributes, delivery=FAST)
    provisioner.trigger("gate", FINALIZED, destination.url, attributes=attributes, delivery=FAST)
    provisioner.delete_trigger("gate")
    bucket.blob("a").upload_from_string(b"a")
    provisioner.trigger("gate", FINALIZED, destination.url, attributes=attributes, delivery=FAST)
    bucket.blob("b").upload_from_string(b"b")
    assert [each.data["name"] for each in destination.await_count(1)] == ["b"]
    provisioner.delete_trigger("gate")
    with pytest.raises(ProvisionError, match="404"):
        provisioner.delete_trigger("gate")


def test_an_upload_answered_with_503_is_delivered_all_the_same(
    cloud: RunningCloud,
    provisioner: Provisioner,
    bucket: storage.Bucket,
    destination: Destination,
    http: requests.Session,
) -> None:
    provisioner.trigger("gate", FINALIZED, destination.url, attributes={"bucket": bucket.name}, delivery=FAST)
    cloud.admin.plan("storage", "fail_after", method="objects.insert")
    response = http.post(
        f"{cloud.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a", data=b"a", timeout=5
    )
    assert response.status_code == 503
    [received] = destination.await_count(1)
    assert received.data["name"] == "a"


def test_an_upload_succeeds_when_somebody_has_deleted_the_transport_topic(
    cloud: RunningCloud, project: str, provisioner: Provisioner, bucket: storage.Bucket, http: requests.Session
) -> None:
    provisioner.trigger("gate", FINALIZED, "http://127.0.0.1:9/", attributes={"bucket": bucket.name})
    url = f"{cloud.url}/v1/projects/{project}/locations/local/triggers/gate"
    topic = http.get(url, timeout=5).json()["transport"]["pubsub"]["topic"]
    with (
        grpc.insecure_channel(cloud.endpoints.pubsub) as channel,
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as publisher,
    ):
        publisher.delete_topic(topic=topic)
    bucket.blob("a").upload_from_string(b"a")
    provisioner.delete_trigger("gate")


@given(st.text(max_size=200))
def test_any_text_fits_into_a_header(text: str) -> None:
    encoded = encode_header(text)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert " " not in encoded


BAD: dict[str, dict[str, Any]] = {
    "no filters": {"eventFilters": None},
    "filters of another kind": {"eventFilters": "type"},
    "no type": {"eventFilters": [{"attribute": "bucket", "value": "b"}]},
    "unknown type": {"eventFilters": [{"attribute": "type", "value": "x"}]},
    "no bucket": {"eventFilters": [{"attribute": "type", "value": FINALIZED}]},
    "unknown attribute": {
        "eventFilters": [
            {"attribute": "type", "value": FINALIZED},
            {"attribute": "bucket", "value": "b"},
            {"attribute": "prefix", "value": "b"},
        ]
    },
    "pattern on a bucket": {
        "eventFilters": [
            {"attribute": "type", "value": FINALIZED},
            {"attribute": "bucket", "value": "*", "operator": "match-path-pattern"},
        ]
    },
    "unknown operator": {"eventFilters": [{"attribute": "type", "value": FINALIZED, "operator": "like"}]},
    "no destination": {"destination": None},
    "destination of another kind": {"destination": {"httpEndpoint": "x"}},
    "destination that is no URL": {"destination": {"httpEndpoint": {"uri": "gate"}}},
    "unknown account": {"serviceAccount": "nobody@example.com"},
    "labels of another kind": {"labels": {"a": 1}},
    "unknown delivery option": {"localDelivery": {"speed": 1}},
    "delivery option of another kind": {"localDelivery": {"minBackoffS": "fast"}},
    "too few attempts": {"localDelivery": {"deadLetterTopic": "projects/p/topics/dead", "maxAttempts": 1}},
    "a topic for storage events": {"transport": {"pubsub": {"topic": "projects/p/topics/mine"}}},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_a_trigger_that_is_none_is_refused(
    cloud: RunningCloud, project: str, http: requests.Session, change: dict[str, Any]
) -> None:
    body = {
        "eventFilters": [{"attribute": "type", "value": FINALIZED}, {"attribute": "bucket", "value": "b"}],
        "destination": {"httpEndpoint": {"uri": "http://127.0.0.1:9/"}},
    }
    url = f"{cloud.url}/v1/projects/{project}/locations/local/triggers"
    response = http.post(url, params={"triggerId": "gate"}, json={**body, **change}, timeout=5)
    assert response.status_code in (400, 404), response.text
    assert http.get(url, timeout=5).json() == {}
    for trigger_id in ("", "Gate", "a/b", "-a", "a" * 64):
        assert http.post(url, params={"triggerId": trigger_id}, json=body, timeout=5).status_code == 400
    assert http.post(url, params={"triggerId": "gate"}, json=body, timeout=5).json()["done"] is True
    [shown] = http.get(url, timeout=5).json()["triggers"]
    assert shown == http.get(f"{url}/gate", timeout=5).json()
    assert shown["eventFilters"] == body["eventFilters"]
