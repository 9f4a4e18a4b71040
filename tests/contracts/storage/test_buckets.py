"""Buckets: life, settings, IAM policy, retention."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from google.api_core.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed
from google.cloud import storage

ROLE = "roles/storage.objectViewer"
MEMBER = "serviceAccount:agent@proj-local.iam.gserviceaccount.com"
CONDITION = {"title": "dags", "expression": 'resource.name.startsWith("projects/_/buckets/b/objects/dags/")'}


def test_a_bucket_is_made_read_listed_and_deleted(client: storage.Client) -> None:
    name = f"life-{uuid.uuid4().hex[:12]}"
    bucket = client.bucket(name)
    bucket.labels = {"team": "data"}
    bucket.create(location="EUROPE-WEST1")
    read = client.get_bucket(name)
    assert (read.labels, read.location, read.metageneration) == ({"team": "data"}, "EUROPE-WEST1", 1)
    assert read.time_created is not None
    assert name in [one.name for one in client.list_buckets(prefix="life-")]
    bucket.delete()
    assert client.lookup_bucket(name) is None


def test_a_name_that_is_taken_is_a_conflict(client: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(Conflict):
        client.create_bucket(bucket.name)


@pytest.mark.parametrize("name", ["ab", "UPPER-case", "a!b", "a b", "a" * 223])
def test_a_bad_bucket_name_is_refused(client: storage.Client, name: str) -> None:
    with pytest.raises(BadRequest):
        client.create_bucket(name)


def test_a_bucket_with_objects_is_not_deleted(versioned: storage.Bucket) -> None:
    versioned.blob("o").upload_from_string(b"x")
    versioned.blob("o").delete()
    with pytest.raises(Conflict):
        versioned.delete()
    for version in versioned.list_blobs(versions=True):
        version.delete()
    versioned.delete()


def test_settings_are_patched_and_counted(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.labels = {"a": "1"}
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    read = client.get_bucket(bucket.name)
    assert read.versioning_enabled
    assert read.labels == {"a": "1"}
    assert read.iam_configuration.public_access_prevention == "enforced"
    assert read.iam_configuration.uniform_bucket_level_access_enabled
    assert read.metageneration == 2
    with pytest.raises(PreconditionFailed):
        client.bucket(bucket.name).reload(if_metageneration_match=1)
    read.labels = {}
    with pytest.raises(PreconditionFailed):
        read.patch(if_metageneration_match=1)


def test_a_soft_delete_policy_is_kept(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.soft_delete_policy.retention_duration_seconds = 10 * 86400
    bucket.patch()
    assert client.get_bucket(bucket.name).soft_delete_policy.retention_duration_seconds == 10 * 86400


def test_a_policy_is_read_changed_and_guarded_by_its_etag(bucket: storage.Bucket) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    stale = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": ROLE, "members": {MEMBER}})
    bucket.set_iam_policy(policy)
    read = bucket.get_iam_policy(requested_policy_version=3)
    assert {"role": ROLE, "members": {MEMBER}} in read.bindings
    assert read.etag != stale.etag
    stale.bindings.append({"role": ROLE, "members": {"allUsers"}})
    with pytest.raises(PreconditionFailed):
        bucket.set_iam_policy(stale)


def test_a_conditional_binding_needs_version_three(bucket: storage.Bucket) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": ROLE, "members": {MEMBER}, "condition": CONDITION})
    policy.version = 1
    with pytest.raises(BadRequest):
        bucket.set_iam_policy(policy)
    policy.version = 3
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy(requested_policy_version=3).bindings[-1]["condition"] == CONDITION
    shown = bucket.get_iam_policy().bindings[-1]
    assert "condition" not in shown
    assert shown["role"].startswith(f"{ROLE}_withcond_")


def test_public_access_prevention_keeps_everybody_out(bucket: storage.Bucket) -> None:
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": ROLE, "members": {"allUsers"}})
    with pytest.raises(PreconditionFailed):
        bucket.set_iam_policy(policy)


def test_permissions_held_are_told(bucket: storage.Bucket) -> None:
    wanted = ["storage.objects.get", "storage.buckets.getIamPolicy"]
    assert sorted(bucket.test_iam_permissions(wanted)) == sorted(wanted)


def test_a_retained_object_is_neither_deleted_nor_replaced(bucket: storage.Bucket) -> None:
    bucket.retention_period = 3600
    bucket.patch()
    blob = bucket.blob("ledger/1")
    blob.upload_from_string(b"1")
    assert blob.retention_expiration_time - blob.time_created == timedelta(hours=1)
    for act in (blob.delete, lambda: bucket.blob("ledger/1").upload_from_string(b"2")):
        with pytest.raises(Forbidden):
            act()
    blob.metadata = {"seen": "yes"}
    blob.patch()
    assert bucket.blob("ledger/1").download_as_bytes() == b"1"


def test_retention_ends(own_bucket: storage.Bucket, local, reason) -> None:
    own_bucket.retention_period = 3600
    own_bucket.patch()
    own_bucket.blob("o").upload_from_string(b"1")
    local.pass_time(3590)
    with pytest.raises(Forbidden) as caught:
        own_bucket.delete_blob("o")
    assert reason(caught.value) == "retentionPolicyNotMet"
    local.pass_time(11)
    own_bucket.delete_blob("o")


def test_a_locked_retention_policy_is_never_shortened(bucket: storage.Bucket) -> None:
    bucket.retention_period = 3600
    bucket.patch()
    bucket.lock_retention_policy()
    for period_s in (60, None):
        bucket.retention_period = period_s
        with pytest.raises(Forbidden):
            bucket.patch()
    bucket.reload()
    bucket.retention_period = 7200
    bucket.patch()
    assert bucket.retention_policy_locked


def test_a_held_object_stays(bucket: storage.Bucket) -> None:
    blob = bucket.blob("held")
    blob.upload_from_string(b"1")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(Forbidden):
        blob.delete()
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


def test_notification_configs_are_kept(bucket: storage.Bucket) -> None:
    made = bucket.notification(
        "dags-changed",
        custom_attributes={"env": "prod"},
        event_types=["OBJECT_FINALIZE", "OBJECT_DELETE"],
        blob_name_prefix="dags/",
        payload_format="JSON_API_V1",
    )
    made.create()
    (listed,) = bucket.list_notifications()
    read = bucket.get_notification(made.notification_id)
    assert listed.topic_name == "dags-changed"
    for config in (listed, read):
        assert config.custom_attributes == {"env": "prod"}
        assert (config.event_types, config.blob_name_prefix) == (["OBJECT_FINALIZE", "OBJECT_DELETE"], "dags/")
        assert config.payload_format == "JSON_API_V1"
    made.delete()
    assert list(bucket.list_notifications()) == []
    with pytest.raises(NotFound):
        bucket.get_notification(made.notification_id)
