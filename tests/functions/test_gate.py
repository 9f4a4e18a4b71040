"""The deployable main.py of the gate, booted as Cloud Run boots it, with headers as Eventarc sends them."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.approvals import make_push_event
from dagwarden.handlers.gate import Gate
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, policy_object, verdict_object
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.approve import submit_approval
from dagwarden.push.changes import Offer
from dagwarden.push.held import find_newest_held, list_waiting
from dagwarden.push.manifest import PushManifest, Put
from dagwarden.push.submit import Packed, attest, find_verdict, make_packed, submit
from dagwarden.wire import decode, digest
from localcloud.testing import RunningCloud

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "functions" / "gate"
HEADERS: dict[str, dict[str, str]] = json.loads((REPOSITORY / "tests/events/headers.json").read_text())
FINALIZED = HEADERS["storage_finalized"]
PUBLISHED = HEADERS["pubsub_messagePublished"]
PROD = EnvironmentName("prod")
POLICY = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
pushers:
  - name: everybody here
    principals: ["*@{project}.iam.gserviceaccount.com"]
    paths: ["dags/**"]
"""

Post = tuple[dict[str, str], str]
Boot = Callable[..., dict[str, Any]]


@pytest.fixture
def pushed(cloud: Cloud) -> Packed:
    """A signed push that lies in the inbox, and a policy that lets it in."""
    policy = POLICY.format(project=cloud.settings.project).encode()
    cloud.store.write(policy_object(PROD), policy, generation=None, content_type="application/yaml")
    content = b"a = 1\n"
    put = Put(path="dags/a.py", sha256=digest(content), size_bytes=len(content))  # type: ignore[arg-type]
    now = dt.datetime.now(dt.UTC)
    manifest = PushManifest(environment=PROD, source="team", created_at=now, changes=(put,), head_commit="c1")
    packed = make_packed(manifest, Offer(changes=(put,), contents={put.path: content}, findings=(), digests={}))
    submit(cloud, packed, attest(cloud, packed, now))
    return packed


def post_of(cloud: Cloud, packed: Packed, *, of: str = "pushes", **changes: str) -> Post:
    """The finalize event of a push, or of its one approval, as Eventarc posts it."""
    [info] = cloud.inbox.list(f"{PROD}/{of}/{packed.push_id}")
    data = {
        "bucket": info.bucket,
        "name": info.name,
        "generation": str(info.generation),
        "size": str(info.size_bytes),
        "timeCreated": info.updated_at.isoformat(),
        "metadata": info.metadata,
    }
    return FINALIZED, json.dumps(data | changes)


def kinds(cloud: Cloud) -> list[Kind]:
    return [entry.kind for entry in read_entries(cloud.audit_log, AuditQuery())]


