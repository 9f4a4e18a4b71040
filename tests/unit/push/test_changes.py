"""What a push changes, by the source's history and by the ledger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagwarden.ledger.state import FileEntry
from dagwarden.names import ReleaseNumber, ReleasePath
from dagwarden.push.archive import UnpackLimits
from dagwarden.push.changes import Comparison, compare_with_base, compare_with_ledger, make_offer
from dagwarden.push.manifest import Put
from dagwarden.push.mapping import Listed, Listing
from dagwarden.wire import digest

Tree = dict[ReleasePath, bytes]
trees = st.dictionaries(
    st.sampled_from([ReleasePath(f"dags/{name}.py") for name in "abcdef"]), st.sampled_from([b"1", b"2", b"3"])
)


def listing_of(tree: Tree) -> Listing:
    """Keys are contents, as a git blob's id stands for its content."""
    return Listing(files={path: Listed("0644", content.decode()) for path, content in tree.items()})


def entries_of(tree: Tree, source: str) -> dict[ReleasePath, FileEntry]:
    return {
        path: FileEntry(
            path=path,
            sha256=digest(content),
            md5="",
            size_bytes=1,
            mode="0644",
            release=ReleaseNumber(1),
            source=source,
        )
        for path, content in tree.items()
    }


def apply(comparison: Comparison, base: Tree, head: Tree) -> Tree:
    offer = make_offer(listing_of(head), comparison, {path: head[path] for path in comparison.candidates})
    after = dict(base)
    for change in offer.changes:
        if isinstance(change, Put):
            assert change.sha256 == digest(offer.contents[change.path])
            after[change.path] = offer.contents[change.path]
        else:
            del after[change.path]
    return after


@given(trees, trees)
def test_both_comparisons_lead_from_what_was_released_to_what_is_pushed(base: Tree, head: Tree) -> None:
    by_history = compare_with_base(listing_of(base), listing_of(head))
    by_ledger = compare_with_ledger(entries_of(base, "me"), "me", listing_of(head))
    assert apply(by_history, base, head) == head
    assert apply(by_ledger, base, head) == head
    assert all(base.get(path) != head[path] for path in by_history.candidates)


@given(trees, trees, trees)
def test_files_of_other_sources_are_never_deleted(mine: Tree, theirs: Tree, head: Tree) -> None:
    entries = {**entries_of(mine, "me"), **entries_of(theirs, "them")}
    assert not set(compare_with_ledger(entries, "me", listing_of(head)).gone) & theirs.keys()


@given(trees)
def test_what_is_released_already_is_no_change(tree: Tree) -> None:
    assert compare_with_base(listing_of(tree), listing_of(tree)) == Comparison(candidates=(), gone=())
    same = compare_with_ledger(entries_of(tree, "me"), "me", listing_of(tree))
    assert make_offer(listing_of(tree), same, tree).changes == ()


def test_a_changed_mode_is_a_change() -> None:
    path = ReleasePath("dags/a.sh")
    head = Listing(files={path: Listed("0755", "1")})
    assert compare_with_base(Listing(files={path: Listed("0644", "1")}), head).candidates == (path,)
    offer = make_offer(head, compare_with_ledger(entries_of({path: b"1"}, "me"), "me", head), {path: b"1"})
    assert [change.mode for change in offer.changes if isinstance(change, Put)] == ["0755"]


def test_what_the_gate_would_refuse_is_found_before_it_is_sent() -> None:
    head: Tree = {ReleasePath(f"dags/{n}.py"): b"x" * 40 for n in range(4)}
    head[ReleasePath("dags/data.bin")] = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"
    limits = UnpackLimits(max_unpacked_bytes=100, max_files=3, max_file_bytes=50)
    found = make_offer(
        Listing(files={path: Listed("0644", "") for path in head}),
        Comparison(candidates=tuple(head), gone=()),
        head,
        limits,
    )
    assert {finding.rule for finding in found.findings} == {
        "file-lfs-pointer",
        "file-too-large",
        "push-too-large",
        "too-many-files",
    }
