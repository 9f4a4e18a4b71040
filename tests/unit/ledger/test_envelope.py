"""What a release's envelope lets through, and what it does not."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.cloud.identity import Signature
from dagwarden.errors import Tampered
from dagwarden.ledger.envelope import PAYLOAD_TYPE, open_envelope, seal
from dagwarden.ledger.state import empty_state
from dagwarden.names import EnvironmentName
from dagwarden.wire import digest

from .building import GATE, KEY_ID, draft, key_of, open_release, release_on, sign


def sealed() -> bytes:
    return release_on(empty_state(EnvironmentName("prod")), draft({"dags/a.py": b"a"}))[0]


def resigned(payload: bytes) -> bytes:
    return seal(payload, GATE, sign)


def payload_of(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["payload"])


def test_a_signed_release_opens_and_its_digest_is_that_of_the_payload() -> None:
    envelope = sealed()
    signed = open_release(envelope)
    assert signed.release.number == 1
    assert signed.digest == digest(payload_of(envelope))


def test_the_statement_is_an_in_toto_verification_summary() -> None:
    statement = json.loads(payload_of(sealed()))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert statement["predicate"]["verificationResult"] == "PASSED"
    assert set(statement["predicate"]) >= {"verifier", "timeVerified", "resourceUri", "policy", "inputAttestations"}


def test_one_changed_byte_of_the_payload_is_refused() -> None:
    envelope = json.loads(sealed())
    changed = payload_of(json.dumps(envelope).encode()).replace(b'"a message"', b'"A message"')
    envelope["payload"] = base64.b64encode(changed).decode()
    with pytest.raises(Tampered, match="no valid signature"):
        open_release(json.dumps(envelope).encode())


def test_another_account_s_signature_is_refused() -> None:
    envelope = seal(payload_of(sealed()), "mallory@proj-local.iam.gserviceaccount.com", sign)
    with pytest.raises(Tampered, match="signed by mallory"):
        open_release(envelope)


def test_a_signature_by_an_unpublished_key_is_refused() -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign_as_stranger(content: bytes) -> Signature:
        return Signature(KEY_ID, stranger.sign(content, padding.PKCS1v15(), SHA256()))

    envelope = seal(payload_of(sealed()), GATE, sign_as_stranger)
    with pytest.raises(Tampered, match="no valid signature"):
        open_release(envelope)
    unknown = seal(payload_of(sealed()), GATE, lambda content: Signature("k2", sign(content).signature))
    with pytest.raises(Tampered, match="no valid signature"):
        open_release(unknown)


def test_a_signature_over_another_payload_type_is_refused() -> None:
    payload = payload_of(sealed())
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": "text/plain",
        "signatures": [{"keyid": f"{GATE}/{KEY_ID}", "sig": base64.b64encode(sign(payload).signature).decode()}],
    }
    with pytest.raises(Tampered):
        open_release(json.dumps(envelope).encode())


def test_a_statement_about_another_tree_is_refused_though_well_signed() -> None:
    statement = json.loads(payload_of(sealed()))
    statement["subject"][0]["digest"]["sha256"] = "0" * 64
    with pytest.raises(Tampered, match="subject"):
        open_release(resigned(json.dumps(statement).encode()))


def test_a_well_signed_payload_that_is_no_release_is_refused() -> None:
    for payload in (b"{}", b"[]", b"not json", b"\xff"):
        with pytest.raises(Tampered):
            open_release(resigned(payload))


@given(st.binary(max_size=400))
def test_any_bytes_open_or_are_refused(content: bytes) -> None:
    with pytest.raises(Tampered):
        open_envelope(content, GATE, key_of, subject="x")


def test_an_envelope_without_signatures_is_refused() -> None:
    envelope = json.loads(sealed())
    envelope["signatures"] = []
    with pytest.raises(Tampered, match="nobody"):
        open_release(json.dumps(envelope).encode())
    assert envelope["payloadType"] == PAYLOAD_TYPE
