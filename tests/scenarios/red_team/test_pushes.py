"""Every attempt to get a file in that is not one's own is denied for the right reason; its benign twin is released."""

from __future__ import annotations

import datetime as dt

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import ObjectEvent
from dagwarden.names import ReleasePath
from dagwarden.policy.verdict import Outcome
from dagwarden.push.archive import pack
from dagwarden.push.attest import make_claims
from dagwarden.push.manifest import push_id
from tests.scenarios.gate.desk import PROD, TEAM, Desk, push_of
from tests.scenarios.red_team.by_push import BY_PATH_PUSHED, BY_SIGNATURE, POLICY, STANDING, WIDE, Offer, PushAttempt

TIMES = ("iat", "exp")


@pytest.fixture
def desk(cloud: Cloud) -> Desk:
    """A gate; what stands was released when everybody might push everything."""
    desk = Desk(cloud, policy=WIDE)
    desk.allow(desk.push(STANDING, head="standing"))
    desk.write_policy(POLICY.format(project=cloud.settings.project))
    return desk


def offer(desk: Desk, said: Offer) -> ObjectEvent:
    """The event of an offer's arrival."""
    if said.is_dropped:
        [(path, text)] = said.files.items()
        return desk.drop(path, text)
    state = desk.state()
    fields = {"base": state.sources.get(TEAM, ""), "deletes": said.deletes, **said.fields}
    manifest = desk.make_manifest(said.files, **fields)  # type: ignore[arg-type]
    named, now = push_id(manifest), dt.datetime.now(dt.UTC)
    claims = make_claims(desk.cloud.service_account, named, PROD, now)
    for name, value in said.claims.items():
        claims[name] = int(now.timestamp()) + int(value) if name in TIMES else value
    token = desk.cloud.signer.sign_jwt(claims) if said.is_signed else ""
    contents = {ReleasePath(path): text.encode() for path, text in said.files.items()}
    return desk.put_push(named, pack(manifest, contents), token)


def hold_all(desk: Desk, attempts: tuple[PushAttempt, ...]) -> None:
    """One after another: an attempt that is denied leaves nothing behind."""
    for attempt in attempts:
        before = desk.tree()
        assert attempt.rule in desk.deny(offer(desk, attempt.bad)), attempt.name
        assert desk.tree() == before
        verdict = desk.deliver(offer(desk, attempt.good))
        assert verdict is not None
        assert verdict.outcome is Outcome.ALLOWED, (attempt.name, verdict.findings)
    desk.check()


def test_nobody_gets_a_file_in_where_it_is_not_theirs(desk: Desk) -> None:
    hold_all(desk, BY_PATH_PUSHED)


def test_nobody_gets_a_file_in_as_somebody_else(desk: Desk) -> None:
    hold_all(desk, BY_SIGNATURE)


def test_a_push_changed_after_its_verdict_changes_nothing(desk: Desk) -> None:
    event = desk.push({"dags/sales/a.py": "a = 1\n"}, base="standing")
    desk.allow(event)
    evil = desk.make_manifest({"dags/sales/a.py": "a = 'evil'\n"})
    token = desk.sign(push_of(event))
    again = desk.put_push(push_of(event), pack(evil, {ReleasePath("dags/sales/a.py"): b"a = 'evil'\n"}), token)
    verdict = desk.deliver(again)
    assert verdict is not None
    assert desk.tree()["dags/sales/a.py"] == "a = 1\n"
    desk.check()


def test_a_push_offered_again_later_brings_nothing_back(desk: Desk) -> None:
    old = desk.push({"dags/sales/a.py": "a = 1\n"}, base="standing", head="c1")
    desk.allow(old)
    desk.allow(desk.push({"dags/sales/a.py": "a = 2\n"}, base="c1", head="c2"))
    desk.restart()
    desk.deliver(old)
    assert desk.tree()["dags/sales/a.py"] == "a = 2\n"
    desk.check()


def test_other_bytes_than_were_signed_for_are_denied(desk: Desk) -> None:
    manifest = desk.make_manifest({"dags/sales/a.py": "a = 1\n"}, base="standing")
    content = pack(manifest, {ReleasePath("dags/sales/a.py"): b"a = 2\n"})
    assert "digest-mismatch" in desk.deny(desk.put_push(push_id(manifest), content, desk.sign(push_id(manifest))))
    desk.allow(desk.push({"dags/sales/a.py": "a = 1\n"}, base="standing"))
