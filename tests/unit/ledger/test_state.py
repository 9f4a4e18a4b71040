"""The folded state of the ledger."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import Tampered
from dagwarden.ledger.changes import changes_of_rollback
from dagwarden.ledger.state import PUSHES_KEPT, LedgerState, empty_state, fold, list_digest, tree_digest
from dagwarden.names import EnvironmentName, PushId, ReleaseNumber
from dagwarden.wire import decode, encode

from .building import draft, open_release, release_on

PROD = EnvironmentName("prod")


def test_fold_of_the_written_release_is_the_state_it_was_written_from() -> None:
    envelope, written = release_on(empty_state(PROD), draft({"dags/a.py": b"a", "plugins/p.py": b"p"}))
    folded = fold(empty_state(PROD), open_release(envelope))
    assert folded == written
    assert folded.number == 1
    assert folded.sources == {"git:a": "c1"}
    assert [link.number for link in folded.restore.links] == [1]


def test_a_release_is_refused_on_any_state_but_its_parent() -> None:
    first, one = release_on(empty_state(PROD), draft({"dags/a.py": b"a"}))
    _, other = release_on(empty_state(PROD), draft({"dags/b.py": b"b"}))
    second, _ = release_on(one, draft({"dags/c.py": b"c"}))
    with pytest.raises(Tampered, match="names parent"):
        fold(other, open_release(second))
    with pytest.raises(Tampered, match="does not follow"):
        fold(empty_state(PROD), open_release(second))
    with pytest.raises(Tampered, match="is of prod"):
        fold(empty_state(EnvironmentName("dev")), open_release(first))


def test_a_tree_that_the_changes_do_not_make_is_refused() -> None:
    envelope, _ = release_on(empty_state(PROD), draft({"dags/a.py": b"a"}))
    signed = open_release(envelope)
    lying = msgspec.structs.replace(signed, release=msgspec.structs.replace(signed.release, tree=list_digest(())))
    with pytest.raises(Tampered, match="its changes make"):
        fold(empty_state(PROD), lying)


def test_deleting_what_is_not_there_changes_nothing() -> None:
    _, one = release_on(empty_state(PROD), draft({"dags/a.py": b"a"}))
    _, two = release_on(one, draft({}, ("dags/none.py",)))
    assert two.tree == one.tree


def test_rollback_gives_back_tree_owners_and_sources() -> None:
    _, one = release_on(empty_state(PROD), draft({"dags/a.py": b"a", "dags/b.py": b"b"}))
    _, two = release_on(one, draft({"dags/a.py": b"A"}, ("dags/b.py",), source="git:z", head="z9"))
    changes = changes_of_rollback(two, one)
    back = msgspec.structs.replace(
        draft({}, source="rollback"), changes=changes, rollback_to=ReleaseNumber(1), sources=one.sources
    )
    _, three = release_on(two, back)
    assert three.tree == one.tree
    assert three.sources == one.sources
    assert {entry.source for entry in three.files.values()} == {"git:a"}


def test_only_the_newest_pushes_are_remembered() -> None:
    state = empty_state(PROD)
    crowded = msgspec.structs.replace(
        state, pushes={PushId(f"{n:064x}"): ReleaseNumber(-n) for n in range(PUSHES_KEPT)}
    )
    _, after = release_on(crowded, draft({"dags/a.py": b"a"}))
    assert len(after.pushes) == PUSHES_KEPT
    assert PushId(f"{PUSHES_KEPT - 1:064x}") not in after.pushes


def test_a_state_survives_its_own_encoding() -> None:
    _, state = release_on(empty_state(PROD), draft({"dags/é.py": b"a"}))
    assert decode(LedgerState, encode(state)) == state
    assert encode(decode(LedgerState, encode(state))) == encode(state)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text("0123456789abcdef", min_size=4), st.just("0644"))))
def test_a_tree_digest_does_not_hang_on_the_order_of_files(rows: list[tuple[str, str, str]]) -> None:
    unique = list({row[0]: row for row in rows}.values())
    assert list_digest(unique) == list_digest(reversed(unique))


def test_a_component_s_digest_covers_its_folders_only() -> None:
    _, one = release_on(empty_state(PROD), draft({"dags/a.py": b"a", "plugins/p.py": b"p"}))
    _, two = release_on(one, draft({"dags/a.py": b"changed"}))
    assert tree_digest(one.files, ("plugins",)) == tree_digest(two.files, ("plugins",))
    assert tree_digest(one.files, ("dags",)) != tree_digest(two.files, ("dags",))
