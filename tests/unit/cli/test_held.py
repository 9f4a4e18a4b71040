"""`dagwarden held`: which pushes wait for whose approval, until when."""

from __future__ import annotations

import datetime as dt

from dagwarden.cloud.clients import Cloud
from dagwarden.names import EnvironmentName, PushId, held_object, verdict_object
from dagwarden.policy.verdict import Outcome, Principal, Verdict, Wait
from dagwarden.wire import encode

from .conftest import Dagwarden

PROD = EnvironmentName("prod")
NOW = dt.datetime.now(dt.UTC)
PUSH, OTHER = PushId("ab" * 32), PushId("cd" * 32)


def hold(cloud: Cloud, push: PushId, until: dt.datetime) -> Verdict:
    """What the gate would have left of a held push."""
    wait = Wait(name="leads", clause="policy.yaml:9", needs=2, approvers=("lead*@acme.example",), until=until)
    verdict = Verdict(
        push_id=push,
        environment=PROD,
        outcome=Outcome.HELD,
        principal=Principal(name="ann@acme.example", attested_by="jwt"),
        source="https://git.example.com/etl.git",
        waits=(wait,),
        decided_at=NOW,
    )
    put(cloud, held_object(PROD, push), verdict)
    return verdict


def put(cloud: Cloud, name: str, verdict: Verdict) -> None:
    cloud.store.write(name, encode(verdict), generation=None, content_type="application/json")


def test_held_pushes_are_listed_with_whom_they_wait_for_and_until_when(dagwarden: Dagwarden, cloud: Cloud) -> None:
    hold(cloud, PUSH, NOW + dt.timedelta(days=1))
    hold(cloud, OTHER, NOW - dt.timedelta(days=1))
    lines = dagwarden("held").out.splitlines()[1:]
    rows = {line.split()[0]: line for line in lines}
    assert set(rows) == {PUSH[:12], OTHER[:12]}
    for part in ("ann@acme.example", "2 of lead*@acme.example (leads, policy.yaml:9)"):
        assert part in rows[PUSH[:12]]
    assert rows[OTHER[:12]].endswith("(over)")
    told = {each["push_id"]: each for each in dagwarden("held", "--json").json}
    assert (told[PUSH]["is_overdue"], told[OTHER]["is_overdue"]) == (False, True)
    assert told[PUSH]["waits"][0]["approvers"] == ["lead*@acme.example"]
    assert dt.datetime.fromisoformat(told[PUSH]["until"]) == NOW + dt.timedelta(days=1)


def test_what_was_decided_is_held_no_longer(dagwarden: Dagwarden, cloud: Cloud) -> None:
    put(cloud, verdict_object(PROD, PUSH), hold(cloud, PUSH, NOW))
    assert dagwarden("held").out == "no push to prod waits for approval\n"
    assert dagwarden("held", "--json").json == []


def test_the_gate_is_asked_to_deny_what_waited_too_long(dagwarden: Dagwarden, cloud: Cloud) -> None:
    topic = cloud.settings.held_topic
    cloud.subscription(topic).ensure(topic, "", expires_after_s=8 * 86400)
    done = dagwarden("held", "--expire")
    assert done.out.splitlines()[-1] == "the gate was asked to deny what waited too long"
    [(_, message)] = cloud.subscription(topic).pull(1)
    assert message.attributes == {"environment": "prod"}
