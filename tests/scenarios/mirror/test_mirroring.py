"""Releases go to the environment's bucket."""

from __future__ import annotations

import pytest

from dagwarden.errors import InvalidInput, Tampered
from tests.scenarios.mirror.house import PROD, House

A, B = "dags/a.py", "dags/b.py"


def test_a_release_is_in_the_bucket_byte_for_byte(house: House) -> None:
    house.upload("data/x.csv", b"1,2")
    house.release({A: b"one", "plugins/p.py": b"plugin", "dags/sub/.airflowignore": b"x\n"})
    house.mirror(1)
    assert house.tree() == {**house.head_tree(), "data/x.csv": b"1,2"}
    blob = house.storage.bucket(house.bucket_name).get_blob(A)
    assert blob is not None
    assert (blob.content_type, blob.content_encoding) == ("text/x-python", None)
    assert blob.metadata["dagwarden-release"] == "1"


def test_only_what_a_release_changes_is_written(house: House) -> None:
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    before = house.generations()
    house.release({A: b"two"})
    house.mirror(2)
    after = house.generations()
    assert house.tree() == {A: b"two", B: b"b"}
    assert before[A] != after[A]
    assert before[B] == after[B]


def test_a_deleted_file_leaves_the_bucket(house: House) -> None:
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    house.release(deletes=(A,))
    house.mirror(2)
    assert house.tree() == {B: b"b"}


def test_one_mirrored_entry_and_one_receipt_tell_of_a_release(house: House) -> None:
    state = house.release({A: b"one"})
    house.deliver(house.release_event(1))
    (receipt,) = house.record()
    assert (receipt.component, receipt.instance, receipt.outcome) == ("bucket", "mirror", "applied")
    assert (receipt.release, receipt.tree) == (1, state.tree)
    (entry,) = house.audit("release.mirrored")
    assert entry.details == {**entry.details, "puts": 1, "deletes": 0, "bucket": house.bucket_name}
    house.settle()
    assert house.audit("drift.detected") == []


def test_the_same_event_three_times_mirrors_once(house: House) -> None:
    house.release({A: b"one"})
    event = house.release_event(1)
    house.deliver(event)
    before = house.generations()
    house.deliver(event, event)
    assert house.generations() == before
    assert len(house.record()) == 1
    assert len(house.audit("release.mirrored")) == 1


def test_events_in_any_order_end_at_the_head(house: House) -> None:
    for number in range(1, 5):
        house.release({A: b"%d" % number, f"dags/n{number}.py": b"x"}, deletes=(f"dags/n{number - 1}.py",))
    house.mirror(3)
    assert house.tree() == house.head_tree()
    for number in (1, 4, 2, 3):
        house.mirror(number)
    assert house.tree() == house.head_tree() == {A: b"4", "dags/n4.py": b"x"}
    assert house.audit("drift.detected") == []


def test_lost_events_are_caught_up_by_the_next_one(house: House) -> None:
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    house.release(deletes=(B,))
    house.release({A: b"three"})
    house.mirror(3)
    assert house.tree() == {A: b"three"}


def test_a_new_process_goes_on_where_the_receipts_say(house: House) -> None:
    house.release({A: b"one"})
    house.mirror(1)
    house.restart()
    house.release({B: b"b"})
    house.admin.reset_counts()
    house.mirror(2)
    assert house.tree() == {A: b"one", B: b"b"}
    assert house.admin.count("storage", "objects.list") <= 4  # heads, never the bucket


def test_it_catches_up_from_nothing(house: House) -> None:
    house.release({A: b"one", B: b"b"})
    house.release({A: b"two"}, deletes=(B,))
    house.mirror(2)
    assert house.tree() == {A: b"two"}


def test_without_a_position_what_earlier_releases_left_goes(house: House) -> None:
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    house.storage.bucket(house.settings.store_bucket).blob("prod/status/bucket/mirror.json").delete()
    house.restart()
    house.upload("dags/foreign.py", b"foreign")
    house.release({A: b"two"}, deletes=(B,))
    house.mirror(2)
    assert house.tree() == {A: b"two", "dags/foreign.py": b"foreign"}
    assert [entry.what.resource.split("/")[-1].split("#")[0] for entry in house.audit("drift.detected")] == [
        "foreign.py"
    ]


def test_what_came_and_went_since_the_position_goes(house: House) -> None:
    house.release({A: b"one"})
    house.mirror(1)
    house.release({B: b"b"})
    house.deliver(house.release_event(2))  # the receipt of release 2 is not on record yet
    house.restart()
    house.release(deletes=(B,))
    house.deliver(house.release_event(3))
    assert house.tree() == {A: b"one"}
    assert house.audit("drift.detected") == []


