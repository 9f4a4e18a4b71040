"""Archives named by their content."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import Tampered
from dagwarden.ledger.archive import PlainFile, pack_files, unpack_files
from dagwarden.names import ReleasePath
from dagwarden.wire import digest

names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=120)
files = st.dictionaries(
    names.map(lambda name: f"dags/{name}"),
    st.tuples(st.sampled_from(["0644", "0755"]), st.binary(max_size=200)),
    max_size=8,
)


@given(files)
def test_what_is_packed_unpacks_to_the_same(table: dict[str, tuple[str, bytes]]) -> None:
    plain = {ReleasePath(path): PlainFile(ReleasePath(path), mode, content) for path, (mode, content) in table.items()}
    archive = pack_files(plain.values())
    assert unpack_files(archive, digest(archive)) == plain
    assert pack_files(reversed(plain.values())) == archive


def test_an_archive_is_not_read_before_its_digest_holds() -> None:
    archive = pack_files([PlainFile(ReleasePath("dags/a.py"), "0644", b"a")])
    with pytest.raises(Tampered, match="its sha256 is"):
        unpack_files(archive + b"\0", digest(archive))


def test_bytes_that_are_no_archive_are_refused() -> None:
    for content in (b"", b"nonsense", gzip.compress(b"nonsense"), gzip.compress(b"x" * 2000)[:-8]):
        with pytest.raises(Tampered):
            unpack_files(content, digest(content))
