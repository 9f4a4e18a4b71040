"""plan: the least that turns one set of files into another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagwarden import wire
from dagwarden.names import ReleasePath
from dagwarden.sync.plan import Plan, Row, plan, planned

NOTHING = Plan(deletes=(), puts={}, modes={})


def _row(content: bytes, mode: str = "0644") -> Row:
    return Row(sha256=wire.digest(content), mode=mode, size_bytes=len(content))  # type: ignore[arg-type]


ROWS = st.builds(_row, st.sampled_from([b"", b"a", b"b", b"long" * 9]), st.sampled_from(["0644", "0755"]))
PATHS = st.builds("/".join, st.lists(st.sampled_from(["a", "b", "dags"]), min_size=1, max_size=3)).map(ReleasePath)
TREES = st.dictionaries(PATHS, ROWS, max_size=12)


@given(TREES, TREES)
def test_carrying_out_the_plan_gives_what_was_wanted(
    current: dict[ReleasePath, Row], wanted: dict[ReleasePath, Row]
) -> None:
    assert planned(current, plan(current, wanted)) == wanted


@given(TREES)
def test_equal_trees_need_nothing(tree: dict[ReleasePath, Row]) -> None:
    assert plan(tree, dict(tree)) == NOTHING


@given(TREES, TREES)
def test_no_path_is_changed_twice_and_none_in_vain(
    current: dict[ReleasePath, Row], wanted: dict[ReleasePath, Row]
) -> None:
    changes = plan(current, wanted)
    named = [*changes.deletes, *changes.puts, *changes.modes]
    assert len(named) == len(set(named))
    assert all(current.get(path) != wanted.get(path) for path in named)


def test_same_bytes_with_another_mode_are_not_brought_again() -> None:
    path = ReleasePath("dags/run.sh")
    changes = plan({path: _row(b"x")}, {path: _row(b"x", "0755")})
    assert not changes.puts
    assert changes.modes[path].mode == "0755"


def test_a_row_without_md5_equals_one_with_it() -> None:
    path = ReleasePath("dags/a.py")
    with_md5 = Row(sha256=wire.digest(b"x"), mode="0644", size_bytes=1, md5=wire.md5_hex(b"x"))
    assert plan({path: _row(b"x")}, {path: with_md5}) == NOTHING
