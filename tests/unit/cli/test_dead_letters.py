"""`dagwarden dead-letters`: what no handler could take is listed, and replayed when told."""

from __future__ import annotations

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.topics import Outgoing

from .conftest import Dagwarden


@pytest.fixture
def dead_letter(cloud: Cloud) -> Outgoing:
    """One dead letter that waits, of a subscription `gate-sub` on a topic `transport`."""
    from google.cloud.pubsub_v1 import PublisherClient

    publisher = PublisherClient()
    publisher.create_topic(name=f"projects/{cloud.settings.project}/topics/transport")
    publisher.transport.close()
    letters = cloud.settings.dead_letters_topic
    cloud.subscription(letters).ensure(letters, "", expires_after_s=8 * 86400)
    cloud.subscription("gate-sub").ensure("transport", "", expires_after_s=8 * 86400)
    letter = Outgoing(
        b'{"bucket":"inbox","name":"prod/dags/a.py","generation":"7"}',
        {"ce-type": "x", "CloudPubSubDeadLetterSourceSubscription": "gate-sub"},
    )
    cloud.topics.publish(letters, letter)
    return letter


def test_dead_letters_are_listed_and_stay(dagwarden: Dagwarden, dead_letter: Outgoing) -> None:
    for _ in range(2):
        (shown,) = dagwarden("dead-letters", "list", "--json").json
        assert shown["subscription"] == "gate-sub"
    assert "gs://inbox/prod/dags/a.py#7" in dagwarden("dead-letters", "list").out


def test_replayed_dead_letter_is_delivered_as_it_was_and_is_on_record(
    dagwarden: Dagwarden, dead_letter: Outgoing, cloud: Cloud
) -> None:
    (shown,) = dagwarden("dead-letters", "list", "--json").json
    assert dagwarden("dead-letters", "replay", shown["id"]).code == 0
    ((_, again),) = cloud.subscription("gate-sub").pull(10)
    assert (again.data, again.attributes) == (dead_letter.data, {"ce-type": "x"})
    assert dagwarden("dead-letters", "list").out == "no dead letters\n"
    (entry,) = dagwarden("audit", "-e", "", "--json", "--kind", Kind.EVENT_REPLAYED).json
    assert entry["what"]["resource"] == shown["id"]


def test_dead_letter_whose_subscription_is_gone_stays(
    dagwarden: Dagwarden, dead_letter: Outgoing, cloud: Cloud
) -> None:
    cloud.subscription("gate-sub").delete()
    done = dagwarden("dead-letters", "replay", "--all")
    assert done.code == 1
    assert "nowhere to replay it" in done.out
    assert len(dagwarden("dead-letters", "list", "--json").json) == 1


def test_replay_needs_ids_or_all(dagwarden: Dagwarden, dead_letter: Outgoing) -> None:
    assert dagwarden("dead-letters", "replay").code == 2
    assert dagwarden("dead-letters", "replay", "1", "--all").code == 2
    assert dagwarden("dead-letters", "replay", "no-such-id").code == 1
    assert len(dagwarden("dead-letters", "list", "--json").json) == 1
