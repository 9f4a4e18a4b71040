"""Versioned buckets keep what is replaced or deleted; unversioned ones do not."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage


def _write(bucket: storage.Bucket, name: str, content: str) -> int:
    blob = bucket.blob(name)
    blob.upload_from_string(content)
    return int(blob.generation)


def test_a_replaced_version_stays_readable_and_is_dated(versioned: storage.Bucket) -> None:
    first = _write(versioned, "o", "1")
    second = _write(versioned, "o", "2")
    old = versioned.get_blob("o", generation=first)
    assert old.time_deleted is not None
    assert old.download_as_bytes() == b"1"
    assert versioned.get_blob("o").generation == second
    assert versioned.get_blob("o").time_deleted is None


def test_a_deleted_live_version_becomes_noncurrent(versioned: storage.Bucket) -> None:
    first = _write(versioned, "o", "1")
    versioned.blob("o").delete()
    assert not versioned.blob("o").exists()
    assert list(versioned.list_blobs()) == []
    assert versioned.blob("o", generation=first).download_as_bytes() == b"1"
    with pytest.raises(NotFound):
        versioned.blob("o").delete()


def test_a_version_deleted_by_generation_is_gone_for_good(versioned: storage.Bucket) -> None:
    first, second = _write(versioned, "o", "1"), _write(versioned, "o", "2")
    versioned.delete_blob("o", generation=first)
    with pytest.raises(NotFound):
        versioned.blob("o", generation=first).download_as_bytes()
    assert versioned.get_blob("o").generation == second
    versioned.delete_blob("o", generation=second)
    assert list(versioned.list_blobs(versions=True)) == []


def test_a_noncurrent_version_can_be_brought_back_by_copy(versioned: storage.Bucket) -> None:
    first = _write(versioned, "o", "1")
    _write(versioned, "o", "2")
    versioned.copy_blob(versioned.blob("o"), versioned, "o", source_generation=first)
    assert versioned.blob("o").download_as_bytes() == b"1"
    assert len(list(versioned.list_blobs(versions=True))) == 3


def test_metadata_of_a_noncurrent_version_can_be_patched(versioned: storage.Bucket, custom) -> None:
    first = _write(versioned, "o", "1")
    _write(versioned, "o", "2")
    old = versioned.blob("o", generation=first)
    old.metadata = {"k": "v"}
    old.patch()
    assert custom(versioned.get_blob("o", generation=first)) == {"k": "v"}
    assert custom(versioned.get_blob("o")) == {}


def test_an_unversioned_bucket_keeps_only_the_newest(bucket: storage.Bucket) -> None:
    first = _write(bucket, "o", "1")
    _write(bucket, "o", "2")
    assert bucket.get_blob("o", generation=first) is None
    assert len(list(bucket.list_blobs(versions=True))) == 1


def test_a_delete_with_a_stale_generation_match_deletes_nothing(versioned: storage.Bucket) -> None:
    first = _write(versioned, "o", "1")
    _write(versioned, "o", "2")
    with pytest.raises(PreconditionFailed):
        versioned.blob("o").delete(if_generation_match=first)
    assert versioned.blob("o").download_as_bytes() == b"2"
