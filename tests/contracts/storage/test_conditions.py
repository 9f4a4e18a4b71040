"""Every precondition of every verb holds or stops the call."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import NotModified, PreconditionFailed
from google.cloud import storage

Act = Callable[..., object]

WRITES: dict[str, Callable[[storage.Bucket], Act]] = {
    "upload": lambda bucket: lambda **kw: bucket.blob("o").upload_from_string(b"new", **kw),
    "delete": lambda bucket: lambda **kw: bucket.blob("o").delete(**kw),
    "patch": lambda bucket: lambda **kw: _with_metadata(bucket).patch(**kw),
    "update": lambda bucket: lambda **kw: _with_metadata(bucket).update(**kw),
    "rewrite": lambda bucket: lambda **kw: bucket.blob("o").rewrite(bucket.blob("source"), **kw),
    "copy": lambda bucket: lambda **kw: bucket.copy_blob(bucket.blob("source"), bucket, "o", **kw),
    "compose": lambda bucket: lambda **kw: bucket.blob("o").compose([bucket.blob("source")], **kw),
}
READS: dict[str, Callable[[storage.Bucket], Act]] = {
    "get": lambda bucket: lambda **kw: bucket.blob("o").reload(**kw),
    "download": lambda bucket: lambda **kw: bucket.blob("o").download_as_bytes(**kw),
}
MATCHES = ["if_generation_match", "if_metageneration_match"]
DIFFERS = ["if_generation_not_match", "if_metageneration_not_match"]
# What the client does not send: compose takes no Not conditions; uploads send a misspelt ifMetaGenerationNotMatch.
UNSENT = {*(("compose", condition) for condition in DIFFERS), ("upload", "if_metageneration_not_match")}


def _with_metadata(bucket: storage.Bucket) -> storage.Blob:
    blob = bucket.get_blob("o")
    blob.metadata = {"touched": "yes"}
    return blob


@pytest.fixture
def current(bucket: storage.Bucket) -> dict[str, int]:
    """The numbers of an object `o`, by precondition."""
    bucket.blob("source").upload_from_string(b"source")
    blob = bucket.blob("o")
    blob.upload_from_string(b"old")
    blob.metadata = {"k": "v"}
    blob.patch()
    return {name: blob.generation if "_generation" in name else blob.metageneration for name in (*MATCHES, *DIFFERS)}


def _cases(verbs: dict[str, Callable[[storage.Bucket], Act]], conditions: list[str]) -> list[tuple[str, str]]:
    return [(v, c) for v in verbs for c in conditions if (v, c) not in UNSENT]


@pytest.mark.parametrize(("verb", "condition"), _cases(WRITES | READS, MATCHES))
def test_a_match_on_the_current_number_lets_the_call_through(
    bucket: storage.Bucket, current: dict[str, int], verb: str, condition: str
) -> None:
    (WRITES | READS)[verb](bucket)(**{condition: current[condition]})


@pytest.mark.parametrize(("verb", "condition"), _cases(WRITES | READS, MATCHES))
def test_a_match_on_another_number_stops_the_call(
    bucket: storage.Bucket, current: dict[str, int], verb: str, condition: str
) -> None:
    with pytest.raises(PreconditionFailed):
        (WRITES | READS)[verb](bucket)(**{condition: current[condition] + 1})
    blob = bucket.get_blob("o")
    assert (blob.generation, blob.metageneration) == (current["if_generation_match"], 2)


@pytest.mark.parametrize(("verb", "condition"), _cases(WRITES, DIFFERS))
def test_a_not_match_on_the_current_number_stops_the_write(
    bucket: storage.Bucket, current: dict[str, int], verb: str, condition: str
) -> None:
    with pytest.raises((PreconditionFailed, NotModified)):
        WRITES[verb](bucket)(**{condition: current[condition]})
    blob = bucket.get_blob("o")
    assert (blob.generation, blob.metageneration) == (current["if_generation_match"], 2)


@pytest.mark.parametrize(("verb", "condition"), _cases(READS, DIFFERS))
def test_a_not_match_on_the_current_number_says_not_modified_to_a_read(
    bucket: storage.Bucket, current: dict[str, int], verb: str, condition: str
) -> None:
    with pytest.raises(NotModified):
        READS[verb](bucket)(**{condition: current[condition]})


@pytest.mark.parametrize(("verb", "condition"), _cases(WRITES | READS, DIFFERS))
def test_a_not_match_on_another_number_lets_the_call_through(
    bucket: storage.Bucket, current: dict[str, int], verb: str, condition: str
) -> None:
    (WRITES | READS)[verb](bucket)(**{condition: current[condition] + 1})


def test_generation_zero_means_there_is_none(bucket: storage.Bucket) -> None:
    bucket.blob("n").upload_from_string(b"1", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("n").upload_from_string(b"2", if_generation_match=0)
    bucket.blob("n").upload_from_string(b"3", if_generation_not_match=0)
    with pytest.raises((PreconditionFailed, NotModified)):
        bucket.blob("other").upload_from_string(b"4", if_generation_not_match=0)
    assert bucket.blob("n").download_as_bytes() == b"3"


def test_generation_zero_holds_again_after_a_delete(versioned: storage.Bucket) -> None:
    versioned.blob("n").upload_from_string(b"1", if_generation_match=0)
    versioned.blob("n").delete()
    versioned.blob("n").upload_from_string(b"2", if_generation_match=0)


@pytest.mark.parametrize("condition", ["if_source_generation_match", "if_source_metageneration_match"])
def test_a_source_that_has_changed_is_not_copied(bucket: storage.Bucket, condition: str) -> None:
    source = bucket.blob("source")
    source.upload_from_string(b"s")
    number = source.generation if "_generation" in condition else source.metageneration
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(source, bucket, "copy", **{condition: number + 1})
    assert not bucket.blob("copy").exists()
    bucket.copy_blob(source, bucket, "copy", **{condition: number})
    with pytest.raises(PreconditionFailed):
        bucket.blob("copy2").rewrite(source, **{condition: number + 1})
    with pytest.raises(PreconditionFailed):
        bucket.blob("all").compose([source], if_source_generation_match=[source.generation + 1])


def test_etags_guard_reads(bucket: storage.Bucket) -> None:
    blob = bucket.blob("e")
    blob.upload_from_string(b"1")
    fresh = bucket.blob("e")
    fresh.reload(if_etag_match=blob.etag)
    with pytest.raises(NotModified):
        fresh.reload(if_etag_not_match=blob.etag)
    with pytest.raises(PreconditionFailed):
        fresh.download_as_bytes(if_etag_match="CAE=")


def test_of_eight_racing_creators_exactly_one_wins(
    url: str, bucket: storage.Bucket, connect: Callable[..., storage.Client]
) -> None:
    clients = [connect(url) for _ in range(8)]

    def create(number: int) -> bool:
        try:
            blob = clients[number].bucket(bucket.name).blob("releases/0000000001.json")
            blob.upload_from_string(str(number), if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert bucket.blob("releases/0000000001.json").download_as_text() == str(won.index(True))
