"""Planned faults strike exactly the call they mean, and every call is counted once."""

from __future__ import annotations

import io
import subprocess
import sys
import time

import pytest
import requests
from google.api_core.exceptions import Forbidden, NotFound, PreconditionFailed, ServiceUnavailable
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from localcloud.calls import Fault

AT_ONCE = DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.05)
"""The client's own retry, of the same errors, without its wait of a second."""


def _plan(local, action: str, method: str = "objects.insert", **more: object) -> None:
    local.calls.plan(Fault(service="storage", action=action, method=method, **more))


def _counts(local) -> dict[str, int]:
    """Calls by method; without those the client makes in the background, to name buckets in its traces."""
    return {key.method: count for key, count in local.calls.counts().items() if not key.method.startswith("buckets.")}


def _upload(local, bucket: storage.Bucket, name: str = "o") -> requests.Response:
    """One request, as no client retries it."""
    url = f"{local.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name={name}"
    return requests.post(url, data=b"x", timeout=10)


def test_each_call_is_counted_once_by_method_and_caller(local, own_bucket: storage.Bucket, connect) -> None:
    bucket = connect(local.url, caller="gate@proj-local").bucket(own_bucket.name)
    local.calls.reset_counts()
    blob = bucket.blob("a")
    blob.upload_from_string(b"x")
    blob.download_as_bytes()
    blob.reload()
    blob.patch()
    list(bucket.list_blobs())
    bucket.copy_blob(blob, bucket, "b")
    bucket.blob("c").compose([blob])
    bucket.blob("d").rewrite(blob)
    bucket.delete_blob("a")
    methods = ("insert", "download", "get", "patch", "list", "copy", "compose", "rewrite", "delete")
    assert _counts(local) == {f"objects.{method}": 1 for method in methods}
    assert {key.caller for key in local.calls.counts() if key.method.startswith("objects.")} == {"gate@proj-local"}


def test_a_resumable_upload_is_one_insert_whatever_its_chunks(local, own_bucket: storage.Bucket) -> None:
    local.calls.reset_counts()
    own_bucket.blob("big", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"x" * (600 * 1024)))
    assert _counts(local) == {"uploads.start": 1, "uploads.chunk": 2, "objects.insert": 1}


def test_fail_answers_the_status_and_does_nothing(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "fail", status=429)
    answer = _upload(local, own_bucket)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, 429)
    assert not own_bucket.blob("o").exists()
    assert _upload(local, own_bucket).status_code == 200


def test_the_nth_call_on_a_subject_fails(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "fail", subject="*/dags/*", nth=2, times=2)
    codes = [_upload(local, own_bucket, name).status_code for name in ("dags/a", "o", "dags/b", "dags/c", "dags/d")]
    assert codes == [200, 200, 503, 503, 200]


def test_drop_hangs_up_before_the_work(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "drop")
    with pytest.raises(requests.ConnectionError):
        _upload(local, own_bucket)
    assert not own_bucket.blob("o").exists()


def test_drop_after_hangs_up_with_the_work_done(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "drop_after")
    with pytest.raises(requests.ConnectionError):
        _upload(local, own_bucket)
    assert own_bucket.blob("o").exists()


def test_delay_answers_late(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "delay", delay_s=0.2)
    began = time.monotonic()
    assert _upload(local, own_bucket).status_code == 200
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("action", "is_done"), [("crash", False), ("crash_after", True)])
def test_crash_kills_the_caller(local, own_bucket: storage.Bucket, action: str, is_done: bool) -> None:
    program = "import sys, requests; requests.post(sys.argv[1], data=b'x', headers={'authorization': 'Bearer gate'})"
    url = f"{local.url}/upload/storage/v1/b/{own_bucket.name}/o?uploadType=media&name=o"
    _plan(local, action, caller="gate")
    code = "import sys; sys.stdin.readline(); " + program
    with subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE) as process:
        local.calls.register_process("gate", process.pid)
        process.communicate(b"\n", timeout=20)
        assert process.returncode == -9
    assert own_bucket.blob("o").exists() is is_done


def test_the_client_retries_over_a_503_and_a_hang_up(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "fail")
    _plan(local, "drop", nth=2)
    own_bucket.blob("o").upload_from_string(b"x", retry=AT_ONCE)
    assert own_bucket.blob("o").download_as_bytes() == b"x"
    assert _counts(local)["objects.insert"] == 3


