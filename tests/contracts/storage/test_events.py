"""What happens to objects is told once, in full, inside the transaction that makes it happen."""

from __future__ import annotations

import json

import pytest
import requests
from google.cloud import storage

TOPIC = "projects/proj-local/topics/changes"


def _write(bucket: storage.Bucket, content: str = "x", name: str = "dags/a.py") -> int:
    blob = bucket.blob(name)
    blob.upload_from_string(content)
    return int(blob.generation)


def _kinds(local) -> list[tuple[str, int]]:
    return [(kind, int(resource["generation"])) for kind, resource in local.events.emitted]


def test_an_unversioned_replacement_finalizes_the_new_and_deletes_the_old(local, own_bucket: storage.Bucket) -> None:
    first, second = _write(own_bucket), _write(own_bucket)
    assert _kinds(local) == [("finalized", first), ("finalized", second), ("deleted", first)]


def test_a_versioned_replacement_finalizes_the_new_and_archives_the_old(local, own_versioned: storage.Bucket) -> None:
    first, second = _write(own_versioned), _write(own_versioned)
    assert _kinds(local) == [("finalized", first), ("finalized", second), ("archived", first)]


def test_deleting_the_live_version_archives_and_deleting_a_version_deletes(
    local, own_versioned: storage.Bucket
) -> None:
    first = _write(own_versioned)
    own_versioned.delete_blob("dags/a.py")
    own_versioned.delete_blob("dags/a.py", generation=first)
    assert _kinds(local) == [("finalized", first), ("archived", first), ("deleted", first)]


def test_deleting_in_an_unversioned_bucket_deletes(local, own_bucket: storage.Bucket) -> None:
    first = _write(own_bucket)
    own_bucket.delete_blob("dags/a.py")
    assert _kinds(local) == [("finalized", first), ("deleted", first)]
    assert "timeDeleted" in local.events.emitted[1][1]


def test_copy_compose_and_move_finalize_and_patch_updates_metadata(local, own_bucket: storage.Bucket) -> None:
    _write(own_bucket, name="a")
    source = own_bucket.blob("a")
    own_bucket.copy_blob(source, own_bucket, "b")
    own_bucket.blob("c").compose([source])
    own_bucket.move_blob(source, "d")
    patched = own_bucket.blob("d")
    patched.metadata = {"k": "v"}
    patched.patch()
    assert local.events.kinds() == [
        ("finalized", "a"),
        ("finalized", "b"),
        ("finalized", "c"),
        ("finalized", "d"),
        ("deleted", "a"),
        ("metadataUpdated", "d"),
    ]


def test_what_fails_is_not_told(local, own_bucket: storage.Bucket) -> None:
    _write(own_bucket)
    upload = f"{local.url}/upload/storage/v1/b/{own_bucket.name}/o?uploadType=media&name=dags/a.py"
    assert requests.post(f"{upload}&ifGenerationMatch=0", data=b"x", timeout=10).status_code == 412
    assert requests.post(upload, data=b"x", headers={"x-goog-hash": "crc32c=AAAAAA=="}, timeout=10).status_code == 400
    assert len(local.events.emitted) == 1


def test_an_event_carries_the_fields_of_real_ones(local, own_bucket: storage.Bucket) -> None:
    blob = own_bucket.blob("dags/a.py")
    blob.metadata = {"push-id": "p1"}
    blob.upload_from_string("print()", content_type="text/x-python")
    ((_, resource),) = local.events.emitted
    assert resource["kind"] == "storage#object"
    assert resource["id"] == f"{own_bucket.name}/dags/a.py/{blob.generation}"
    assert (resource["generation"], resource["metageneration"], resource["size"]) == (str(blob.generation), "1", "7")
    assert resource["metadata"] == {"push-id": "p1"}
    assert resource["contentType"] == "text/x-python"
    for field in ("bucket", "name", "md5Hash", "crc32c", "etag", "timeCreated", "updated", "storageClass"):
        assert resource[field]
    assert resource["selfLink"].startswith("https://")
    assert "generation=" in resource["mediaLink"]


def test_an_event_that_cannot_be_kept_undoes_the_write(local, own_bucket: storage.Bucket) -> None:
    first = _write(own_bucket, "old")
    local.events.breaks = True
    upload = f"{local.url}/upload/storage/v1/b/{own_bucket.name}/o?uploadType=media&name=dags/a.py"
    assert requests.post(upload, data=b"new", timeout=10).status_code == 500
    assert own_bucket.get_blob("dags/a.py").generation == first
    assert own_bucket.blob("dags/a.py").download_as_bytes() == b"old"
    assert _kinds(local) == [("finalized", first)]


@pytest.fixture
def config(own_bucket: storage.Bucket) -> storage.notification.BucketNotification:
    made = own_bucket.notification(
        "changes",
        custom_attributes={"env": "prod"},
        event_types=["OBJECT_FINALIZE", "OBJECT_DELETE"],
        blob_name_prefix="dags/",
        payload_format="JSON_API_V1",
    )
    made.create()
    return made


def test_a_notification_carries_attributes_and_payload_of_real_ones(
    local, own_bucket: storage.Bucket, config: storage.notification.BucketNotification
) -> None:
    first, second = _write(own_bucket), _write(own_bucket)
    topics, payloads, attributes = zip(*local.broker.published, strict=True)
    assert set(topics) == {TOPIC}
    new, replacing, old = attributes
    assert "T" in new.pop("eventTime")
    assert new == {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": own_bucket.name,
        "objectId": "dags/a.py",
        "objectGeneration": str(first),
        "payloadFormat": "JSON_API_V1",
        "notificationConfig": f"projects/_/buckets/{own_bucket.name}/notificationConfigs/{config.notification_id}",
        "env": "prod",
    }
    assert (replacing["objectGeneration"], replacing["overwroteGeneration"]) == (str(second), str(first))
    assert (old["eventType"], old["overwrittenByGeneration"]) == ("OBJECT_DELETE", str(second))
    assert json.loads(payloads[0])["generation"] == str(first)


def test_a_notification_config_selects_by_prefix_and_event_type(
    local, own_bucket: storage.Bucket, config: storage.notification.BucketNotification
) -> None:
    _write(own_bucket, name="logs/x")
    _write(own_bucket, name="dags/x")
    blob = own_bucket.blob("dags/x")
    blob.metadata = {"k": "v"}
    blob.patch()
    assert [a["objectId"] for _, _, a in local.broker.published] == ["dags/x"]
    assert len(local.events.emitted) == 3


def test_a_config_without_payload_sends_attributes_only(local, own_bucket: storage.Bucket) -> None:
    own_bucket.notification("changes", payload_format="NONE").create()
    _write(own_bucket)
    own_bucket.delete_blob("dags/a.py")
    assert [(data, a["payloadFormat"], a["eventType"]) for _, data, a in local.broker.published] == [
        (b"", "NONE", "OBJECT_FINALIZE"),
        (b"", "NONE", "OBJECT_DELETE"),
    ]


def test_a_topic_that_is_gone_does_not_stop_the_write(local, own_bucket: storage.Bucket) -> None:
    own_bucket.notification("gone", payload_format="NONE").create()
    assert _write(own_bucket)


def test_a_policy_change_is_reported_with_before_and_after(local, own_bucket: storage.Bucket) -> None:
    policy = own_bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@example.com"}})
    own_bucket.set_iam_policy(policy)
    ((caller, bucket, before, after),) = local.identity.policy_changes
    assert (caller, bucket) == ("anonymous", own_bucket.name)
    assert len(after["bindings"]) == len(before["bindings"]) + 1
