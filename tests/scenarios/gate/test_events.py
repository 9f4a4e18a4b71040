"""What an event may tell the gate: its generation is read, never the latest; what means nothing starts nothing."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest

from dagwarden.audit.entry import Kind
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.names import PushId, release_object, verdict_object
from dagwarden.policy.verdict import Outcome
from tests.scenarios.gate.desk import PROD, Desk, event_of, find_standing, push_of


def test_a_push_becomes_one_release_with_its_entries(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n", "plugins/p.py": "p = 1\n"}, head="c1")
    assert desk.allow(event) == 1
    assert desk.tree() == {"dags/a.py": "a = 1\n", "plugins/p.py": "p = 1\n"}
    push = push_of(event)
    for kind in (Kind.PUSH_RECEIVED, Kind.PUSH_VERDICT, Kind.RELEASE_COMMITTED):
        assert len(desk.audit(kind, push)) == 1
    desk.check()


def test_the_same_event_three_times_releases_once(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"})
    verdicts = [desk.deliver(event) for _ in range(3)]
    desk.restart()
    verdicts.append(desk.deliver(event))
    assert len({verdict.decided_at for verdict in verdicts if verdict}) == 1
    assert desk.head() == 1
    assert len(desk.audit(Kind.PUSH_VERDICT)) == 1
    desk.check()


def test_an_object_that_is_gone_starts_nothing(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"})
    gone = msgspec.structs.replace(event, generation=event.generation - 1)
    assert desk.deliver(gone) is None
    assert (desk.head(), desk.verdicts()) == (0, {})


def test_a_drop_is_read_as_it_was_when_it_came(desk: Desk) -> None:
    first = desk.drop("dags/a.py", "a = (\n")
    second = desk.drop("dags/a.py", "a = 2\n")
    assert desk.deny(first) == {"syntax-error", "raw-drop-superseded"}
    assert desk.allow(second) == 1
    desk.check()


def test_an_overwritten_push_is_judged_by_the_generation_that_was_told(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"})
    forged = desk.put_push(push_of(event), b"rubbish")
    assert desk.allow(event) == 1
    again = desk.deliver(forged)
    assert again is not None
    assert again.outcome is Outcome.ALLOWED
    assert (desk.head(), desk.tree()) == (1, {"dags/a.py": "a = 1\n"})
    desk.check()


@pytest.mark.parametrize("kind", [kind for kind in ObjectEventKind if kind is not ObjectEventKind.FINALIZED])
def test_other_kinds_of_events_start_nothing(desk: Desk, kind: ObjectEventKind) -> None:
    event = msgspec.structs.replace(desk.push({"dags/a.py": "a = 1\n"}), kind=kind)
    assert desk.deliver(event) is None
    assert (desk.head(), desk.verdicts()) == (0, {})


NO_OFFERS = [
    "prod",
    "prod/",
    "prod/data/x.csv",
    "prod/logs/x.log",
    "dags/a.py",
    "/dags/a.py",
    "Prod/dags/a.py",
    "prod/pushes/",
    "prod/pushes/x.tar.gz",
    f"prod/pushes/{'a' * 63}.tar.gz",
    f"prod/pushes/{'A' * 64}.tar.gz",
    f"prod/pushes/{'a' * 64}.tar.gz/x",
    f"-/pushes/{'a' * 64}.tar.gz",
    "prod/verdicts/x.json",
    ".temp/prod/dags/a.py",
]


def test_names_that_are_no_offer_start_nothing(desk: Desk) -> None:
    for name in NO_OFFERS:
        info = desk.cloud.inbox.write(name, b"a = 1\n", generation=None, content_type="text/plain")
        assert desk.deliver(event_of(info)) is None
        assert desk.verdicts() == {}


def test_its_own_output_and_other_buckets_start_nothing(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"})
    desk.allow(event)
    cloud = desk.cloud
    outputs = [
        cloud.ledger.stat(release_object(PROD, desk.head())),
        cloud.store.stat(verdict_object(PROD, push_of(event))),
        *cloud.store.list(f"{PROD}/deltas/"),
        *cloud.store.list(f"{PROD}/claims/"),
    ]
    for info in outputs:
        assert info is not None
        assert desk.deliver(event_of(info)) is None
    for bucket in (cloud.store.name, cloud.ledger.name, "somebody-elses"):
        assert desk.deliver(msgspec.structs.replace(event, bucket=bucket)) is None
    assert desk.head() == 1
    desk.check()


def test_a_push_to_an_environment_without_policy_is_denied_there(desk: Desk) -> None:
    info = desk.cloud.inbox.write("stage/dags/a.py", b"a = 1\n", generation=None, content_type="text/plain")
    verdict = desk.gate.handle(event_of(info))
    assert verdict is not None
    assert (verdict.environment, verdict.outcome) == ("stage", Outcome.DENIED)
    assert [finding.rule for finding in verdict.findings] == ["policy-missing"]
    assert desk.verdicts() == {}


def test_events_in_any_order_give_each_push_its_verdict(desk: Desk) -> None:
    chosen = random.Random(7)
    sources = [f"team-{number}" for number in range(4)]
    events: list[ObjectEvent] = []
    for source in sources:
        commits = ["", f"{source}-1", f"{source}-2", f"{source}-3"]
        for base, head in itertools.pairwise(commits):
            events.append(desk.push({f"dags/{source}.py": f"at = {head!r}\n"}, source=source, base=base, head=head))
    events += [desk.drop(f"dags/drop_{number}.py", f"n = {number}\n") for number in range(3)]
    chosen.shuffle(events)
    for event in [*events, *chosen.sample(events, len(events))]:
        desk.deliver(event)
    verdicts = desk.verdicts()
    assert len(verdicts) == len(events)
    state, tree = desk.state(), desk.tree()
    for source in sources:
        allowed = [each for each in verdicts.values() if each.source == source and each.release]
        newest = max(allowed, key=lambda each: each.release or 0, default=None)
        assert state.sources.get(source, "") == (newest.head_commit if newest else "")
        if newest:
            assert tree[f"dags/{source}.py"] == f"at = {newest.head_commit!r}\n"
    desk.check()


def test_a_verdict_stands_when_the_policy_changes_later(desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"}, is_signed=False)
    assert desk.deny(event) == {"unattested-push"}
    desk.restart()
    assert find_standing(desk.cloud, PushId(push_of(event))) == desk.deliver(event)
    desk.check()