# Work done, answer lost: what the client then believes (measured against Google's testbench as well).


@pytest.mark.parametrize("action", ["fail_after", "drop_after"])
def test_a_create_that_was_done_is_reported_as_a_conflict(local, own_bucket: storage.Bucket, action: str) -> None:
    _plan(local, action)
    with pytest.raises(PreconditionFailed):
        own_bucket.blob("releases/1").upload_from_string(b"ours", if_generation_match=0, retry=AT_ONCE)
    assert own_bucket.blob("releases/1").download_as_bytes() == b"ours"


def test_an_upload_that_was_done_is_done_twice(local, own_versioned: storage.Bucket) -> None:
    _plan(local, "fail_after")
    own_versioned.blob("o").upload_from_string(b"x", retry=AT_ONCE)
    assert len(list(own_versioned.list_blobs(versions=True))) == 2
    assert local.events.kinds() == [("finalized", "o"), ("finalized", "o"), ("archived", "o")]


def test_a_delete_that_was_done_is_reported_as_not_found(local, own_bucket: storage.Bucket) -> None:
    own_bucket.blob("o").upload_from_string(b"x")
    _plan(local, "fail_after", "objects.delete")
    with pytest.raises(NotFound):
        own_bucket.delete_blob("o", retry=AT_ONCE)
    assert not own_bucket.blob("o").exists()


def test_a_patch_that_was_done_is_reported_as_a_conflict(local, own_bucket: storage.Bucket) -> None:
    blob = own_bucket.blob("o")
    blob.upload_from_string(b"x")
    _plan(local, "fail_after", "objects.patch")
    blob.metadata = {"k": "v"}
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1, retry=AT_ONCE)
    assert own_bucket.get_blob("o").metadata == {"k": "v"}


def test_a_resumable_upload_survives_faults_on_every_request(local, own_bucket: storage.Bucket) -> None:
    content = bytes(range(256)) * 2600  # three chunks
    _plan(local, "fail", "uploads.start")
    _plan(local, "drop_after", "uploads.chunk", nth=1)
    _plan(local, "fail", "objects.insert")
    own_bucket.blob("big", chunk_size=256 * 1024).upload_from_file(io.BytesIO(content), retry=AT_ONCE)
    assert own_bucket.blob("big").download_as_bytes() == content


def test_without_a_retry_the_client_shows_the_fault(local, own_bucket: storage.Bucket) -> None:
    _plan(local, "fail", "objects.get")
    with pytest.raises(ServiceUnavailable):
        own_bucket.blob("o").reload(retry=None)


@pytest.mark.parametrize(
    ("permission", "act"),
    [
        ("storage.objects.create", lambda b: b.blob("new").upload_from_string(b"x")),
        ("storage.objects.delete", lambda b: b.blob("o").upload_from_string(b"x")),
        ("storage.objects.delete", lambda b: b.delete_blob("o")),
        ("storage.objects.get", lambda b: b.blob("o").download_as_bytes()),
        ("storage.objects.get", lambda b: b.copy_blob(b.blob("o"), b, "copy")),
        ("storage.objects.list", lambda b: list(b.list_blobs())),
        ("storage.objects.update", lambda b: b.blob("o").patch()),
        ("storage.buckets.get", lambda b: b.reload()),
        ("storage.buckets.update", lambda b: b.patch()),
        ("storage.buckets.setIamPolicy", lambda b: b.set_iam_policy(b.get_iam_policy())),
        ("storage.objects.get dags/o", lambda b: b.blob("dags/o").download_as_bytes()),
    ],
)
def test_who_lacks_the_permission_is_forbidden(
    local, own_bucket: storage.Bucket, connect, permission: str, act
) -> None:
    own_bucket.blob("o").upload_from_string(b"x")
    own_bucket.blob("dags/o").upload_from_string(b"x")
    bucket = connect(local.url, caller="agent@proj-local").bucket(own_bucket.name)
    local.identity.denied.add(("agent@proj-local", permission))
    with pytest.raises(Forbidden, match="agent@proj-local does not have " + permission.split(" ", maxsplit=1)[0]):
        act(bucket)
