"""Whatever is sent, the answer is an error the API knows, never a 500."""

from __future__ import annotations

import pytest
import requests
from google.cloud import storage

MULTIPART = {"content-type": "multipart/related; boundary=B"}
PART = b"--B\r\ncontent-type: application/json\r\n\r\n"


@pytest.fixture(scope="module")
def hostile_bucket(shared_local) -> storage.Bucket:
    """A bucket with an object `o` that no case may change."""
    client = storage.Client(
        project="proj-local",
        credentials=storage.client.AnonymousCredentials(),
        client_options={"api_endpoint": shared_local.url},
    )
    bucket = client.create_bucket("hostile-cases")
    bucket.blob("o").upload_from_string(b"0123456789")
    yield bucket
    client.close()


def _call(shared_local, verb: str, path: str, **kwargs: object) -> requests.Response:
    return requests.request(verb, f"{shared_local.url}{path}", timeout=10, **kwargs)


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/storage/v1/b/nowhere", 404),
        ("GET", "/storage/v1/b/nowhere/o", 404),
        ("GET", "/storage/v1/b/nowhere/o/x?alt=media", 404),
        ("POST", "/upload/storage/v1/b/nowhere/o?uploadType=media&name=x", 404),
        ("GET", "/storage/v1/b/{b}/o/o?generation=abc", 400),
        ("GET", "/storage/v1/b/{b}/o/o?generation=99999999999999999999", 400),
        ("GET", "/storage/v1/b/{b}/o/o?generation=", 400),
        ("GET", "/storage/v1/b/{b}/o/o?generation=-1", 404),
        ("GET", "/storage/v1/b/{b}/o/o?generation=%D9%A3", 400),
        ("DELETE", "/storage/v1/b/{b}/o/o?ifGenerationMatch=1.5", 400),
        ("PATCH", "/storage/v1/b/{b}/o/o?ifMetagenerationMatch=x", 400),
        ("POST", "/storage/v1/b/{b}/o/o/rewriteTo/b/{b}/o/x?ifSourceGenerationMatch=x", 400),
        ("POST", "/storage/v1/b/{b}/o/o/rewriteTo/b/nowhere/o/x", 404),
        ("POST", "/storage/v1/b/{b}/o/o/rewriteTo/b/{b}/o/%0A", 400),
        ("GET", "/storage/v1/b/{b}/o/%FF%FE", 400),
        ("GET", "/storage/v1/b/{b}/o/", 400),
        ("GET", "/storage/v1/b/{b}/o?prefix=%FF", 400),
        ("GET", "/storage/v1/b/{b}/o?maxResults=-1", 400),
        ("GET", "/storage/v1/b/{b}/o?maxResults=many", 400),
        ("GET", "/storage/v1/b/{b}/o?pageToken=!!", 400),
        ("GET", "/storage/v1/b/{b}/o?pageToken=AAAA", 400),
        ("GET", "/storage/v1/b/{b}/o?matchGlob=%7Ba", 400),
        ("GET", "/storage/v1/b/{b}/o?" + "&".join(["x=1"] * 2000), 400),
        ("GET", "/storage/v1/b", 400),
        ("POST", "/storage/v1/b", 400),
        ("POST", "/storage/v1/b?project=p", 400),
        ("GET", "/storage/v1/b/{b}/notificationConfigs/x", 404),
        ("GET", "/storage/v1/b/{b}/notificationConfigs/%D9%A3", 404),
        ("POST", "/storage/v1/b/{b}/lockRetentionPolicy", 400),
        ("GET", "/storage/v1/b/{b}/o/o/p/q/r", 404),
        ("GET", "/storage/v1/elsewhere", 404),
        ("PUT", "/storage/v1/b", 404),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=media", 400),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=media&name=%0D", 400),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=pigeon&name=x", 400),
        ("PUT", "/upload/storage/v1/b/{b}/o?upload_id=unknown", 404),
        ("PUT", "/upload/storage/v1/b/{b}/o", 400),
        ("DELETE", "/upload/storage/v1/b/{b}/o?upload_id=unknown", 404),
        ("DELETE", "/upload/storage/v1/b/{b}/o?upload_id=../../state.db", 404),
        ("POST", "/batch/storage/v1", 400),
    ],
)
def test_a_wrong_address_is_told_apart(
    shared_local, hostile_bucket: storage.Bucket, verb: str, path: str, status: int
) -> None:
    answer = _call(shared_local, verb, path.replace("{b}", hostile_bucket.name))
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == status
    assert error["message"]
    assert error["errors"][0]["domain"] == "global"
    assert error["errors"][0]["reason"]