def test_a_position_beyond_the_ledger_is_not_believed(house: House) -> None:
    house.release({A: b"one"})
    house.mirror(1)
    blob = house.storage.bucket(house.settings.store_bucket).blob("prod/status/bucket/mirror.json")
    blob.upload_from_string(blob.download_as_bytes().replace(b'"release":1', b'"release":9'))
    house.restart()
    house.release({A: b"two"})
    house.mirror(2)
    assert house.tree() == {A: b"two"}


def test_an_older_run_does_not_win_over_a_newer(house: House) -> None:
    late = house.handler
    house.release({A: b"one", B: b"b"})
    house.mirror(1)
    house.release({A: b"two", "dags/c.py": b"c"})
    event = house.release_event(2)
    house.release({A: b"three"}, deletes=("dags/c.py",))
    house.restart()
    house.mirror(3)
    late.take(event["attributes"], event["data"])
    assert house.tree() == house.head_tree() == {A: b"three", B: b"b"}


def test_what_a_dead_older_run_left_goes_when_its_event_comes_again(house: House) -> None:
    house.release({A: b"one"})
    house.release({B: b"b"})
    house.release(deletes=(B,))
    house.mirror(3)
    house.upload(B, b"b", **{"dagwarden-release": "2"})
    house.deliver(house.release_event(2))
    assert house.tree() == {A: b"one"}


def test_what_a_release_writes_over_is_reported_first(house: House) -> None:
    house.release({A: b"one"})
    house.mirror(1)
    generation = house.upload(A, b"hot fix")
    house.release({A: b"two"})
    house.deliver(house.release_event(2))
    assert house.tree() == {A: b"two"}
    (entry,) = house.audit("drift.detected")
    assert entry.what.resource == f"gs://{house.bucket_name}/{A}#{generation}"


def test_a_tampered_ledger_changes_nothing_and_says_so(house: House) -> None:
    house.release({A: b"one"})
    house.mirror(1)
    house.release({A: b"two"})
    blob = house.storage.bucket(house.settings.ledger_bucket).blob("prod/releases/0000000002.json")
    blob.upload_from_string(blob.download_as_bytes().replace(b'"payload":"', b'"payload":"AAAA'))
    with pytest.raises(Tampered):
        house.deliver(house.release_event(2))
    assert house.tree() == {A: b"one"}
    (receipt,) = house.record()
    assert (receipt.outcome, receipt.release, receipt.wanted) == ("failed", 1, 2)


def test_an_environment_without_a_bucket_starts_nothing(house: House) -> None:
    house.write_yaml("environment", "name: prod\n")
    house.release({A: b"one"})
    house.deliver(house.release_event(1))
    assert house.tree() == {}
    assert house.record() == []


@pytest.mark.parametrize(
    ("attributes", "data"),
    [
        ({}, None),
        ({"type": "x", "id": "1"}, b"{"),
        ({"type": "google.cloud.storage.object.v1.finalized", "id": "1"}, {"bucket": "other", "name": "a"}),
        ({"type": "google.cloud.pubsub.topic.v1.messagePublished", "id": "1"}, {"message": {}}),
    ],
)
def test_an_event_that_means_nothing_is_refused(house: House, attributes: dict[str, str], data: object) -> None:
    with pytest.raises(InvalidInput):
        house.handler.take(attributes, data)


def test_other_objects_of_the_ledger_start_nothing(house: House) -> None:
    event = {
        "bucket": house.settings.ledger_bucket,
        "name": "prod/notes.txt",
        "generation": "1",
        "timeCreated": "2026-01-01T00:00:00Z",
    }
    house.handler.take({"type": "google.cloud.storage.object.v1.finalized", "id": "1"}, event)
    assert house.tree() == {}


def test_the_calls_for_a_release_do_not_hang_on_the_size_of_the_tree(house: House) -> None:
    counts = []
    for size in (5, 100):
        house.release({f"dags/{size}/{n}.py": b"%d" % n for n in range(size)})
        house.mirror(house.ledger.find_head_number(PROD))
        house.release({f"dags/{size}/0.py": b"changed"})
        event = house.release_event(house.ledger.find_head_number(PROD))
        house.admin.reset_counts()
        house.deliver(event)
        counts.append(house.admin.count())
        house.settle()
    assert counts[0] == counts[1] <= 9
    assert house.tree() == house.head_tree()
