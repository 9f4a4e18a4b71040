"""A batch is many calls in one request."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage

from localcloud.calls import Fault


def test_a_batch_deletes_and_patches(client: storage.Client, bucket: storage.Bucket) -> None:
    for number in range(5):
        bucket.blob(f"dags/ä {number}.py").upload_from_string(b"x")
    patched = bucket.blob("dags/ä 4.py")
    patched.metadata = {"k": "ü"}
    with client.batch():
        for number in range(4):
            bucket.delete_blob(f"dags/ä {number}.py")
        patched.patch()
    assert [(blob.name, blob.metadata) for blob in bucket.list_blobs()] == [("dags/ä 4.py", {"k": "ü"})]


def test_one_failure_in_a_batch_stops_none_of_the_others(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob("b").upload_from_string(b"x")
    with pytest.raises(NotFound), client.batch():
        bucket.delete_blobs([bucket.blob("a"), bucket.blob("b")])
    assert list(bucket.list_blobs()) == []


def test_each_call_of_a_batch_is_counted_and_struck_alone(
    local, own_client: storage.Client, own_bucket: storage.Bucket
) -> None:
    for name in "abc":
        own_bucket.blob(name).upload_from_string(b"x")
    local.calls.reset_counts()
    local.calls.plan(Fault(service="storage", action="fail", method="objects.delete", nth=2, status=404))
    with pytest.raises(NotFound), own_client.batch():
        own_bucket.delete_blobs([own_bucket.blob(name) for name in "abc"])
    assert [key.method for key in local.calls.counts()] == ["objects.delete"]
    assert [blob.name for blob in own_bucket.list_blobs()] == ["b"]