def test_a_push_delivered_three_times_is_released_once(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    post = post_of(cloud, pushed)
    answer = boot("gate", post, post, post)
    assert answer["statuses"] == [200, 200, 200]
    verdict = decode(Verdict, cloud.store.read(verdict_object(PROD, pushed.push_id)))
    assert (verdict.outcome, verdict.release) == (Outcome.ALLOWED, 1)
    assert Ledger(cloud).find_head_number(PROD) == 1
    assert sorted(kinds(cloud)) == [Kind.PUSH_RECEIVED, Kind.PUSH_VERDICT, Kind.RELEASE_COMMITTED]
    assert not any(name.startswith("google.cloud.pubsub") for name in answer["imported"])


def test_an_approval_by_its_own_pusher_holds_it_still(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    policy = POLICY.format(project=cloud.settings.project) + "approvals:\n  - {name: a, from: [x@acme.example]}\n"
    cloud.store.write(policy_object(PROD), policy.encode(), generation=None, content_type="application/yaml")
    submit_approval(cloud, PROD, pushed.push_id, digest(policy.encode()), dt.datetime.now(dt.UTC))
    answer = boot("gate", post_of(cloud, pushed), post_of(cloud, pushed, of="approvals"))
    assert answer["statuses"] == [200, 200]
    held = find_newest_held(cloud, PROD, pushed.push_id)
    assert held is not None
    assert held.outcome is Outcome.HELD
    assert Ledger(cloud).find_head_number(PROD) == 0
    assert find_verdict(cloud, PROD, pushed.push_id) is None


def test_a_message_of_the_schedule_denies_what_waited_too_long(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    policy = POLICY.format(project=cloud.settings.project)
    policy += "approvals:\n  - {name: a, from: [x@acme.example], expires_after: 1s}\n"
    cloud.store.write(policy_object(PROD), policy.encode(), generation=None, content_type="application/yaml")
    source = f"//pubsub.googleapis.com/projects/{cloud.settings.project}/topics/{cloud.settings.held_topic}"
    message = {"message": {"messageId": "m1", "attributes": {"environment": PROD}}}
    told = ({**PUBLISHED, "ce-source": source}, json.dumps(message))
    broken = ({**PUBLISHED, "ce-source": source}, "[]")
    event = make_push_event(cloud, PROD, pushed.push_id, "e1")
    assert event is not None
    Gate(cloud, now=lambda: event.time).handle(event)
    [wait] = next(iter(list_waiting(cloud, PROD))).waits
    while dt.datetime.now(dt.UTC) < wait.until:
        threading.Event().wait(0.05)
    answer = boot("gate", told, told, broken)
    assert answer["statuses"] == [200, 200, 200]
    verdict = find_verdict(cloud, PROD, pushed.push_id)
    assert verdict is not None
    assert [finding.rule for finding in verdict.findings] == ["approval-expired"]
    assert kinds(cloud).count(Kind.EVENT_REFUSED) == 1
    assert not any(name.startswith("google.cloud.pubsub") for name in answer["imported"])


def test_no_client_is_imported_before_the_first_event(boot: Boot) -> None:
    started = boot("gate")["imported_at_start"]
    assert not [name for name in started if name.startswith(("google.cloud.storage", "google.cloud.logging"))]


def test_what_means_nothing_is_acknowledged_and_changes_nothing(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    headers, body = post_of(cloud, pushed)
    simple = (REPOSITORY / "tests/events/storage/StorageObjectData-simple.json").read_text()
    posts = {
        "malformed JSON": (headers, "{"),
        "no body": (headers, ""),
        "a list": (headers, "[]"),
        "another bucket": (headers, simple),
        "no generation": (headers, json.dumps({"bucket": cloud.inbox.name, "name": "prod/dags/a.py"})),
        "an impossible generation": post_of(cloud, pushed, generation="-1"),
        "a generation that is gone": post_of(cloud, pushed, generation="1"),
        "a foreign prefix": post_of(cloud, pushed, name="prod/logs/a.log"),
        "a deletion": ({**headers, "ce-type": "google.cloud.storage.object.v1.deleted"}, body),
        "another type": ({**headers, "ce-type": "google.cloud.storage.bucket.v1.strange"}, body),
        "a message": (HEADERS["pubsub_messagePublished"], '{"message": {"data": "", "messageId": "1"}}'),
        "an audit entry": (HEADERS["audit_storage_setIamPermissions"], "{}"),
    }
    answer = boot("gate", *posts.values())
    assert dict(zip(posts, answer["statuses"], strict=True)) == dict.fromkeys(posts, 200)
    assert Ledger(cloud).find_head_number(PROD) == 0
    assert set(kinds(cloud)) == {Kind.EVENT_REFUSED}


def test_what_is_no_cloud_event_is_a_bad_request(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    _, body = post_of(cloud, pushed)
    without_type = {name: value for name, value in FINALIZED.items() if name != "ce-type"}
    answer = boot("gate", ({"content-type": "application/json"}, body), (without_type, body), ({}, ""))
    assert answer["statuses"] == [400, 400, 415]
    assert Ledger(cloud).find_head_number(PROD) == 0


@pytest.mark.parametrize("fails", [("storage", 503), ("logging", 503), ("iam", 503), ("storage", 403)])
def test_a_push_comes_again_while_a_service_or_a_grant_is_missing(
    cloud: Cloud, boot: Boot, pushed: Packed, cloud_server: RunningCloud, fails: tuple[str, int]
) -> None:
    service, status = fails
    post = post_of(cloud, pushed)
    cloud_server.admin.plan(service, "fail", status=status, times=1000)  # type: ignore[arg-type]
    assert boot("gate", post, DAGWARDEN_RETRY_DEADLINE_S="0.5")["statuses"] == [500]
    cloud_server.admin.forget_faults()
    assert Ledger(cloud).find_head_number(PROD) == 0
    assert boot("gate", post)["statuses"] == [200]
    assert Ledger(cloud).find_head_number(PROD) == 1


def test_wrong_settings_are_no_reason_to_acknowledge(cloud: Cloud, boot: Boot, pushed: Packed) -> None:
    assert boot("gate", post_of(cloud, pushed), DAGWARDEN_STORE_BUCKET="")["statuses"] == [500]


def test_function_is_small() -> None:
    assert len((FOLDER / "main.py").read_text().splitlines()) <= 25
