"""A push that needs approvals releases nothing until others have signed for it; then it does, once."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest

from dagwarden.audit.entry import Kind
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import InvalidInput, Permanent, Transient
from dagwarden.events.messages import PubsubEvent
from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.gate import Gate
from dagwarden.handlers.held import HeldPushes
from dagwarden.names import ReleaseNumber, held_object
from dagwarden.policy.verdict import Outcome, Verdict, say_outcome
from dagwarden.push.approve import submit_approval
from dagwarden.push.attest import ATTESTATION
from dagwarden.push.held import find_newest_held, list_waiting
from dagwarden.push.submit import wait_for_verdict
from dagwarden.wire import decode, digest
from localcloud.calls import Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import DELIVERIES, POLICY, PROD, Desk, event_of, push_of
from tests.unit.push.ssh_keys import make_key, read_line

A = {"dags/a.py": "a = 1\n"}
NEEDS_ONE = POLICY + (
    'approvals:\n  - name: leads\n    from: ["lead*@{project}.iam.gserviceaccount.com"]\n    expires_after: 12h\n'
    'break_glass:\n  principals: ["gate-sa@{project}.iam.gserviceaccount.com"]\n'
)


@pytest.fixture
def policy(desk: Desk) -> str:
    text = NEEDS_ONE.format(project=desk.cloud.settings.project)
    desk.write_policy(text)
    return text


@pytest.fixture
def lead(desk: Desk) -> Cloud:
    """Somebody the policy asks."""
    settings = desk.cloud.settings
    account = f"lead-sa@{settings.project}.iam.gserviceaccount.com"
    url = f"{settings.iam_endpoint}/v1/projects/{settings.project}/serviceAccounts"
    httpx.post(url, json={"accountId": "lead-sa"}, timeout=10).raise_for_status()
    return Cloud(msgspec.structs.replace(settings, service_account=account), desk.cloud.credentials)


def approve(desk: Desk, by: Cloud, push: ObjectEvent, policy: str) -> ObjectEvent:
    """Approve; the event of the approval's arrival."""
    now = dt.datetime.now(dt.UTC)
    name = submit_approval(by, PROD, push_of(push), digest(policy.encode()), now)
    info = desk.cloud.inbox.stat(name)
    assert info is not None
    return event_of(info)


def held(desk: Desk, event: ObjectEvent, gate: Gate | None = None) -> Verdict:
    verdict = desk.deliver(event, gate)
    assert verdict is not None
    assert verdict.outcome is Outcome.HELD, verdict.findings
    assert desk.head() == 0
    assert not desk.verdicts()
    return verdict