JSON_BODIES = [b"{", b"[]", b'"x"', b"\xff", b"[" * 5000, b"1e999", b"null", b'{"a":' * 3000]


@pytest.mark.parametrize("body", JSON_BODIES)
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PATCH", "/storage/v1/b/{b}/o/o"),
        ("PUT", "/storage/v1/b/{b}/o/o"),
        ("PATCH", "/storage/v1/b/{b}"),
        ("PUT", "/storage/v1/b/{b}/iam"),
        ("POST", "/storage/v1/b/{b}/notificationConfigs"),
        ("POST", "/storage/v1/b/{b}/o/o/compose"),
        ("POST", "/storage/v1/b/{b}/o/o/rewriteTo/b/{b}/o/x"),
        ("POST", "/storage/v1/b/{b}/o"),
        ("POST", "/upload/storage/v1/b/{b}/o?uploadType=resumable"),
        ("POST", "/storage/v1/b?project=p"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    shared_local, hostile_bucket: storage.Bucket, verb: str, path: str, body: bytes
) -> None:
    answer = _call(shared_local, verb, path.replace("{b}", hostile_bucket.name), data=body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("PATCH", "/storage/v1/b/{b}/o/o", {"metadata": {"k": 1}}),
        ("PATCH", "/storage/v1/b/{b}/o/o", {"metadata": "text"}),
        ("PATCH", "/storage/v1/b/{b}/o/o", {"contentType": {"a": 1}}),
        ("PATCH", "/storage/v1/b/{b}/o/o", {"temporaryHold": "yes"}),
        ("PATCH", "/storage/v1/b/{b}/o/o", {"metadata": {"k": "v" * 9000}}),
        ("PATCH", "/storage/v1/b/{b}", {"retentionPolicy": {"retentionPeriod": "soon"}}),
        ("PATCH", "/storage/v1/b/{b}", {"retentionPolicy": "long"}),
        ("PATCH", "/storage/v1/b/{b}", {"versioning": True}),
        ("PATCH", "/storage/v1/b/{b}", {"iamConfiguration": [1]}),
        ("PATCH", "/storage/v1/b/{b}", {"iamConfiguration": {"uniformBucketLevelAccess": True}}),
        ("PATCH", "/storage/v1/b/{b}", {"storageClass": 1}),
        ("PATCH", "/storage/v1/b/{b}", {"labels": [1]}),
        ("PUT", "/storage/v1/b/{b}/iam", {"bindings": "all"}),
        ("PUT", "/storage/v1/b/{b}/iam", {"bindings": [1]}),
        ("PUT", "/storage/v1/b/{b}/iam", {"bindings": [{"role": 1, "members": ["a"]}]}),
        ("PUT", "/storage/v1/b/{b}/iam", {"bindings": [{"role": "r", "members": "a"}]}),
        ("PUT", "/storage/v1/b/{b}/iam", {"version": "three", "bindings": []}),
        ("POST", "/storage/v1/b/{b}/notificationConfigs", {"topic": "x"}),
        ("POST", "/storage/v1/b/{b}/notificationConfigs", {"topic": 1}),
        (
            "POST",
            "/storage/v1/b/{b}/notificationConfigs",
            {"topic": "//pubsub.googleapis.com/projects/p/topics/t", "event_types": ["OBJECT_SINGS"]},
        ),
        ("POST", "/storage/v1/b/{b}/o/o/compose", {"sourceObjects": [1]}),
        ("POST", "/storage/v1/b/{b}/o/o/compose", {"sourceObjects": [{"name": 1}]}),
        ("POST", "/storage/v1/b/{b}/o/o/compose", {"sourceObjects": [{"name": "o", "generation": "x"}]}),
        ("POST", "/storage/v1/b/{b}/o/o/compose", {"sourceObjects": [{"name": "o", "objectPreconditions": 1}]}),
        ("POST", "/storage/v1/b/{b}/o/o/compose", {"sourceObjects": [{"name": "o"}], "destination": 1}),
        ("POST", "/storage/v1/b/{b}/o", {"name": 1}),
        ("POST", "/storage/v1/b/{b}/o", {"name": "\ud800"}),
        ("POST", "/storage/v1/b?project=p", {"name": 1}),
        ("POST", "/storage/v1/b?project=p", {"name": "new-bucket", "retentionPolicy": {"retentionPeriod": "-1"}}),
        ("POST", "/storage/v1/b?project=p", {"name": "new-bucket", "versioning": "on"}),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused(
    shared_local, hostile_bucket: storage.Bucket, verb: str, path: str, body: dict[str, object]
) -> None:
    answer = _call(shared_local, verb, path.replace("{b}", hostile_bucket.name), json=body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/plain"}, b"x"),
        ({"content-type": "multipart/related"}, b"x"),
        (MULTIPART, b""),
        (MULTIPART, b"no boundary at all"),
        (MULTIPART, b"--B--"),
        (MULTIPART, PART + b'{"name":"x"}\r\n--B--'),
        (MULTIPART, PART + b'{"name":"x"}\r\n--B\r\n\r\nDATA'),
        (MULTIPART, PART + b'{"name":\r\n--B\r\n\r\nDATA\r\n--B--'),
        (MULTIPART, b"--B\r\nonly-headers: 1\r\n--B\r\n--B--"),
        (MULTIPART, PART + b"{}\r\n--B\r\n\r\nDATA\r\n--B--"),
        (MULTIPART, PART + b'{"name":"x"}\r\n--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--'),
    ],
)
def test_a_broken_multipart_body_is_refused(
    shared_local, hostile_bucket: storage.Bucket, headers: dict[str, str], body: bytes
) -> None:
    path = f"/upload/storage/v1/b/{hostile_bucket.name}/o?uploadType=multipart"
    answer = _call(shared_local, "POST", path, data=body, headers=headers)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "value", ["bytes=10-", "bytes=5-2", "bytes=-0", "bytes=--5", "bytes=-5--1", "bytes=-", "bytes=x-y", "bytes=99-100"]
)
def test_a_range_outside_is_not_satisfiable(shared_local, hostile_bucket: storage.Bucket, value: str) -> None:
    answer = _call(shared_local, "GET", f"/storage/v1/b/{hostile_bucket.name}/o/o?alt=media", headers={"range": value})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize("value", ["", "lines=1-2", "bytes=0-1,4-5"])
