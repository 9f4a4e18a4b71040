"""A release holds only paths that mean the same thing everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.names import Digest, ReleasePath
from dagwarden.push.manifest import Change, Delete, Put
from dagwarden.push.paths import check_names, check_path, check_paths, check_tree
from dagwarden.push.rules import PUSH_RULES, find


def puts(*paths: str) -> list[Change]:
    return [Put(path=ReleasePath(path), sha256=Digest("0" * 64), size_bytes=0) for path in paths]


def deletes(*paths: str) -> list[Change]:
    return [Delete(path=ReleasePath(path)) for path in paths]


BAD = {
    "path-absolute": ["/dags/a.py", "/etc/passwd", "//dags/a.py"],
    "path-parent": ["dags/../a.py", "../a.py", "dags/a/..", ".."],
    "path-nul": ["dags/a\0.py", "\0"],
    "path-too-long": ["dags/" + "a" * 1020, "dags/" + "é" * 510, "x" * 10_000_000],
    "path-dot-name": ["dags/.", "dags/./a.py", ".", "./dags/a.py"],
    "path-trailing-slash": ["dags/", "dags/a/"],
    "path-outside-folders": ["a.py", "", "data/a.py", "dags", "dagsx/a.py", "DAGS/a.py", "logs/x", "dags\\a.py"],
    "path-not-nfc": ["dags/e\u0301.py", "dags/\u212b.py"],
    "path-control-character": ["dags/a\nb.py", "dags/\x1b[31m.py", "dags/\x7f", "dags/\u202e.py", "dags/\ud800.py"],
    "path-empty-part": ["dags//a.py", "plugins/x//y.py"],
}  # fmt: skip
GOOD = [
    "dags/a.py",
    "plugins/x/y/z.py",
    "dags/.airflowignore",
    "dags/é/日本.py",
    "dags/a b.py",
    "dags/..a",
    "dags/" + "a" * 1019,
]


@pytest.mark.parametrize(("rule", "path"), [(rule, path) for rule, paths in BAD.items() for path in paths])
def test_a_bad_path_breaks_its_own_rule(rule: str, path: str) -> None:
    for change in (puts(path), deletes(path)):
        [finding] = check_names(change)
        assert finding.rule == rule
        assert finding.path.isprintable()
        assert len(finding.path) < 3000


@pytest.mark.parametrize("path", GOOD)
def test_a_good_path_breaks_none(path: str) -> None:
    assert check_path(path) is None
    assert check_names(puts(path)) == []


@given(st.text(max_size=40) | st.text("dags/.\0\n\u0301aA", max_size=20).map(lambda text: "dags/" + text))
def test_a_path_let_through_stays_inside_its_folder(path: str) -> None:
    if check_path(path) is None:
        parts = path.split("/")
        assert parts[0] in {"dags", "plugins"}
        assert not {"", ".", ".."} & set(parts)
        assert path.isprintable() or not path.isascii()


def test_a_path_named_twice_is_found_once() -> None:
    for changes in (puts("dags/a.py", "dags/a.py"), puts("dags/a.py") + deletes("dags/a.py")):
        assert [finding.rule for finding in check_names(changes)] == ["path-duplicate"]


COLLISIONS = [
    ("path-case-collision", "dags/a.py", "dags/A.py"),
    ("path-case-collision", "dags/É.py", "dags/é.py"),
    ("path-case-collision", "dags/x/a.py", "dags/X/b.py"),
    ("path-folder-and-file", "dags/x", "dags/x/a.py"),
    ("path-folder-and-file", "dags/x/y/z.py", "dags/x"),
]


@pytest.mark.parametrize(("rule", "one", "other"), COLLISIONS)
def test_colliding_paths_are_found_in_the_push_and_against_the_tree(rule: str, one: str, other: str) -> None:
    assert {finding.rule for finding in check_names(puts(one, other))} == {rule}
    for new, standing in ((one, other), (other, one)):
        assert check_names(puts(new)) == []
        assert [finding.rule for finding in check_tree(puts(new), ["dags/zz.py", standing])] == [rule]
        assert check_paths(puts(new), [standing]) == check_tree(puts(new), [standing])


@pytest.mark.parametrize(("rule", "one", "other"), COLLISIONS)
def test_a_rename_that_resolves_the_collision_is_fine(rule: str, one: str, other: str) -> None:
    assert check_tree(puts(one) + deletes(other), [other, "dags/zz.py"]) == []


def test_replacing_files_of_the_tree_is_no_collision() -> None:
    tree = ["dags/a.py", "dags/x/b.py", "plugins/c.py"]
    assert check_paths(puts(*tree), tree) == []
    assert check_paths(deletes(*tree), tree) == []


def test_codes_and_ids_are_given_once_and_in_order() -> None:
    codes = [rule.code for rule in PUSH_RULES]
    assert codes == sorted(set(codes))
    assert len({rule.id for rule in PUSH_RULES}) == len(PUSH_RULES)
    assert all(find(rule.id).hint for rule in PUSH_RULES)
