"""Globs cover what they say and no letter more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.policy.globs import match_name, match_path


@pytest.mark.parametrize(
    ("glob", "covered", "uncovered"),
    [
        ("dags/**", ["dags/a.py", "dags/a/b/c.py", "dags/.airflowignore"], ["dags", "plugins/a.py", "xdags/a.py"]),
        ("dags/*", ["dags/a.py"], ["dags/a/b.py", "dags"]),
        ("**", ["dags/a.py", "plugins/a/b.py", ""], []),
        ("**/a.py", ["a.py", "dags/a.py", "dags/x/a.py"], ["dags/ba.py", "dags/a.pyc"]),
        ("dags/*/sql/**", ["dags/x/sql/a.sql"], ["dags/sql/a.sql", "dags/x/y/sql/a.sql"]),
        ("dags/team_?.py", ["dags/team_a.py"], ["dags/team_.py", "dags/team_ab.py", "dags/team_/.py"]),
        ("dags/a.py", ["dags/a.py"], ["dags/aXpy", "dags/a.py\n", "Dags/a.py", "dags/A.py"]),
        ("dags/a+(b)$", ["dags/a+(b)$"], ["dags/aab"]),
    ],
)
def test_a_path_glob_covers_paths(glob: str, covered: list[str], uncovered: list[str]) -> None:
    assert [path for path in covered if not match_path(path, [glob])] == []
    assert [path for path in uncovered if match_path(path, [glob])] == []


@pytest.mark.parametrize(
    ("glob", "covered", "uncovered"),
    [
        ("*@acme.iam", ["ci@acme.iam", "a.b@acme.iam"], ["ci@acme.iam.evil", "ci@acmeXiam", "ci@acme.iam\n"]),
        ("*", ["anybody", ""], []),
        ("https://github.com/acme/*", ["https://github.com/acme/a/b"], ["https://github.com/acmf/a"]),
    ],
)
def test_a_name_glob_covers_names(glob: str, covered: list[str], uncovered: list[str]) -> None:
    assert [name for name in covered if not match_name(name, [glob])] == []
    assert [name for name in uncovered if match_name(name, [glob])] == []


@given(st.text(max_size=20).filter(lambda text: "*" not in text and "?" not in text), st.text(max_size=20))
def test_a_glob_without_stars_covers_itself_alone(glob: str, other: str) -> None:
    assert match_path(glob, [glob])
    assert match_name(glob, [glob])
    assert match_path(other, [glob]) == (other == glob)