def test_a_range_of_another_kind_is_ignored(shared_local, hostile_bucket: storage.Bucket, value: str) -> None:
    answer = _call(shared_local, "GET", f"/storage/v1/b/{hostile_bucket.name}/o/o?alt=media", headers={"range": value})
    assert (answer.status_code, answer.content) == (200, b"0123456789")


@pytest.mark.parametrize(
    "content_range", ["bytes", "bytes 0-1/1", "bytes 5-2/9", "bytes 0-9/20", "bytes */3", "lines 0-2/3", "bytes -1-1/3"]
)
def test_a_content_range_that_does_not_fit_is_refused(
    shared_local, hostile_bucket: storage.Bucket, content_range: str
) -> None:
    session = hostile_bucket.blob("new").create_resumable_upload_session()
    answer = requests.put(session, data=b"abc", headers={"content-range": content_range}, timeout=10)
    assert answer.status_code == 400


def test_stored_metadata_cannot_break_the_answer(shared_local, hostile_bucket: storage.Bucket) -> None:
    evil = {
        "name": "evil",
        "contentType": "a\r\nx-evil: 1",
        "cacheControl": "日本\nx-evil: 2",
        "contentLanguage": "\x00",
    }
    assert _call(shared_local, "POST", f"/storage/v1/b/{hostile_bucket.name}/o", json=evil).status_code == 200
    answer = _call(shared_local, "GET", f"/storage/v1/b/{hostile_bucket.name}/o/evil?alt=media")
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
