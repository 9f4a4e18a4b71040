"""Judging objects against the ledger."""

from __future__ import annotations

import pytest

from dagwarden.cloud.storage import ObjectInfo
from dagwarden.errors import LimitExceeded
from dagwarden.ledger.state import FileEntry
from dagwarden.names import ReleasePath
from dagwarden.policy.model import Drift as DriftRules
from dagwarden.sync.drift import (
    HealLimit,
    Remedy,
    Standing,
    Survey,
    check_heals,
    choose_remedy,
    classify,
    in_phases,
    is_mirrored,
    survey,
)
from tests.unit.mirror.things import entry, live

ONE, TWO, FOREIGN = b"one", b"two", b"foreign"


@pytest.mark.parametrize(
    ("found", "wanted", "lagging", "standing"),
    [
        (live(ONE), entry(ONE), (), Standing.IN_ORDER),
        (None, None, (), Standing.IN_ORDER),
        (live(ONE), entry(TWO), (entry(ONE),), Standing.LAGGING),
        (None, entry(TWO), (None,), Standing.LAGGING),
        (live(ONE), None, (entry(ONE),), Standing.LAGGING),
        (live(FOREIGN), entry(TWO), (entry(ONE), None), Standing.CHANGED),
        (live(ONE), entry(TWO), (), Standing.CHANGED),
        (live(FOREIGN), None, (entry(ONE),), Standing.ADDED),
        (None, entry(ONE), (), Standing.REMOVED),
        (None, entry(TWO), (entry(ONE),), Standing.REMOVED),
    ],
)
def test_content_alone_decides_how_an_object_stands(
    found: ObjectInfo | None, wanted: FileEntry | None, lagging: tuple[FileEntry | None, ...], standing: Standing
) -> None:
    assert classify(found, wanted, lagging) is standing


def test_our_metadata_on_foreign_content_convinces_nobody() -> None:
    forged = live(FOREIGN, **{"dagwarden-release": "1", "dagwarden-sha256": entry(ONE).sha256})
    assert classify(forged, entry(ONE)) is Standing.CHANGED


def test_a_content_encoding_makes_readers_see_other_bytes() -> None:
    assert classify(live(ONE, encoding="gzip"), entry(ONE)) is Standing.CHANGED


def test_a_folder_placeholder_is_no_drift() -> None:
    assert classify(live(b"", "dags/team/"), None) is Standing.IN_ORDER
    assert classify(live(b"x", "dags/team/"), None) is Standing.ADDED
    assert classify(live(b"", "dags/empty.py"), None) is Standing.ADDED


def test_compiled_files_are_reported_as_added() -> None:
    assert classify(live(b"\x00", "dags/__pycache__/a.pyc"), None) is Standing.ADDED


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("dags/a", True),
        ("plugins/a", True),
        ("data/a", False),
        ("logs/dags/a", False),
        ("dagsx/a", False),
        ("x", False),
    ],
)
def test_only_dags_and_plugins_are_looked_after(name: str, is_ours: bool) -> None:
    assert is_mirrored(name) is is_ours


@pytest.mark.parametrize(
    ("rules", "changed", "removed", "added"),
    [
        (DriftRules(), Remedy.PUT_BACK, Remedy.PUT_BACK, Remedy.REPORT),
        (DriftRules(unknown_files="remove"), Remedy.PUT_BACK, Remedy.PUT_BACK, Remedy.REMOVE),
        (DriftRules(changed_files="report"), Remedy.REPORT, Remedy.REPORT, Remedy.REPORT),
    ],
)
def test_policy_chooses_the_remedy(rules: DriftRules, changed: Remedy, removed: Remedy, added: Remedy) -> None:
    assert choose_remedy(Standing.CHANGED, rules) is changed
    assert choose_remedy(Standing.REMOVED, rules) is removed
    assert choose_remedy(Standing.ADDED, rules) is added


def test_a_survey_finds_each_kind_once() -> None:
    names = ("dags/same.py", "dags/changed.py", "dags/gone.py", "dags/late.py")
    wanted = {ReleasePath(name): entry(ONE, name) for name in names}
    lives = {
        "dags/same.py": live(ONE, "dags/same.py"),
        "dags/changed.py": live(FOREIGN, "dags/changed.py"),
        "dags/late.py": live(TWO, "dags/late.py"),
        "dags/new.py": live(FOREIGN, "dags/new.py"),
        "dags/": live(b"", "dags/"),
    }
    found = survey(lives, wanted, DriftRules(), lambda name, _: name == "dags/late.py")
    assert {each.path: each.standing for each in found.drifted} == {
        "dags/changed.py": Standing.CHANGED,
        "dags/gone.py": Standing.REMOVED,
        "dags/new.py": Standing.ADDED,
    }
    assert found.lagging == (ReleasePath("dags/late.py"),)
    assert found.population == 6
    assert {each.path for each in found.heals()} == {"dags/changed.py", "dags/gone.py"}


def make_survey(selected: int, population: int) -> Survey:
    wanted = {ReleasePath(f"dags/{n}.py"): entry(ONE, f"dags/{n}.py") for n in range(population)}
    lives = {str(path): live(ONE, path) for path in list(wanted)[selected:]}
    return survey(lives, wanted, DriftRules(), lambda _name, _live: False)


@pytest.mark.parametrize(("selected", "population"), [(20, 20), (21, 42), (0, 0), (500, 1000)])
def test_what_a_stray_hand_does_may_be_healed(selected: int, population: int) -> None:
    check_heals(make_survey(selected, population), HealLimit(), "gs://env")


@pytest.mark.parametrize(("selected", "population"), [(21, 41), (70, 70), (501, 1000)])
def test_what_only_a_wrong_bucket_explains_is_refused_with_its_numbers(selected: int, population: int) -> None:
    with pytest.raises(LimitExceeded, match=rf"{selected} of {population} files; the limit is 50 %"):
        check_heals(make_survey(selected, population), HealLimit(), "gs://env")


def test_a_dag_is_put_after_what_it_imports() -> None:
    puts = [
        ("dags/flow.py", b"from airflow import DAG\nfrom team.tools import x\n"),
        ("dags/team/tools.py", b"x = 1\n"),
        ("dags/.airflowignore", b"team/\n# dag airflow"),
        ("dags/packed.zip", b"PK"),
        ("plugins/views.py", b"from airflow.plugins_manager import AirflowPlugin  # dag"),
    ]
    assert in_phases(puts) == (
        ("dags/team/tools.py", "dags/.airflowignore", "plugins/views.py"),
        ("dags/flow.py", "dags/packed.zip"),
    )


def test_no_puts_have_no_phases() -> None:
    assert in_phases([]) == ()
