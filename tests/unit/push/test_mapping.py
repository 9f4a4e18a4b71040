"""Where files of a source come to lie in a release."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.push.mapping import Listed, Listing, Strange, map_files, parse_prefix
from dagwarden.push.rules import find


def mapped(*paths: str, prefix: str = "") -> Listing:
    return map_files([(path, Listed("0644", path)) for path in paths], [], prefix)


def test_top_level_folders_of_a_release_are_taken_as_they_are() -> None:
    listing = mapped("dags/a.py", "plugins/p.py", "README.md", "src/dags/b.py", "dags/.airflowignore")
    assert sorted(listing.files) == ["dags/.airflowignore", "dags/a.py", "plugins/p.py"]
    assert listing.left_behind == 2


def test_any_other_source_goes_under_dags() -> None:
    listing = mapped("a.py", "sub/dags/b.py", "dagsx/c.py", "dags")
    assert sorted(listing.files) == ["dags/a.py", "dags/dags", "dags/dagsx/c.py", "dags/sub/dags/b.py"]
    assert listing.left_behind == 0


def test_a_prefix_takes_the_whole_source_along() -> None:
    assert sorted(mapped("a.py", "dags/b.py", prefix="dags/team").files) == ["dags/team/a.py", "dags/team/dags/b.py"]


def test_what_is_no_file_is_found_only_where_it_would_be_released() -> None:
    strange = [Strange(path, find("path-link", path)) for path in ("dags/link.py", "docs/link")]
    listing = map_files([("dags/a.py", Listed("0644", "1"))], strange, "")
    assert [finding.path for finding in listing.findings] == ["dags/link.py"]
    listing = map_files([("a.py", Listed("0644", "1"))], strange, "plugins/x")
    assert [finding.path for finding in listing.findings] == ["plugins/x/dags/link.py", "plugins/x/docs/link"]


@given(st.lists(st.sampled_from(["dags/a", "plugins/b", "c", "d/e", "dags", "x/dags/f"]), unique=True))
def test_every_file_is_taken_once_or_left_behind(paths: list[str]) -> None:
    for prefix in ("", "dags/t"):
        listing = mapped(*paths, prefix=prefix)
        assert len(listing.files) + listing.left_behind == len(paths)


@pytest.mark.parametrize("text", ["data", "team", "dags/../x", "dags//x", "..", "dags/.", "dagsx", "dags/a\nb"])
def test_a_prefix_under_which_nothing_could_be_released_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no prefix"):
        parse_prefix(text)


@pytest.mark.parametrize(
    ("text", "prefix"), [("", ""), ("dags", "dags"), ("dags/a/", "dags/a"), ("/plugins/x", "plugins/x")]
)
def test_a_prefix_is_read_with_or_without_slashes_around_it(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix
