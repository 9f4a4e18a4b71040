"""What others change in the environment's bucket is noticed, reported, and healed where policy says so."""

from __future__ import annotations

import pytest

from dagwarden.errors import InvalidInput, LimitExceeded
from dagwarden.sync.drift import Standing
from tests.scenarios.mirror.house import House

A, B, NEW = "dags/a.py", "dags/b.py", "dags/new.py"


@pytest.fixture
def lived_in(house: House) -> House:
    """Two files, released and mirrored."""
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    return house


def test_an_overwritten_file_is_reported_then_put_back(lived_in: House) -> None:
    generation = lived_in.upload(A, b"hot fix")
    lived_in.settle()
    assert lived_in.tree() == {A: b"one", B: b"b"}
    (detected,), (healed,) = lived_in.audit("drift.detected"), lived_in.audit("drift.healed")
    assert detected.what.resource == healed.what.resource == f"gs://{lived_in.bucket_name}/{A}#{generation}"
    assert detected.who.name == "unknown: `dagwarden drift` asks the Data Access log"
    assert detected.details["drift"] == "changed"
    assert detected.details["found"] != detected.details["expected"]


def test_a_deleted_file_is_put_back(lived_in: House) -> None:
    lived_in.remove(A)
    lived_in.settle()
    assert lived_in.tree() == {A: b"one", B: b"b"}
    assert [entry.details["drift"] for entry in lived_in.audit("drift.detected")] == ["removed"]


def test_an_unknown_file_is_reported_and_left_unless_policy_removes_it(lived_in: House) -> None:
    lived_in.upload(NEW, b"foreign")
    lived_in.settle()
    assert NEW in lived_in.tree()
    assert [entry.details["drift"] for entry in lived_in.audit("drift.detected")] == ["added"]
    assert lived_in.audit("drift.healed") == []


def test_an_unknown_file_goes_where_policy_removes_it(lived_in: House) -> None:
    lived_in.write_yaml("policy", "drift:\n  unknown_files: remove\n")
    lived_in.upload(NEW, b"foreign")
    lived_in.settle()
    assert lived_in.tree() == {A: b"one", B: b"b"}
    assert len(lived_in.audit("drift.healed")) == 1


@pytest.mark.parametrize("policy", ["drift:\n  changed_files: report\n", "drift: nonsense\n"])
def test_nothing_is_healed_where_policy_only_reports_or_cannot_be_read(lived_in: House, policy: str) -> None:
    lived_in.write_yaml("policy", policy)
    lived_in.upload(A, b"hot fix")
    lived_in.settle()
    assert lived_in.tree()[A] == b"hot fix"
    assert len(lived_in.audit("drift.detected")) == 1
    assert lived_in.audit("drift.healed") == []


def test_the_same_event_three_times_reports_and_heals_once(lived_in: House) -> None:
    lived_in.upload(A, b"hot fix")
    events = lived_in.bucket_events()
    lived_in.deliver(*events, *events, *reversed(events))
    lived_in.settle()
    assert lived_in.tree() == {A: b"one", B: b"b"}
    assert len(lived_in.audit("drift.detected")) == len(lived_in.audit("drift.healed")) == 1


def test_a_file_that_came_and_went_is_reported_all_the_same(lived_in: House) -> None:
    generation = lived_in.upload(NEW, b"foreign")
    lived_in.remove(NEW)
    lived_in.settle()
    (entry,) = lived_in.audit("drift.detected")
    assert entry.what.resource.endswith(f"{NEW}#{generation}")


def test_late_events_of_our_own_writes_are_no_drift(lived_in: House) -> None:
    lived_in.release({A: b"two", NEW: b"n"})
    lived_in.deliver(lived_in.release_event(2))
    late = lived_in.bucket_events()
    lived_in.release({A: b"three"}, deletes=(NEW,))
    lived_in.mirror(3)
    lived_in.deliver(*late)
    lived_in.settle()
    assert lived_in.audit("drift.detected") == []
    assert lived_in.tree() == lived_in.head_tree()


def test_lag_is_no_drift(lived_in: House) -> None:
    lived_in.release({A: b"two"}, deletes=(B,))
    blob = lived_in.storage.bucket(lived_in.bucket_name).blob(A)
    blob.metadata = {"seen": "1"}
    blob.patch()
    lived_in.settle()
    assert lived_in.audit("drift.detected") == []
    assert lived_in.tree()[A] == b"one"
    lived_in.mirror(2)
    assert lived_in.tree() == {A: b"two"}


