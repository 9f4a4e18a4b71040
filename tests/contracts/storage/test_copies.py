"""Copies, rewrites, moves and compositions carry content and metadata over."""

from __future__ import annotations

import base64

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import storage


@pytest.fixture
def source(bucket: storage.Bucket) -> storage.Blob:
    blob = bucket.blob("dir/source x.py")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"content", content_type="text/x-python")
    return blob


def test_a_copy_carries_content_and_metadata_into_another_bucket(
    versioned: storage.Bucket, bucket: storage.Bucket, source: storage.Blob, custom
) -> None:
    copy = bucket.copy_blob(source, versioned, "to/ü copy")
    read = versioned.get_blob("to/ü copy")
    assert read.download_as_bytes() == b"content"
    assert (read.content_type, custom(read), read.md5_hash) == ("text/x-python", {"k": "v"}, source.md5_hash)
    assert (read.generation, read.metageneration) == (copy.generation, 1)
    assert source.exists()


def test_a_rewrite_is_done_in_one_call_and_takes_new_metadata(bucket: storage.Bucket, source: storage.Blob) -> None:
    target = bucket.blob("target")
    target.metadata = {"new": "1"}
    assert target.rewrite(source) == (None, 7, 7)
    read = bucket.get_blob("target")
    assert (read.metadata, read.content_type) == ({"new": "1"}, "text/x-python")


def test_a_rewrite_onto_itself_changes_the_storage_class(bucket: storage.Bucket, source: storage.Blob, custom) -> None:
    source.update_storage_class("NEARLINE")
    read = bucket.get_blob(source.name)
    assert (read.storage_class, custom(read)) == ("NEARLINE", {"k": "v"})
    assert read.download_as_bytes() == b"content"


def test_a_source_that_is_not_there_is_not_copied(bucket: storage.Bucket) -> None:
    with pytest.raises(NotFound):
        bucket.copy_blob(bucket.blob("none"), bucket, "copy")
    with pytest.raises(NotFound):
        bucket.blob("all").compose([bucket.blob("none")])


def test_a_rename_leaves_nothing_behind(bucket: storage.Bucket, source: storage.Blob) -> None:
    bucket.rename_blob(source, "renamed")
    assert [blob.name for blob in bucket.list_blobs()] == ["renamed"]


def test_a_move_is_one_step(bucket: storage.Bucket, source: storage.Blob, custom) -> None:
    moved = bucket.move_blob(source, "moved")
    assert [blob.name for blob in bucket.list_blobs()] == ["moved"]
    assert moved.download_as_bytes() == b"content"
    assert custom(moved) == {"k": "v"}


def test_a_composition_joins_in_order_and_counts_its_components(bucket: storage.Bucket) -> None:
    parts = []
    for text in (b"one ", b"two ", b"three"):
        blob = bucket.blob(f"part-{text.decode().strip()}")
        blob.upload_from_string(text)
        parts.append(blob)
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose(parts)
    read = bucket.get_blob("whole")
    assert read.download_as_bytes() == b"one two three"
    assert (read.component_count, read.md5_hash, read.content_type) == (3, None, "text/plain")
    assert base64.b64decode(read.crc32c) == google_crc32c.value(b"one two three").to_bytes(4, "big")
    again = bucket.blob("again")
    again.compose([read, parts[0]])
    assert again.component_count == 4


def test_a_composition_of_too_many_is_refused(bucket: storage.Bucket, source: storage.Blob) -> None:
    with pytest.raises(BadRequest):
        bucket.blob("whole").compose([source] * 33)
