"""Every attempt to get a file in that is not one's own is denied for the right reason; its benign twin is released."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dagwarden.audit.vouch import vouch
from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import ObjectEvent
from dagwarden.names import ReleaseNumber, ReleasePath, verdict_object
from dagwarden.policy.verdict import Outcome, Principal, Verdict
from dagwarden.push.archive import pack
from dagwarden.push.attest import make_claims
from dagwarden.push.manifest import push_id
from dagwarden.push.ssh_signature import put_in_one_line
from dagwarden.wire import encode
from tests.scenarios.gate.desk import PROD, TEAM, Desk, push_of
from tests.scenarios.red_team.by_push import KEYS, POLICY, STANDING, WIDE, Offer, PushAttempt
from tests.scenarios.red_team.table import PUSHED
from tests.unit.push.ssh_keys import make_key, read_line, sign

TIMES = ("iat", "exp")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """SSH keys, by whose they are."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name, "-t", "ed25519") for name in KEYS}


@pytest.fixture
def desk(cloud: Cloud, keys: dict[str, Path]) -> Desk:
    """A gate; what stands was released when everybody might push everything."""
    desk = Desk(cloud, policy=WIDE)
    desk.allow(desk.push(STANDING, head="standing"))
    lines = {name: read_line(path) for name, path in keys.items()}
    desk.write_policy(POLICY.format(project=cloud.settings.project, keys=lines))
    return desk


def offer(desk: Desk, said: Offer, keys: dict[str, Path]) -> ObjectEvent:
    """The event of an offer's arrival."""
    if said.is_dropped:
        [(path, text)] = said.files.items()
        return desk.drop(path, text)
    state = desk.state()
    made_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=said.made_s)
    base = state.sources.get(TEAM, "")
    fields = {"base": base, "deletes": said.deletes, "created_at": made_at, **said.fields}
    manifest = desk.make_manifest(said.files, **fields)  # type: ignore[arg-type]
    named, now = push_id(manifest), dt.datetime.now(dt.UTC)
    claims = make_claims(desk.cloud.service_account, named, PROD, now)
    for name, value in said.claims.items():
        claims[name] = int(now.timestamp()) + int(value) if name in TIMES else value
    token = desk.cloud.signer.sign_jwt(claims) if said.is_signed else ""
    if said.key:
        token = put_in_one_line(sign(keys[said.key], said.message or named, said.namespace))
    contents = {ReleasePath(path): text.encode() for path, text in said.files.items()}
    return desk.put_push(named, pack(manifest, contents), token)


def hold_all(desk: Desk, keys: dict[str, Path], attempts: tuple[PushAttempt, ...]) -> None:
    """One after another: an attempt that is denied leaves nothing behind."""
    for attempt in attempts:
        before = desk.tree()
        assert attempt.rule in desk.deny(offer(desk, attempt.bad, keys)), attempt.name
        assert desk.tree() == before
        verdict = desk.deliver(offer(desk, attempt.good, keys))
        assert verdict is not None
        assert verdict.outcome is Outcome.ALLOWED, (attempt.name, verdict.findings)
    desk.check()


@pytest.mark.parametrize("way", PUSHED)
def test_nobody_gets_a_file_in_where_it_is_not_theirs_or_as_somebody_else(
    desk: Desk, keys: dict[str, Path], way: str
) -> None:
    hold_all(desk, keys, PUSHED[way])


def test_a_verdict_that_somebody_laid_into_the_store_releases_nothing_and_is_told(desk: Desk) -> None:
    event = desk.push({"dags/finance/evil.py": "a = 1\n"}, base="standing")
    forged = Verdict(
        push_id=push_of(event),
        environment=PROD,
        outcome=Outcome.ALLOWED,
        principal=Principal(name=desk.cloud.service_account, attested_by="jwt"),
        release=ReleaseNumber(2),
        files_changed=1,
        decided_at=dt.datetime.now(dt.UTC),
    )
    name = verdict_object(PROD, forged.push_id)
    desk.cloud.store.write(name, encode(forged), generation=None, content_type="application/json")
    before = desk.tree()
    desk.deliver(event)
    assert (desk.tree(), desk.head()) == (before, 1)
    assert vouch(desk.cloud, forged) is False
    honest = desk.push({"dags/sales/a.py": "a = 1\n"}, base="standing")
    desk.allow(honest)
    assert vouch(desk.cloud, desk.verdicts()[push_of(honest)]) is True


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