def test_an_approved_push_becomes_a_release_once(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    verdict = held(desk, push)
    assert say_outcome(verdict).startswith(f"held until it is approved (dagwarden approve {verdict.push_id[:12]})")
    assert wait_for_verdict(desk.cloud, PROD, verdict.push_id).outcome is Outcome.HELD
    approval = approve(desk, lead, push, policy)
    assert desk.allow(approval) == 1
    assert wait_for_verdict(desk.cloud, PROD, verdict.push_id).outcome is Outcome.ALLOWED
    for event in (approval, push):
        again = desk.deliver(event)
        assert again is not None
        assert again.release == 1
    desk.check()
    account = lead.service_account
    assert desk.verdicts()[verdict.push_id].approved_by == (account,)
    assert {entry.outcome for entry in desk.audit(Kind.PUSH_VERDICT, verdict.push_id)} == {"held", "allowed"}


def test_the_pusher_cannot_approve_their_own_push(desk: Desk, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    verdict = held(desk, approve(desk, desk.cloud, push, policy))
    assert "it is their own push" in verdict.findings[0].message


@pytest.fixture
def ann(desk: Desk, tmp_path: Path) -> tuple[Cloud, str]:
    """Somebody with an SSH key and no service account; and the policy that asks for their word, and names the key."""
    key = make_key(tmp_path, "ann", "-t", "ed25519")
    text = NEEDS_ONE.format(project=desk.cloud.settings.project).replace('from: ["', 'from: ["ann@acme.example", "')
    text += f"signers:\n  - principal: ann@acme.example\n    keys: [{read_line(key)}]\n"
    desk.write_policy(text)
    return Cloud(msgspec.structs.replace(desk.cloud.settings, sign_with=str(key)), desk.cloud.credentials), text


def test_an_approval_by_ssh_key_releases_a_push(desk: Desk, ann: tuple[Cloud, str]) -> None:
    by, policy = ann
    push = desk.push(A)
    held(desk, push)
    approval = approve(desk, by, push, policy)
    assert desk.allow(approval) == 1
    assert desk.verdicts()[push_of(push)].approved_by == ("ann@acme.example",)
    assert desk.allow(push) == 1
    desk.check()


def test_an_ssh_approval_copied_bent_or_grown_approves_nothing(desk: Desk, ann: tuple[Cloud, str]) -> None:
    by, policy = ann
    first, second = desk.push(A), desk.push({"dags/b.py": "b = 1\n"})
    given = desk.cloud.inbox.stat(approve(desk, by, second, policy).name)
    assert given is not None
    said = desk.cloud.inbox.read(given.name)
    bent = said.replace(push_of(second).encode(), push_of(first).encode())
    for number, content in enumerate((said, bent, b"", said + b" " * 2000)):
        name = f"{PROD}/approvals/{push_of(first)}/{number}.json"
        info = desk.cloud.inbox.write(
            name, content, generation=None, content_type="application/json", metadata=given.metadata
        )
        held(desk, event_of(info))
    assert desk.allow(second) == 1


def test_a_key_that_the_policy_names_no_more_approves_no_more(desk: Desk, ann: tuple[Cloud, str]) -> None:
    by, policy = ann
    push = desk.push(A)
    approve(desk, by, push, policy)
    desk.write_policy(policy.partition("signers:")[0])
    held(desk, push)


def test_what_is_left_to_approve_is_kept_as_it_was_found_last(desk: Desk, lead: Cloud, policy: str) -> None:
    desk.write_policy(text := policy.replace("expires_after", "needs: 2\n    expires_after"))
    push = desk.push(A)
    held(desk, push)
    for _ in range(2):
        verdict = held(desk, approve(desk, lead, push, text))
        newest = find_newest_held(desk.cloud, PROD, push_of(push))
        assert newest is not None
        assert newest.waits == verdict.waits
    audited = [entry.details.get("approved_by", []) for entry in desk.audit(Kind.PUSH_VERDICT)]
    assert sorted(audited) == [[], [lead.service_account]], "each that counts is audited, once"
    [waiting] = list_waiting(desk.cloud, PROD)
    assert waiting.waits[0].approved_by == (lead.service_account,)
    assert len(list(desk.cloud.store.list(f"{PROD}/held/"))) == 2, "the same is not written twice"
    desk.write_policy(f"{text}# anew\n")
    held(desk, push)
    assert not next(list_waiting(desk.cloud, PROD)).waits[0].approved_by


def test_an_approval_under_another_policy_counts_for_nothing(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    verdict = held(desk, approve(desk, lead, push, f"{policy}# another\n"))
    assert "given under another policy" in verdict.findings[0].message


def test_an_attestation_is_no_approval_and_a_copied_approval_is_of_its_push_alone(
    desk: Desk, lead: Cloud, policy: str
) -> None:
    first, second = desk.push(A), desk.push(A)
    token = first.metadata[ATTESTATION]
    approved = approve(desk, lead, second, policy)
    for number, metadata in enumerate((first.metadata, approved.metadata, {ATTESTATION: "x"}, {ATTESTATION: token})):
        name = f"{PROD}/approvals/{push_of(first)}/lead-{number}.json"
        info = desk.cloud.inbox.write(name, b"", generation=None, content_type="application/json", metadata=metadata)
        held(desk, event_of(info))
    assert desk.allow(approved) == 1


def test_an_approval_that_comes_first_is_found_when_the_push_arrives(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    early = approve(desk, lead, push, policy)
    assert desk.allow(push) == 1
    assert desk.deliver(early) is not None
    assert desk.head() == 1


def test_an_approval_of_no_push_starts_nothing(desk: Desk, lead: Cloud, policy: str) -> None:
    event = msgspec.structs.replace(desk.push(A), name=f"{PROD}/approvals/{'0' * 64}/x.json")
    assert desk.deliver(event) is None
    assert approve(desk, lead, desk.push(A), policy).name.startswith(f"{PROD}/approvals/")


def test_a_held_push_expires(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    approval = approve(desk, lead, push, policy)
    late = Gate(desk.cloud, now=lambda: push.time + dt.timedelta(days=3))
    desk.write_policy(f"{policy}# the approval no longer counts\n")
    verdict = desk.deliver(approval, late)
    assert verdict is not None
    assert verdict.outcome is Outcome.DENIED
    assert {finding.rule for finding in verdict.findings} == {"approval-expired"}


def test_a_dry_run_says_that_it_would_be_held_and_waits_for_nobody(desk: Desk, policy: str) -> None:
    verdict = desk.deliver(desk.push(A, dry_run=True))
    assert verdict is not None
    assert say_outcome(verdict).startswith("dry run: would be held")
    assert desk.verdicts()[verdict.push_id] == verdict
    assert desk.cloud.store.stat(held_object(PROD, verdict.push_id)) is None


def test_an_emergency_is_let_through_and_audited_as_critical(desk: Desk, policy: str) -> None:
    event = desk.push(A, break_glass="payroll stands still")
    assert desk.allow(event) == ReleaseNumber(1)
    [entry] = desk.audit(Kind.PUSH_VERDICT)
    assert (entry.severity, entry.details["break_glass"]) == ("CRITICAL", "payroll stands still")
    assert entry.why.reason.startswith("emergency (payroll stands still): ")
    standing = decode(Verdict, desk.cloud.store.read(f"{PROD}/verdicts/{push_of(event)}.json"))
    assert standing.break_glass == "payroll stands still"
    [signed] = desk.releases()
    assert signed.release.break_glass == "payroll stands still"
    [committed] = desk.audit(Kind.RELEASE_COMMITTED)
    assert committed.details["break_glass"] == "payroll stands still"
    assert standing.facts_digest


# ---- held pushes that waited too long ------------------------------------------------------------------------------

LATE = dt.timedelta(hours=18)


def make_message(**attributes: str) -> PubsubEvent:
    """A message of the schedule."""
    return PubsubEvent(
        topic="dagwarden-held",
        subscription="",
        message_id="m1",
        data=b"",
        attributes=attributes,
        published_at=dt.datetime.now(dt.UTC),
        delivery_attempt=None,
    )


def make_keeper(desk: Desk, later: dt.timedelta = LATE) -> HeldPushes:
    """What the gate's function is after some time, started anew."""

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + later

    return HeldPushes(desk.cloud, Gate(desk.cloud, now=now), now=now)


def tell(keeper: HeldPushes, message: PubsubEvent) -> None:
    """Deliver a message until it is acknowledged."""
    for _ in range(DELIVERIES):
        try:
            return keeper.take(message)
        except Transient:
            continue
    raise AssertionError("never acknowledged")


def test_a_schedule_denies_what_waited_too_long_once(desk: Desk, policy: str) -> None:
    pushes = [desk.push(A), desk.push({"dags/b.py": "b = 1\n"})]
    for push in pushes:
        held(desk, push)
    keeper = make_keeper(desk)
    for message in (make_message(), make_message(environment=PROD), make_message()):
        tell(keeper, message)
        tell(make_keeper(desk), message)
    verdicts = desk.verdicts()
    assert set(verdicts) == {push_of(push) for push in pushes}
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.DENIED}
    assert {finding.rule for verdict in verdicts.values() for finding in verdict.findings} == {"approval-expired"}
    outcomes = [entry.outcome for entry in desk.audit(Kind.PUSH_VERDICT)]
    assert sorted(map(str, outcomes)) == ["denied", "denied", "held", "held"]
    desk.check()


def test_a_schedule_leaves_alone_what_may_still_be_approved(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    tell(make_keeper(desk, dt.timedelta(hours=6)), make_message())
    assert not desk.verdicts()
    assert desk.allow(approve(desk, lead, push, policy)) == 1
    tell(make_keeper(desk), make_message())
    assert desk.verdicts()[push_of(push)].outcome is Outcome.ALLOWED


def test_an_approval_that_comes_after_the_denial_changes_nothing(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    tell(make_keeper(desk), make_message())
    verdict = desk.deliver(approve(desk, lead, push, policy))
    assert verdict is not None
    assert verdict.outcome is Outcome.DENIED
    assert desk.head() == 0


def test_an_approval_given_in_time_counts_though_its_event_is_late(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    approval = approve(desk, lead, push, policy)
    tell(make_keeper(desk), make_message())
    assert desk.verdicts()[push_of(push)].outcome is Outcome.ALLOWED
    assert desk.allow(approval) == 1
    desk.check()


def test_four_schedules_at_once_come_to_one_verdict(desk: Desk, policy: str) -> None:
    push = desk.push(A)
    held(desk, push)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tell(make_keeper(desk), make_message()), range(4)))
    assert desk.verdicts()[push_of(push)].outcome is Outcome.DENIED
    assert sorted(str(each.outcome) for each in desk.audit(Kind.PUSH_VERDICT, push_of(push))) == ["denied", "held"]


def test_a_schedule_that_dies_at_any_call_is_finished_by_its_redelivery(
    desk: Desk, cloud: Cloud, cloud_server: RunningCloud, policy: str
) -> None:
    hasty = Cloud(msgspec.structs.replace(cloud.settings, retry_deadline_s=0.01), cloud.credentials)
    desk.cloud = hasty
    held(desk, desk.push(A))
    cloud_server.admin.reset_counts()
    tell(make_keeper(desk), make_message())
    calls = [
        (each.service, each.method, nth) for each in cloud_server.admin.counts() for nth in range(1, each.count + 1)
    ]
    assert {service for service, _, _ in calls} >= {"storage", "logging"}
    for service, method, nth in calls:
        push = desk.push(A)
        desk.deliver(push)
        fault = Fault(service=service, action="drop_after", method=method, nth=nth, status=503)  # type: ignore[arg-type]
        cloud_server.admin.plan_fault(fault)
        tell(make_keeper(desk), make_message())
        cloud_server.admin.forget_faults()
        assert desk.verdicts()[push_of(push)].outcome is Outcome.DENIED, (service, method, nth)
        outcomes = {str(entry.outcome) for entry in desk.audit(Kind.PUSH_VERDICT, push_of(push))}
        assert outcomes == {"held", "denied"}, (service, method, nth)


def test_a_push_that_cannot_be_decided_does_not_keep_the_others_waiting(desk: Desk, policy: str) -> None:
    pushes = sorted((desk.push(A), desk.push(A)), key=push_of)
    for push in pushes:
        held(desk, push)
    broken = held_object(PROD, push_of(pushes[0]))
    desk.cloud.store.write(broken, b"{", generation=None, content_type="application/json")
    with pytest.raises(Permanent):
        make_keeper(desk).take(make_message())
    assert set(desk.verdicts()) == {push_of(pushes[1])}


def test_a_schedule_of_no_environment_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="no such environment"):
        make_keeper(desk).take(make_message(environment="nowhere"))


def test_what_a_held_push_waits_for_is_told_until_it_is_decided(desk: Desk, lead: Cloud, policy: str) -> None:
    push = desk.push(A)
    [wait] = held(desk, push).waits
    assert (wait.name, wait.needs) == ("leads", 1)
    assert wait.approvers == (f"lead*@{desk.cloud.settings.project}.iam.gserviceaccount.com",)
    assert wait.until == push.time + dt.timedelta(hours=12)
    assert [each.push_id for each in list_waiting(desk.cloud, PROD)] == [push_of(push)]
    desk.allow(approve(desk, lead, push, policy))
    assert not desk.verdicts()[push_of(push)].waits
    assert not list(list_waiting(desk.cloud, PROD))


def test_a_raw_drop_that_needs_approval_is_denied_and_says_how_to_push(desk: Desk, policy: str) -> None:
    verdict = desk.deliver(desk.drop("dags/a.py", "a = 1\n"))
    assert verdict is not None
    assert verdict.outcome is Outcome.DENIED
    [finding] = verdict.findings
    assert finding.rule == "approval-impossible"
    assert "`leads` needs 1 of" in finding.message
    assert "git push" in finding.hint
