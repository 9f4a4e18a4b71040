"""Only who holds a service account's key pushes in its name, and for that push alone."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import AccessDenied, InvalidInput, Permanent, Unavailable
from dagwarden.names import EnvironmentName, PushId
from dagwarden.policy.verdict import Principal
from dagwarden.push.attest import make_claims, verify_attestation

PUSHER = "ci@demo.iam.gserviceaccount.com"
PROD = EnvironmentName("prod")
PUSH = PushId("ab" * 32)
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_of(service_account: str, key_id: str) -> rsa.RSAPublicKey | None:
    return KEY.public_key() if (service_account, key_id) == (PUSHER, "key1") else None


def sign(key: Any = KEY, headers: dict[str, Any] | None = None, algorithm: str = "RS256", **changed: Any) -> str:
    claims = {**make_claims(PUSHER, PUSH, PROD, NOON), **changed}
    payload = json.dumps({name: value for name, value in claims.items() if value is not None}).encode()
    return jwt.PyJWS().encode(payload, key, algorithm, {"kid": "key1"} if headers is None else headers)


def join(header: object, claims: object, signature: bytes = b"\0\0\0") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def verify(text: str, at: dt.datetime = NOON) -> Principal:
    return verify_attestation(text, PUSH, PROD, key_of, at)


def test_an_honest_attestation_names_the_pusher() -> None:
    assert verify(sign()) == Principal(name=PUSHER, attested_by="jwt", key_id="key1")


def test_what_counts_is_when_the_push_arrived() -> None:
    assert verify(sign(), NOON + dt.timedelta(minutes=10)).name == PUSHER
    with pytest.raises(AccessDenied, match="expired"):
        verify(sign(), NOON + dt.timedelta(minutes=12))
    assert verify(sign(), NOON - dt.timedelta(seconds=60)).name == PUSHER
    with pytest.raises(AccessDenied, match="future"):
        verify(sign(), NOON - dt.timedelta(seconds=62))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "dagwarden:test"}, "not for dagwarden:prod"),
        ({"aud": ["dagwarden:prod", "dagwarden:test"]}, "not for dagwarden:prod"),
        ({"push_id": "cd" * 32}, "another push"),
        ({"sub": "boss@demo.iam.gserviceaccount.com"}, "another subject"),
        ({"exp": int(NOON.timestamp()) + 3601}, "lives longer"),
        ({"iss": "boss@demo.iam.gserviceaccount.com"}, "no key"),
    ],
)
def test_an_attestation_of_something_else_is_denied(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(AccessDenied, match=why):
        verify(sign(**changed))


@pytest.mark.parametrize("claim", ["sub", "aud", "iat", "exp", "push_id"])
def test_an_attestation_without_one_of_its_claims_is_invalid(claim: str) -> None:
    with pytest.raises(InvalidInput):
        verify(sign(**{claim: None}))


@pytest.mark.parametrize(
    "changed",
    [
        {"iat": True},
        {"exp": 1.5e9},
        {"exp": "soon"},
        {"iss": "../../../other"},
        {"iss": "ci@demo.iam.gserviceaccount.com/../boss@demo.iam.gserviceaccount.com"},
        {"iss": "ci@evil.example"},
        {"iss": f"{PUSHER}\n"},
        {"iss": 7},
        {"iss": None},
        {"note": "x" * 6000},
    ],
)
def test_an_attestation_with_claims_of_no_meaning_is_invalid(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        verify(sign(**changed))


@pytest.mark.parametrize("kid", ["key2", "../key1", "", 7, None])
def test_an_attestation_by_an_unknown_key_is_refused(kid: object) -> None:
    with pytest.raises(Permanent):
        verify(join({"alg": "RS256", "kid": kid}, make_claims(PUSHER, PUSH, PROD, NOON)))


def test_a_signature_by_another_key_is_denied() -> None:
    with pytest.raises(AccessDenied, match="signature"):
        verify(sign(OTHER_KEY))


def test_changing_a_signed_claim_breaks_the_signature() -> None:
    header, _, signature = sign(aud="dagwarden:test").split(".")
    with pytest.raises(AccessDenied, match="signature"):
        verify(".".join((header, sign().split(".")[1], signature)))


def test_an_unsigned_attestation_is_refused() -> None:
    with pytest.raises(InvalidInput, match="RS256"):
        verify(sign(None, algorithm="none"))


def test_the_public_key_does_not_serve_as_a_shared_secret() -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims = {"alg": "HS256", "kid": "key1"}, make_claims(PUSHER, PUSH, PROD, NOON)
    signed = join(header, claims).rpartition(".")[0].encode()
    with pytest.raises(InvalidInput, match="RS256"):
        verify(join(header, claims, hmac.digest(public, signed, "sha256")))


def test_certificates_out_of_reach_are_no_denial() -> None:
    def unreachable(service_account: str, key_id: str) -> None:
        raise Unavailable("503")

    with pytest.raises(Unavailable):
        verify_attestation(sign(), PUSH, PROD, unreachable, NOON)


base64_parts = st.lists(st.binary(max_size=40).map(lambda part: base64.urlsafe_b64encode(part).decode()), max_size=4)
header_names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku"])
header_values = st.sampled_from(["RS256", "key1", None, 1, [], {}, "none", False])


@given(st.text(max_size=200) | base64_parts.map(".".join))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(Permanent):
        verify(text)


@given(
    st.dictionaries(header_names, header_values),
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.sampled_from(["iss", "sub"]), inner)
    ),
)
def test_any_json_in_a_jwt_is_refused(header: dict[str, Any], claims: object) -> None:
    with pytest.raises(Permanent):
        verify(join(header, claims))
