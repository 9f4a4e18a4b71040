"""An approval by SSH key counts for its push, its environment and its policy, in its time, and nowhere else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.push.ssh_keys import make_key, read_line, sign

from dagwarden.errors import AccessDenied, InvalidInput, Permanent
from dagwarden.names import Digest, EnvironmentName, PushId, approval_audience
from dagwarden.policy.facts import Approval
from dagwarden.policy.signers import Signer
from dagwarden.push.approve import Statement, verify_ssh_approval
from dagwarden.wire import encode

PROD = EnvironmentName("prod")
PUSH, OTHER = PushId("ab" * 32), PushId("cd" * 32)
POLICY = Digest("0" * 64)
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
SPACE = approval_audience(PROD)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann's key."""
    return make_key(tmp_path_factory.mktemp("keys"), "ann", "-t", "ed25519")


def state(push: PushId = PUSH, *, from_s: int = 0, to_s: int = 600) -> bytes:
    """What an approval says; times in seconds from noon."""
    noon_s = int(NOON.timestamp())
    return encode(Statement(push_id=push, policy_digest=POLICY, iat=noon_s + from_s, exp=noon_s + to_s))


def verify(armor: str, content: bytes, key: Path, at: dt.datetime = NOON, **more: object) -> Approval:
    signer = Signer(principal="ann@acme.example", keys=(read_line(key),), **more)  # type: ignore[arg-type]
    return verify_ssh_approval(armor, content, PUSH, PROD, (signer,), at=at)


def test_what_openssh_signs_is_the_approval_of_the_keys_owner(key: Path) -> None:
    approval = verify(sign(key, state().decode(), SPACE), state(), key)
    assert (approval.principal.name, approval.principal.attested_by) == ("ann@acme.example", "ssh")
    assert (approval.push_id, approval.policy_digest, approval.given_at) == (PUSH, POLICY, NOON)


@pytest.mark.parametrize("space", ["dagwarden:prod", "dagwarden:test:approval", "git"])
def test_a_signature_for_something_else_approves_nothing(key: Path, space: str) -> None:
    with pytest.raises(AccessDenied, match="is not for dagwarden:prod:approval"):
        verify(sign(key, state().decode(), space), state(), key)


def test_an_approval_copied_to_another_push_approves_nothing(key: Path) -> None:
    with pytest.raises(AccessDenied, match="approves another push"):
        verify(sign(key, state(OTHER).decode(), SPACE), state(OTHER), key)
    with pytest.raises(AccessDenied, match="does not hold"):
        verify(sign(key, state(OTHER).decode(), SPACE), state(), key)


@pytest.mark.parametrize(
    ("from_s", "to_s", "why"),
    [
        (-4000, -3000, "had expired"),
        (3000, 3600, "from the future"),
        (0, 7200, "lives longer"),
    ],
)
def test_an_approval_out_of_its_time_approves_nothing(key: Path, from_s: int, to_s: int, why: str) -> None:
    content = state(from_s=from_s, to_s=to_s)
    with pytest.raises(AccessDenied, match=why):
        verify(sign(key, content.decode(), SPACE), content, key)


def test_who_may_push_or_sign_commits_alone_approves_nothing(key: Path) -> None:
    armor = sign(key, state().decode(), SPACE)
    assert verify(armor, state(), key, namespaces=("dagwarden:*:approval",))
    for namespaces in (("dagwarden:prod",), ("git",)):
        with pytest.raises(AccessDenied, match="may not sign `dagwarden:prod:approval`"):
            verify(armor, state(), key, namespaces=namespaces)
    with pytest.raises(AccessDenied, match="counts no more"):
        verify(armor, state(), key, valid_before=NOON.date())
    with pytest.raises(AccessDenied, match="key of nobody"):
        verify_ssh_approval(armor, state(), PUSH, PROD, (), at=NOON)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PUSH.encode(),
        b"{}",
        b"[" * 900,
        state().replace(b"}", b',"also":1}'),
        state().replace(POLICY.encode(), b"").replace(b'""', b"null"),
        state().replace(b'"iat":', b'"iat":1.5e'),
    ],
)
def test_what_says_something_else_is_no_approval_though_it_is_signed(key: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no approval"):
        verify(sign(key, content.decode(), SPACE), content, key)


@given(st.binary(max_size=200))
def test_any_bytes_unsigned_are_refused(content: bytes) -> None:
    with pytest.raises(Permanent):
        verify_ssh_approval("-----BEGIN SSH SIGNATURE-----", content, PUSH, PROD, (), at=NOON)
