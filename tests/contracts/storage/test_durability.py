"""A stop and a start lose nothing."""

from __future__ import annotations

import os

import requests
from google.cloud import storage


def test_a_restart_loses_nothing(local, own_client: storage.Client, own_versioned: storage.Bucket) -> None:
    own_versioned.notification("changes", payload_format="NONE").create()
    own_versioned.blob("o").upload_from_string(b"1")
    blob = own_versioned.blob("o")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"2")
    before = [(b.name, b.generation, b.time_deleted) for b in own_versioned.list_blobs(versions=True)]
    policy = own_versioned.get_iam_policy()
    local.stop()
    local.start()
    bucket = own_client.get_bucket(own_versioned.name)
    assert [(b.name, b.generation, b.time_deleted) for b in bucket.list_blobs(versions=True)] == before
    assert bucket.get_blob("o").metadata == {"k": "v"}
    assert bucket.blob("o", generation=before[0][1]).download_as_bytes() == b"1"
    assert bucket.get_iam_policy().etag == policy.etag
    assert len(list(bucket.list_notifications())) == 1


def test_an_upload_is_resumed_after_a_restart(local, own_bucket: storage.Bucket) -> None:
    content = os.urandom(256 * 1024 + 7)
    session = own_bucket.blob("r").create_resumable_upload_session(size=len(content))
    half = requests.put(
        session,
        data=content[: 256 * 1024],
        headers={"content-range": f"bytes 0-262143/{len(content)}"},
        timeout=10,
    )
    assert half.status_code == 308
    local.stop()
    local.start()
    rest = {"content-range": f"bytes 262144-{len(content) - 1}/{len(content)}"}
    assert requests.put(session, data=content[256 * 1024 :], headers=rest, timeout=10).status_code == 200
    assert own_bucket.blob("r").download_as_bytes() == content


def test_generations_grow_though_the_clock_goes_back(local, own_bucket: storage.Bucket) -> None:
    local.pass_time(60)
    blob = own_bucket.blob("g")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.delete()
    local.stop()
    local.pass_time(-60)
    local.start()
    again = own_bucket.blob("g")
    again.upload_from_string(b"2")
    assert again.generation > first
