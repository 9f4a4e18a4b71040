"""Resumable uploads arrive whole, in chunks, after interruptions, or not at all."""

from __future__ import annotations

import io
import os

import pytest
import requests
from google.api_core.exceptions import PreconditionFailed
from google.cloud import storage

KIB256 = 256 * 1024


def _start(bucket: storage.Bucket, name: str, **kwargs: object) -> str:
    return str(bucket.blob(name).create_resumable_upload_session(**kwargs))


def _put(session: str, body: bytes, content_range: str, **headers: str) -> requests.Response:
    return requests.put(session, data=body, headers={"content-range": content_range, **headers}, timeout=10)


@pytest.mark.parametrize("size_bytes", [0, 1, KIB256, KIB256 * 3, KIB256 * 3 + 17])
def test_an_upload_in_chunks_arrives_whole(bucket: storage.Bucket, custom, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    blob = bucket.blob("big", chunk_size=KIB256)
    blob.metadata = {"k": "v"}
    blob.upload_from_file(io.BytesIO(content), content_type="application/gzip")
    read = bucket.get_blob("big")
    assert read.download_as_bytes() == content
    assert (read.content_type, custom(read), read.generation) == ("application/gzip", {"k": "v"}, blob.generation)


def test_an_upload_of_unknown_length_arrives_whole(bucket: storage.Bucket) -> None:
    content = os.urandom(KIB256 * 2 + 5)
    with bucket.blob("stream").open("wb", chunk_size=KIB256, ignore_flush=True) as file:
        file.write(content)
    assert bucket.blob("stream").download_as_bytes() == content


def test_an_interrupted_upload_is_resumed_where_it_stood(bucket: storage.Bucket) -> None:
    content = os.urandom(KIB256 * 2 + 100)
    session = _start(bucket, "r", size=len(content))
    first = _put(session, content[:KIB256], f"bytes 0-{KIB256 - 1}/{len(content)}")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{KIB256 - 1}")
    assert not bucket.blob("r").exists()
    asked = _put(session, b"", f"bytes */{len(content)}")
    assert (asked.status_code, asked.headers["range"]) == (308, f"bytes=0-{KIB256 - 1}")
    rest = _put(session, content[KIB256:], f"bytes {KIB256}-{len(content) - 1}/{len(content)}")
    assert rest.status_code == 200
    assert bucket.blob("r").download_as_bytes() == content


def test_a_chunk_sent_twice_counts_once(bucket: storage.Bucket) -> None:
    content = os.urandom(KIB256 + 10)
    session = _start(bucket, "t", size=len(content))
    for _ in range(2):
        _put(session, content[:KIB256], f"bytes 0-{KIB256 - 1}/{len(content)}")
    last = [_put(session, content[KIB256:], f"bytes {KIB256}-{len(content) - 1}/{len(content)}") for _ in range(2)]
    assert [answer.status_code for answer in last] == [200, 200]
    assert last[0].json()["generation"] == last[1].json()["generation"]
    assert bucket.blob("t").download_as_bytes() == content


def test_a_fresh_session_has_received_nothing(bucket: storage.Bucket) -> None:
    asked = _put(_start(bucket, "n", size=10), b"", "bytes */10")
    assert asked.status_code == 308
    assert "range" not in asked.headers


def test_a_finished_session_answers_with_its_object(bucket: storage.Bucket) -> None:
    session = _start(bucket, "f", size=3)
    done = _put(session, b"abc", "bytes 0-2/3")
    asked = _put(session, b"", "bytes */3")
    assert asked.status_code == 200
    assert asked.json()["generation"] == done.json()["generation"]


def test_a_cancelled_session_is_gone(bucket: storage.Bucket) -> None:
    session = _start(bucket, "c", size=3)
    assert requests.delete(session, timeout=10).status_code == 499
    assert 400 <= _put(session, b"abc", "bytes 0-2/3").status_code < 500
    assert not bucket.blob("c").exists()


def test_a_gap_is_refused(bucket: storage.Bucket) -> None:
    session = _start(bucket, "g", size=KIB256 * 3)
    assert _put(session, b"x" * KIB256, f"bytes {KIB256}-{KIB256 * 2 - 1}/{KIB256 * 3}").status_code >= 400


def test_a_wrong_checksum_on_the_last_chunk_stores_nothing(bucket: storage.Bucket) -> None:
    session = _start(bucket, "w", size=3)
    assert _put(session, b"abc", "bytes 0-2/3", **{"x-goog-hash": "crc32c=AAAAAA=="}).status_code == 400
    assert not bucket.blob("w").exists()


def test_preconditions_hold_when_the_upload_completes(bucket: storage.Bucket) -> None:
    session = _start(bucket, "p", size=3, if_generation_match=0)
    bucket.blob("p").upload_from_string(b"first")
    assert _put(session, b"abc", "bytes 0-2/3").status_code == 412
    assert bucket.blob("p").download_as_bytes() == b"first"


def test_a_writer_told_of_a_conflict_has_written_nothing(bucket: storage.Bucket) -> None:
    bucket.blob("p").upload_from_string(b"first")
    with pytest.raises(PreconditionFailed):
        bucket.blob("p", chunk_size=KIB256).upload_from_file(io.BytesIO(b"second"), if_generation_match=0)
    assert bucket.blob("p").download_as_bytes() == b"first"
