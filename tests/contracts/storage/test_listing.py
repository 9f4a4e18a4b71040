"""Listings are in name order, bounded, paged and divided as asked."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import storage

NAMES = ["a", "a/b/c.py", "a/b/d.sql", "a/e.py", "a0", "b/", "b/f.py", "c.py", "Z", "ä/g.py", "日/h.py"]
IN_ORDER = sorted(NAMES, key=str.encode)


@pytest.fixture
def filled(bucket: storage.Bucket) -> storage.Bucket:
    for name in reversed(NAMES):
        bucket.blob(name).upload_from_string(name)
    return bucket


def _names(bucket: storage.Bucket, **options: object) -> list[str]:
    return [blob.name for blob in bucket.list_blobs(**options)]


def test_names_are_in_the_order_of_their_bytes(filled: storage.Bucket) -> None:
    assert _names(filled) == IN_ORDER


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_pages_join_to_the_whole(filled: storage.Bucket, page_size: int) -> None:
    pages = [[blob.name for blob in page] for page in filled.list_blobs(page_size=page_size).pages]
    assert [name for page in pages for name in page] == IN_ORDER
    assert all(len(page) <= page_size for page in pages)


def test_max_results_limits_the_whole(filled: storage.Bucket) -> None:
    assert _names(filled, max_results=4) == IN_ORDER[:4]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"prefix": "a/"}, ["a/b/c.py", "a/b/d.sql", "a/e.py"]),
        ({"prefix": "nothing"}, []),
        ({"start_offset": "a0"}, ["a0", "b/", "b/f.py", "c.py", "ä/g.py", "日/h.py"]),
        ({"end_offset": "a/e.py"}, ["Z", "a", "a/b/c.py", "a/b/d.sql"]),
        ({"start_offset": "a/b/d", "end_offset": "b"}, ["a/b/d.sql", "a/e.py", "a0"]),
        ({"prefix": "a/", "start_offset": "a/c"}, ["a/e.py"]),
        ({"prefix": "b/", "start_offset": "a"}, ["b/", "b/f.py"]),
    ],
)
def test_bounds_hold(filled: storage.Bucket, options: dict[str, str], expected: list[str]) -> None:
    assert _names(filled, **options) == expected


@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_delimiter_rolls_folders_up(filled: storage.Bucket, page_size: int) -> None:
    listing = filled.list_blobs(delimiter="/", page_size=page_size)
    assert [blob.name for blob in listing] == ["Z", "a", "a0", "c.py"]
    assert listing.prefixes == {"a/", "b/", "ä/", "日/"}


def test_a_delimiter_works_below_a_prefix(filled: storage.Bucket) -> None:
    listing = filled.list_blobs(prefix="a/", delimiter="/")
    assert [blob.name for blob in listing] == ["a/e.py"]
    assert listing.prefixes == {"a/b/"}


def test_an_object_named_as_its_folder_is_shown_on_request(filled: storage.Bucket) -> None:
    listing = filled.list_blobs(prefix="b", delimiter="/", include_trailing_delimiter=True)
    assert [blob.name for blob in listing] == ["b/"]
    assert listing.prefixes == {"b/"}


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.py", ["c.py"]),
        ("**.py", ["a/b/c.py", "a/e.py", "b/f.py", "c.py", "ä/g.py", "日/h.py"]),
        ("a/**/*.{py,sql}", ["a/b/c.py", "a/b/d.sql", "a/e.py"]),
        ("?/f.py", ["b/f.py"]),
        ("[a-c]/?.py", ["a/e.py", "b/f.py"]),
        ("[!a]/?.py", ["b/f.py", "ä/g.py", "日/h.py"]),
    ],
)
def test_a_glob_selects(filled: storage.Bucket, glob: str, expected: list[str]) -> None:
    assert _names(filled, match_glob=glob) == expected


def test_an_unbalanced_glob_is_refused(bucket: storage.Bucket) -> None:
    with pytest.raises(BadRequest):
        _names(bucket, match_glob="{a,b")


@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_versions_are_listed_oldest_first(versioned: storage.Bucket, page_size: int) -> None:
    expected = []
    for name in ("a", "b"):
        for content in ("1", "2"):
            blob = versioned.blob(name)
            blob.upload_from_string(content)
            expected.append((name, blob.generation))
    listed = [(blob.name, blob.generation) for blob in versioned.list_blobs(versions=True, page_size=page_size)]
    assert listed == expected
    assert _names(versioned) == ["a", "b"]


def test_a_thousand_objects_fill_a_page(own_bucket: storage.Bucket, local) -> None:
    row = "INSERT INTO storage_objects VALUES (?, ?, ?, 1, 1, 'x', ?)"
    resource = b'{"name": "%s", "bucket": "b", "generation": "1"}'
    names = [f"r/{number:05}" for number in range(2500)]
    local.state.db.executemany(row, [(own_bucket.name, name, 1, resource % name.encode()) for name in names])
    pages = [[blob.name for blob in page] for page in own_bucket.list_blobs(start_offset="r/00100").pages]
    assert [len(page) for page in pages] == [1000, 1000, 400]
    assert [name for page in pages for name in page] == names[100:]


@pytest.mark.parametrize(("sql_name", "arguments"), [("LIVE_FROM", ("b", "r/")), ("VERSIONS_FROM", ("b", "r/", 0))])
def test_a_listing_searches_an_index_and_sorts_nothing(local, sql_name: str, arguments: tuple[object, ...]) -> None:
    from localcloud.storage import listing

    plan = local.state.db.execute(f"EXPLAIN QUERY PLAN {getattr(listing, sql_name)}", arguments).fetchall()
    steps = [row["detail"] for row in plan]
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH storage_objects USING")
    assert ">" in steps[0]