def test_an_older_released_version_brought_back_by_hand_is_drift(lived_in: House) -> None:
    lived_in.release({A: b"two"})
    lived_in.mirror(2)
    lived_in.upload(A, b"one", **{"dagwarden-release": "1"})
    lived_in.settle()
    assert lived_in.tree()[A] == b"two"
    assert [entry.details["drift"] for entry in lived_in.audit("drift.detected")] == ["changed"]


def test_forged_metadata_does_not_hide_drift(lived_in: House) -> None:
    lived_in.upload(A, b"hot fix", **{"dagwarden-release": "99", "dagwarden-sha256": "0" * 64})
    lived_in.settle()
    assert lived_in.tree()[A] == b"one"


def test_a_composed_object_is_judged_by_its_bytes(lived_in: House) -> None:
    bucket = lived_in.storage.bucket(lived_in.bucket_name)
    lived_in.upload("data/1", b"o")
    lived_in.upload("data/2", b"ne")
    bucket.blob(A).compose([bucket.blob("data/1"), bucket.blob("data/2")])
    bucket.blob(B).compose([bucket.blob("data/1"), bucket.blob("data/2")])
    lived_in.settle()
    assert {path: content for path, content in lived_in.tree().items() if path.startswith("dags/")} == {
        A: b"one",
        B: b"b",
    }
    assert {entry.what.resource.split("#")[0][-4:] for entry in lived_in.audit("drift.healed")} == {"b.py"}


def test_folder_placeholders_and_other_folders_are_nobodys_drift(lived_in: House) -> None:
    lived_in.upload("dags/team/", b"")
    lived_in.upload("logs/x", b"log")
    lived_in.upload("data/y", b"data")
    lived_in.settle()
    assert lived_in.audit("drift.detected") == []
    assert set(lived_in.tree()) == {A, B, "dags/team/", "logs/x", "data/y"}


def test_before_the_first_release_the_bucket_is_nobodys_business(house: House) -> None:
    house.upload(A, b"long before")
    house.settle()
    house.deliver(house.reconcile_event())
    assert house.tree() == {A: b"long before"}
    assert house.audit("drift.detected") == []


def test_reconciling_finds_what_no_event_told(lived_in: House) -> None:
    lived_in.write_yaml("policy", "drift:\n  unknown_files: remove\n")
    lived_in.upload(A, b"hot fix")
    lived_in.remove(B)
    lived_in.upload("plugins/new.py", b"foreign")
    lived_in.upload("data/keep", b"x")
    lived_in.bucket_events()  # lost
    event = lived_in.reconcile_event()
    lived_in.deliver(event, event)
    assert lived_in.tree() == {A: b"one", B: b"b", "data/keep": b"x"}
    found = sorted(entry.details["drift"] for entry in lived_in.audit("drift.detected"))
    assert found == ["added", "changed", "removed"]
    assert len(lived_in.audit("drift.healed")) == 3


def test_reconciling_brings_a_release_whose_event_was_lost(lived_in: House) -> None:
    lived_in.release({A: b"two"})
    lived_in.deliver(lived_in.reconcile_event())
    assert lived_in.tree()[A] == b"two"
    assert lived_in.audit("drift.detected") == []


def test_too_much_drift_is_reported_and_left(house: House) -> None:
    house.release({f"dags/{n}.py": b"%d" % n for n in range(30)})
    house.mirror(1)
    for n in range(22):
        house.remove(f"dags/{n}.py")
    house.bucket_events()  # lost
    with pytest.raises(LimitExceeded, match="22 of 30 files"):
        house.deliver(house.reconcile_event())
    assert len(house.tree()) == 8
    assert len(house.audit("drift.detected")) == 22
    assert house.audit("drift.healed") == []


def test_an_event_of_another_bucket_is_refused(lived_in: House) -> None:
    lived_in.upload(A, b"hot fix")
    events = lived_in.bucket_events()
    lived_in.write_yaml("environment", "name: prod\nbucket: another-bucket\n")
    lived_in.restart()
    with pytest.raises(InvalidInput, match="another-bucket"):
        lived_in.deliver(*events)


def test_looking_at_all_changes_nothing(lived_in: House) -> None:
    lived_in.upload(A, b"hot fix")
    before = lived_in.generations()
    found = lived_in.survey()
    assert [(each.path, each.standing) for each in found.survey.drifted] == [(A, Standing.CHANGED)]
    assert lived_in.generations() == before
    assert lived_in.audit("drift.detected") == []
