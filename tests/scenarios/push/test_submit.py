"""A push arrives once, whatever happens on the way, and its verdict is waited for."""

from __future__ import annotations

import datetime as dt

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.errors import Unavailable
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, ReleasePath, push_object
from dagwarden.policy.verdict import Outcome
from dagwarden.push.archive import unpack
from dagwarden.push.attest import ATTESTATION, verify_attestation
from dagwarden.push.changes import Offer
from dagwarden.push.deliver import Delivery, Stage
from dagwarden.push.manifest import PushManifest, Put
from dagwarden.push.released import Released, find_released
from dagwarden.push.submit import Packed, attest, find_verdict, make_nonce, make_packed, submit, wait_for_verdict
from dagwarden.wire import digest
from localcloud.calls import Action
from localcloud.testing import RunningCloud

PROD = EnvironmentName("prod")
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def offer_of(name: str = "a", content: bytes = b"a = 1\n") -> tuple[PushManifest, Offer]:
    path = ReleasePath(f"dags/{name}.py")
    put = Put(path=path, sha256=digest(content), size_bytes=len(content))
    manifest = PushManifest(
        environment=PROD,
        source=f"team-{name}",
        created_at=NOON,
        changes=(put,),
        head_commit=name,
        ref=f"refs/heads/{name}",
        nonce=make_nonce(),
    )
    return manifest, Offer(changes=(put,), contents={path: content}, findings=(), digests={})


@pytest.fixture
def packed() -> Packed:
    """A push of one file."""
    return make_packed(*offer_of())


def test_a_push_submitted_twice_lies_there_once(cloud: Cloud, packed: Packed) -> None:
    assert submit(cloud, packed, "x.y.z") is True
    assert submit(cloud, packed, "other") is False
    [info] = cloud.inbox.list(f"{PROD}/")
    assert (info.name, info.metadata[ATTESTATION]) == (push_object(PROD, packed.push_id), "x.y.z")
    assert info.content_encoding == ""
    assert unpack(cloud.inbox.read(info.name)).push_id == packed.push_id


@pytest.mark.parametrize("action", ["fail", "fail_after", "drop_after"])
def test_a_push_whose_upload_is_disturbed_still_counts_as_new(
    cloud: Cloud, cloud_server: RunningCloud, packed: Packed, action: Action
) -> None:
    fault = cloud_server.admin.plan("storage", action, method="objects.insert", subject=f"*{packed.push_id}*")
    assert submit(cloud, packed, "x.y.z") is True
    assert cloud_server.admin.struck(fault) == 1
    assert len(list(cloud.inbox.list(f"{PROD}/"))) == 1


@pytest.mark.usefixtures("may_sign")
def test_what_is_signed_can_be_verified_with_published_keys(cloud: Cloud, packed: Packed) -> None:
    token = attest(cloud, packed, utc_now())
    principal = verify_attestation(token, packed.push_id, PROD, cloud.certificates.key, utc_now())
    assert (principal.name, principal.attested_by) == (cloud.service_account, "jwt")


def test_waiting_for_a_verdict_looks_less_and_less_often_and_ends(cloud: Cloud, packed: Packed) -> None:
    waits: list[float] = []
    with pytest.raises(Unavailable, match="may be released yet"):
        wait_for_verdict(cloud, PROD, packed.push_id, timeout_s=0.5, sleep=waits.append)
    assert waits[0] == 0.05
    assert waits == sorted(waits)
    assert max(waits) <= 1.0
    assert find_verdict(cloud, PROD, packed.push_id) is None


@pytest.mark.usefixtures("inbox_gate")
def test_a_delivery_ends_with_the_verdict_and_the_ledger_knows_the_source(
    cloud: Cloud, cloud_server: RunningCloud
) -> None:
    said: list[str] = []
    for name in ("a", "b"):
        delivery = Delivery(cloud, said.append, utc_now)
        assert delivery.stage is Stage.PREPARING
        assert delivery.deliver(*offer_of(name), timeout_s=20.0).outcome is Outcome.ALLOWED
        assert (delivery.stage, delivery.push_id is not None) == (Stage.WAITING, True)
    assert [line.split()[0] for line in said] == ["packed", "sent", "packed", "sent"]
    for name in ("a", "b"):
        assert find_released(Ledger(cloud), PROD, f"team-{name}") == Released(name, f"refs/heads/{name}")
    assert find_released(Ledger(cloud), PROD, "nobody") == Released("", "")


def test_where_nothing_was_ever_released_no_source_was(cloud: Cloud) -> None:
    assert find_released(Ledger(cloud), PROD, "anybody") == Released("", "")


def test_an_interruption_says_how_far_the_push_was(cloud: Cloud) -> None:
    delivery = Delivery(cloud, lambda _: None, utc_now)
    assert delivery.say_interrupted() == "interrupted: nothing was sent"
