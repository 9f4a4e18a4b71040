"""Objects come back as they were put: bytes, names, metadata, checksums."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import BadRequest, NotFound, RequestRangeNotSatisfiable
from google.cloud import storage

NAMES = [
    "plain.txt",
    "dags/team a/my dag.py",
    "ü/日本語/🚀.py",
    "what?#[x]*&=+%25",
    "a//b/",
    "o/compose",
    "/leading",
    "~tilde'quote\"",
    "n" * 1024,
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_kept_to_the_letter(bucket: storage.Bucket, name: str) -> None:
    bucket.blob(name).upload_from_string(b"here")
    assert [blob.name for blob in bucket.list_blobs()] == [name]
    assert bucket.blob(name).download_as_bytes() == b"here"
    assert bucket.get_blob(name).name == name
    bucket.delete_blob(name)
    assert bucket.get_blob(name) is None


@pytest.mark.parametrize("name", [".", "..", "a\nb", "a\rb", "n" * 1025, "é" * 513])
def test_a_name_the_service_does_not_take_is_refused(bucket: storage.Bucket, name: str) -> None:
    with pytest.raises(BadRequest):
        bucket.blob(name).upload_from_string(b"x")


def test_binary_content_survives_including_line_ends_and_boundaries(bucket: storage.Bucket) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--===============" + b"\r\n--\r\n\n\r"
    bucket.blob("b").upload_from_string(content)
    assert bucket.blob("b").download_as_bytes() == content


def test_empty_content_is_content(bucket: storage.Bucket) -> None:
    blob = bucket.blob("empty")
    blob.upload_from_string(b"")
    assert blob.size == 0
    assert bucket.blob("empty").download_as_bytes() == b""
    with pytest.raises(RequestRangeNotSatisfiable):
        bucket.blob("empty").download_as_bytes(start=0)


def test_the_resource_says_what_is_stored(bucket: storage.Bucket) -> None:
    blob = bucket.blob("dags/a.py")
    blob.upload_from_string("print(1)\n", content_type="text/x-python")
    blob = bucket.get_blob("dags/a.py")
    assert blob.size == 9
    assert blob.content_type == "text/x-python"
    assert (blob.md5_hash, blob.crc32c) == ("3uXEaYn17AkjERiPT+gpww==", "2//cbQ==")
    assert blob.metageneration == 1
    assert blob.storage_class == "STANDARD"
    assert blob.id == f"{bucket.name}/dags/a.py/{blob.generation}"
    assert abs(datetime.now(UTC) - blob.time_created) < timedelta(minutes=1)
    assert blob.updated == blob.time_created
    assert blob.etag
    assert blob.time_deleted is None


def test_all_settable_metadata_is_kept(bucket: storage.Bucket, custom) -> None:
    blob = bucket.blob("m")
    blob.metadata = {"push-id": "abc", "who": "jürgen"}
    blob.cache_control = "no-store"
    blob.content_disposition = 'attachment; filename="x"'
    blob.content_language = "de"
    blob.custom_time = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    blob.upload_from_string(b"x")
    read = bucket.get_blob("m")
    assert custom(read) == {"push-id": "abc", "who": "jürgen"}
    assert (read.cache_control, read.content_language) == ("no-store", "de")
    assert read.content_disposition == 'attachment; filename="x"'
    assert read.custom_time == blob.custom_time


def test_gzip_content_is_sent_packed_or_unpacked_as_the_reader_can(bucket: storage.Bucket) -> None:
    blob = bucket.blob("z")
    blob.content_encoding = "gzip"
    packed = gzip.compress(b"hello " * 100)
    blob.upload_from_string(packed)
    assert bucket.blob("z").download_as_bytes() == b"hello " * 100
    assert bucket.blob("z").download_as_bytes(raw_download=True) == packed


def test_custom_metadata_is_merged_by_a_patch_and_null_removes_a_key(bucket: storage.Bucket, custom) -> None:
    blob = bucket.blob("m")
    blob.metadata = {"a": "1", "b": "2"}
    blob.upload_from_string(b"x")
    generation = blob.generation
    blob.metadata = {"b": None, "c": "3"}
    blob.patch()
    read = bucket.get_blob("m")
    assert custom(read) == {"a": "1", "c": "3"}
    assert (read.generation, read.metageneration) == (generation, 2)
    assert read.updated > read.time_created


def test_a_patch_leaves_what_it_does_not_name(bucket: storage.Bucket) -> None:
    blob = bucket.blob("m")
    blob.cache_control = "no-store"
    blob.upload_from_string(b"x", content_type="text/plain")
    blob.content_language = "fr"
    blob.patch()
    read = bucket.get_blob("m")
    assert (read.cache_control, read.content_language, read.content_type) == ("no-store", "fr", "text/plain")


def test_a_range_is_read_by_generation(versioned: storage.Bucket) -> None:
    blob = versioned.blob("r")
    blob.upload_from_string(b"0123456789")
    first = blob.generation
    versioned.blob("r").upload_from_string(b"abcdefghij")
    assert versioned.blob("r", generation=first).download_as_bytes(start=2, end=4) == b"234"
    assert versioned.blob("r").download_as_bytes(start=7) == b"hij"
    assert versioned.blob("r").download_as_bytes(start=-3) == b"hij"
    assert versioned.blob("r").download_as_bytes(start=8, end=1000) == b"ij"


def test_a_range_behind_the_end_is_not_satisfiable(bucket: storage.Bucket) -> None:
    bucket.blob("r").upload_from_string(b"0123456789")
    with pytest.raises(RequestRangeNotSatisfiable):
        bucket.blob("r").download_as_bytes(start=10)


def test_what_is_not_there_is_not_found(client: storage.Client, bucket: storage.Bucket) -> None:
    blob = bucket.blob("none")
    assert not blob.exists()
    assert bucket.get_blob("none") is None
    for act in (blob.reload, blob.delete, blob.download_as_bytes, blob.patch):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        client.bucket("no-such-bucket-anywhere").blob("x").upload_from_string(b"x")
    with pytest.raises(NotFound):
        list(client.list_blobs("no-such-bucket-anywhere"))


def test_generations_grow_with_each_write_and_pin_reads(bucket: storage.Bucket) -> None:
    generations = []
    for content in (b"1", b"2", b"3"):
        blob = bucket.blob("g")
        blob.upload_from_string(content)
        generations.append(blob.generation)
    assert generations == sorted(set(generations))
    assert bucket.blob("g", generation=generations[-1]).download_as_bytes() == b"3"
    with pytest.raises(NotFound):
        bucket.blob("g", generation=generations[0]).download_as_bytes()


@pytest.mark.parametrize("field", ["md5_hash", "crc32c"])
def test_content_that_is_not_what_the_client_says_is_refused(bucket: storage.Bucket, field: str) -> None:
    blob = bucket.blob("c")
    wrong = {"md5_hash": "1B2M2Y8AsgTpgAmY7PhCfg==", "crc32c": "AAAAAA=="}[field]
    setattr(blob, field, wrong)
    with pytest.raises(BadRequest):
        blob.upload_from_string(b"not empty", checksum=None)
    assert not bucket.blob("c").exists()


@pytest.mark.parametrize("checksum", ["md5", "crc32c", "auto", None])
def test_every_checksum_the_client_knows_is_taken(bucket: storage.Bucket, checksum: str | None) -> None:
    bucket.blob("c").upload_from_string(b"content", checksum=checksum)
    assert bucket.blob("c").download_as_bytes(checksum=checksum) == b"content"
