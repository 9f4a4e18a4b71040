"""Audit entries: each kind answers the six questions, is small enough, and is the same however often it is made."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.audit import entries
from dagwarden.audit.entry import LIST_BYTES, AuditEntry, AuditOutcome, Kind, shorten, take_within
from dagwarden.audit.write import make_labels, pick_timestamp, to_payload
from dagwarden.errors import InvalidInput, Tampered
from dagwarden.events import ObjectEvent, ObjectEventKind, PubsubEvent
from dagwarden.iam.finding import IamFinding, Origin, RemoveMember
from dagwarden.ledger.release import FORMAT, PutFile, Release, Restore
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import NO_PARENT, Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.policy.verdict import Outcome, Principal, Verdict
from dagwarden.sync.notice import Receipt, ReceiptOutcome

PROD = EnvironmentName("prod")
PUSH = PushId("ab" * 32)
DIGEST = Digest("cd" * 32)
AT = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)
ANNA = Principal(name="anna@example.com", attested_by="jwt", key_id="k1")


def make_release(**changes: Any) -> Release:
    values: dict[str, Any] = {
        "format": FORMAT,
        "environment": PROD,
        "number": ReleaseNumber(12),
        "parent": NO_PARENT,
        "tree": DIGEST,
        "delta": None,
        "delta_size_bytes": 0,
        "changes": (PutFile(path=ReleasePath("dags/a.py"), sha256=DIGEST, md5="0" * 32, size_bytes=3, mode="0644"),),
        "push_id": PUSH,
        "source": "https://git.example.com/etl.git",
        "base_commit": "",
        "head_commit": "c0ffee",
        "ref": "refs/heads/main",
        "authors": ("Anna <anna@example.com>",),
        "message": "Load orders hourly",
        "principal": ANNA,
        "policy_digest": DIGEST,
        "warnings": 0,
        "forced": False,
        "rollback_to": None,
        "sources": None,
        "pushed_at": AT,
        "committed_at": AT,
        "attempt": "a1",
        "restore": Restore(
            snapshot=ReleaseNumber(0), snapshot_release=NO_PARENT, snapshot_archive=None, snapshot_state=None, links=()
        ),
    }
    return Release(**{**values, **changes})


def make_verdict(**changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "push_id": PUSH,
        "environment": PROD,
        "outcome": Outcome.DENIED,
        "principal": ANNA,
        "source": "https://git.example.com/etl.git",
        "policy_digest": DIGEST,
        "findings": (Finding(rule="hard-coded-secret", severity=Severity.ERROR, path="dags/a.py", message="a secret"),),
        "decided_at": AT,
    }
    return Verdict(**{**values, **changes})


def make_receipt(**changes: Any) -> Receipt:
    values: dict[str, Any] = {
        "environment": PROD,
        "component": "worker",
        "instance": "w-1",
        "outcome": ReceiptOutcome.APPLIED,
        "release": ReleaseNumber(12),
        "digest": DIGEST,
        "tree": DIGEST,
        "at": AT + dt.timedelta(seconds=2),
        "visible_at": AT + dt.timedelta(seconds=0.31),
        "pushed_at": AT,
        "push_id": PUSH,
    }
    return Receipt(**{**values, **changes})


OBJECT = ObjectEvent(
    bucket="inbox",
    name=f"prod/pushes/{PUSH}.tar.gz",
    generation=7,
    kind=ObjectEventKind.FINALIZED,
    size_bytes=9,
    md5="",
    metadata={},
    time=AT,
    event_id="1",
)
MESSAGE = PubsubEvent(
    topic="dagwarden-dead-letters",
    subscription="s",
    message_id="m1",
    data=b"{}",
    attributes={"CloudPubSubDeadLetterSourceSubscription": "gate-sub", "CloudPubSubDeadLetterSourceDeliveryCount": "5"},
    published_at=AT,
    delivery_attempt=None,
)
DRIFT: dict[str, Any] = {
    "environment": PROD,
    "resource": "gs://composer/dags/a.py#5",
    "drift": "changed",
    "release": ReleaseNumber(12),
    "at": AT,
}

FIX = RemoveMember(resource="buckets/b", role="roles/storage.objectViewer", member="allUsers")
IAM_FINDING = IamFinding(
    finding=Finding(rule="public-member", severity=Severity.ERROR, message="everybody may read it"),
    resource=FIX.resource,
    fix=FIX,
    origin=Origin(principal="bob@example.com", at=AT),
)

EVERY: dict[Kind, Callable[[], AuditEntry]] = {
    Kind.PUSH_RECEIVED: lambda: entries.push_received(
        OBJECT, environment=PROD, push_id=PUSH, principal=ANNA, source="https://git.example.com/etl.git"
    ),
    Kind.PUSH_VERDICT: lambda: entries.push_verdict(make_verdict(), pushed_at=AT),
    Kind.RELEASE_COMMITTED: lambda: entries.release_committed(make_release(), DIGEST),
    Kind.RELEASE_ROLLED_BACK: lambda: entries.release_rolled_back(make_release(rollback_to=1), DIGEST),
    Kind.RELEASE_NOTIFIED: lambda: entries.release_notified(
        make_release(), DIGEST, topic="dagwarden-notices", components=["worker"]
    ),
    Kind.RELEASE_MIRRORED: lambda: entries.release_mirrored(make_release(), DIGEST, bucket="b", puts=1, deletes=0),
    Kind.RELEASE_SYNCED: lambda: entries.release_synced(make_receipt()),
    Kind.DRIFT_DETECTED: lambda: entries.drift_detected(found="f00d", expected="nothing", **DRIFT),
    Kind.DRIFT_HEALED: lambda: entries.drift_healed(reason="policy says so", **DRIFT),
    Kind.POLICY_APPLIED: lambda: entries.policy_applied(
        environment=PROD,
        resource="gs://store/prod/policy.yaml",
        who=ANNA.name,
        digest=DIGEST,
        before=None,
        generation=0,
        message="ticket 7",
        at=AT,
    ),
    Kind.IAM_FOUND: lambda: entries.iam_found(
        IAM_FINDING, environment=PROD, policy_digest=DIGEST, deed="call-1", at=AT, note="proposed"
    ),
    Kind.IAM_REMEDIATED: lambda: entries.iam_remediated(
        FIX, environment=PROD, policy_digest=DIGEST, rules=["public-member"], deed="call-1", at=AT
    ),
    Kind.IAM_CHECKED: lambda: entries.iam_checked(
        [IAM_FINDING], environment=PROD, policy_digest=DIGEST, deed="look-1", at=AT, looked_at=[FIX.resource]
    ),
    Kind.EVENT_REFUSED: lambda: entries.event_refused(
        InvalidInput("no JSON"), function="gate", attributes={"id": "1", "type": "t", "source": "s"}, at=AT
    ),
    Kind.EVENT_DEAD_LETTERED: lambda: entries.event_dead_lettered(MESSAGE),
    Kind.EVENT_REPLAYED: lambda: entries.event_replayed("m1", by=ANNA.name, to="gate-sub", at=AT),
    Kind.HISTORY_TAMPERED: lambda: entries.history_tampered(
        Tampered("bad signature"), environment="prod", resource="gs://ledger/x#1", at=AT
    ),
}


def test_every_kind_has_its_entry() -> None:
    assert set(EVERY) == set(Kind) - {Kind.FOREIGN}


@pytest.mark.parametrize("kind", EVERY)
def test_entry_answers_the_six_questions(kind: Kind) -> None:
    entry = EVERY[kind]()
    assert entry.kind is kind
    assert entry.who.name
    assert entry.what.action
    assert entry.what.resource
    assert entry.when.occurred_at == AT or kind is Kind.RELEASE_SYNCED
    assert entry.where.source
    assert entry.outcome
    assert entry.why.reason


@pytest.mark.parametrize("kind", EVERY)
def test_entry_made_twice_is_the_same(kind: Kind) -> None:
    assert EVERY[kind]() == EVERY[kind]()


@pytest.mark.parametrize("kind", EVERY)
def test_entry_comes_back_from_json_as_it_was(kind: Kind) -> None:
    entry = EVERY[kind]()
    payload = json.loads(json.dumps(to_payload(entry)))
    assert msgspec.json.encode(msgspec.convert(payload, AuditEntry)) == msgspec.json.encode(entry)


def test_different_kinds_have_different_insert_ids() -> None:
    assert len({make().insert_id for make in EVERY.values()}) == len(EVERY)


def test_same_decision_has_one_insert_id_and_another_decision_another() -> None:
    first = entries.push_verdict(make_verdict(), pushed_at=AT)
    again = entries.push_verdict(make_verdict(decided_at=AT + dt.timedelta(minutes=1)), pushed_at=AT)
    other = entries.push_verdict(make_verdict(outcome=Outcome.ALLOWED, findings=()), pushed_at=AT)
    assert first.insert_id == again.insert_id != other.insert_id


def test_denied_push_names_the_rules_that_denied_it() -> None:
    entry = entries.push_verdict(make_verdict(), pushed_at=AT)
    assert entry.outcome is AuditOutcome.DENIED
    assert entry.why.reason == "denied: 1 error; nothing is released yet: hard-coded-secret"
    assert entry.why.policy_digest == DIGEST


def test_findings_beyond_what_fits_are_counted() -> None:
    found = Finding(rule="r", severity=Severity.ERROR, path="dags/é.py", message="m" * 5000)
    entry = entries.push_verdict(make_verdict(findings=(found,) * 1000), pushed_at=AT)
    assert len(entry.why.findings) + entry.why.findings_left_out == 1000
    assert entry.why.findings
    assert len(json.dumps(to_payload(entry))) < 256 * 1024


def test_release_of_ten_thousand_files_fits() -> None:
    put = PutFile(path=ReleasePath("dags/" + "x" * 900), sha256=DIGEST, md5="0" * 32, size_bytes=3, mode="0644")
    entry = entries.release_committed(make_release(changes=(put,) * 10_000, message="m" * 10**6), DIGEST)
    assert entry.details["puts"] == 10_000
    assert len(json.dumps(to_payload(entry))) < 256 * 1024


def test_applied_receipt_tells_how_long_the_push_took() -> None:
    entry = entries.release_synced(make_receipt())
    assert entry.details["push_to_visible_s"] == 0.31
    assert entry.release == 12


def test_failed_receipt_names_the_release_that_could_not_be_applied() -> None:
    receipt = make_receipt(outcome=ReceiptOutcome.FAILED, wanted=ReleaseNumber(13), error="no space left")
    entry = entries.release_synced(receipt)
    assert (entry.release, entry.severity, entry.why.reason) == (13, "ERROR", "no space left")
    assert entry.details["runs"] == 12


def test_receipt_repeated_after_a_restart_is_the_same_entry() -> None:
    first, again = make_receipt(), make_receipt(at=AT + dt.timedelta(hours=1))
    assert entries.release_synced(first) == entries.release_synced(again)


def test_trace_is_that_of_the_push() -> None:
    assert entries.release_committed(make_release(), DIGEST).trace == PUSH[:32]
    assert entries.event_dead_lettered(MESSAGE).trace == ""


def test_labels_leave_out_what_is_empty() -> None:
    assert make_labels(entries.event_dead_lettered(MESSAGE)) == {"kind": "event.dead_lettered"}
    assert make_labels(entries.release_committed(make_release(), DIGEST)) == {
        "kind": "release.committed",
        "environment": "prod",
        "push_id": PUSH,
        "release": "12",
    }


@pytest.mark.parametrize(
    ("age", "is_kept"),
    [
        (dt.timedelta(0), True),
        (dt.timedelta(days=28), True),
        (dt.timedelta(days=31), False),
        (dt.timedelta(hours=-22), True),
        (dt.timedelta(hours=-25), False),
    ],
)
def test_timestamp_is_the_deeds_unless_the_log_would_drop_it(age: dt.timedelta, is_kept: bool) -> None:
    assert pick_timestamp(AT - age, AT) == (AT - age if is_kept else AT)


@given(st.text(alphabet=st.characters()))
def test_shortened_text_is_short_and_can_be_encoded(text: str) -> None:
    short = shorten(text, 50)
    assert len(short) <= 50
    short.encode()


def test_what_strangers_sent_can_be_logged() -> None:
    attributes: Any = {"id": "\ud800", "type": "t" * 10_000, "source": 7, "subject": None}
    entry = entries.event_refused(InvalidInput("\udfff"), function="gate", attributes=attributes, at=AT)
    assert len(msgspec.json.encode(to_payload(entry))) < 10_000


def test_take_within_keeps_the_order_and_the_limit() -> None:
    kept = take_within(["x" * 1000] * 1000)
    assert 0 < len(kept) * 1003 <= LIST_BYTES


@pytest.mark.parametrize(
    ("subject", "environment"),
    [("objects/prod/pushes/x.tar.gz", "prod"), ("objects/x", ""), ("objects/No Such/x", ""), ("", "")],
)
def test_a_refused_event_names_its_environment_where_the_object_does(subject: str, environment: str) -> None:
    refused = entries.event_refused(InvalidInput("x"), function="gate", attributes={"subject": subject}, at=AT)
    assert refused.environment == environment
