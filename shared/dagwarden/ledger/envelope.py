"""The signed form of a release: an in-toto statement with a SLSA verification summary, in a DSSE envelope.

Source: in-toto Statement v1, SLSA verification_summary v1, DSSE v1.0 (PAE). The release itself stands in the predicate
under our own type URI, which the summary's format allows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import InvalidInput, Tampered
from dagwarden.ledger.release import Release, SignedRelease
from dagwarden.wire import decode, digest, encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from dagwarden.cloud.identity import Signature

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
EXTENSION = "https://dagwarden.dev/release/v1"


class _Signature(msgspec.Struct, frozen=True):
    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """DSSE's JSON form. `keyid` is `SERVICE_ACCOUNT/KEY_ID`."""

    payload: str
    payload_type: str
    signatures: tuple[_Signature, ...]


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Predicate(msgspec.Struct, frozen=True, kw_only=True):
    release: Release = msgspec.field(name=EXTENSION)


class _Statement(msgspec.Struct, frozen=True, kw_only=True):
    type: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: _Predicate


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's PAE, so that no payload can be taken for one of another type.

    >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def to_statement(release: Release, verifier: str, policy_uri: str) -> bytes:
    """The payload: the statement's canonical JSON. Its sha256 is the release's digest.

    Args:
        verifier: the gate's service account.
        policy_uri: where the policy that decided lies.
    """
    return encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": f"{release.environment}/releases/{release.number}", "digest": {"sha256": release.tree}}
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "verifier": {"id": f"https://iam.googleapis.com/{verifier}"},
                "timeVerified": release.committed_at,
                "resourceUri": f"dagwarden://{release.environment}/releases/{release.number}",
                "policy": {"uri": policy_uri, "digest": {"sha256": release.policy_digest}},
                "inputAttestations": [
                    {"uri": f"dagwarden:push:{release.push_id}", "digest": {"sha256": release.push_id}}
                ],
                "verificationResult": "PASSED",
                "verifiedLevels": [],
                "slsaVersion": "1.1",
                EXTENSION: release,
            },
        }
    )


def seal(payload: bytes, service_account: str, sign: Callable[[bytes], Signature]) -> bytes:
    """The envelope around a payload, signed."""
    signature = sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return encode(
        Envelope(
            payload=base64.b64encode(payload).decode(),
            payload_type=PAYLOAD_TYPE,
            signatures=(
                _Signature(f"{service_account}/{signature.key_id}", base64.b64encode(signature.signature).decode()),
            ),
        )
    )


def open_envelope(
    content: bytes, service_account: str, key_of: Callable[[str, str], RSAPublicKey | None], *, subject: str
) -> SignedRelease:
    """The release in an envelope, once a signature of `service_account` over it holds.

    Args:
        key_of: (service account, key id) -> its public key, None when there is none such.
        subject: what is being opened, for messages.

    Raises:
        Tampered: it is no envelope of a release, or no signature by that service account holds.
    """
    from dagwarden.cloud.identity import Signature, is_signed

    try:
        envelope = decode(Envelope, content, subject=subject)
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [(_split(each.keyid), base64.b64decode(each.sig, validate=True)) for each in envelope.signatures]
    except (InvalidInput, binascii.Error) as error:
        raise _tampered(f"no signed release: {error}", subject) from error
    encoded = pre_authentication_encoding(envelope.payload_type, payload)
    for (signer, key_id), signature in signatures:
        if signer != service_account:
            continue
        key = key_of(signer, key_id)
        if key is not None and is_signed(encoded, Signature(key_id, signature), key):
            return SignedRelease(
                release=_read_payload(envelope, payload, subject), digest=digest(payload), envelope=content
            )
    signers = ", ".join(sorted({signer for (signer, _), _ in signatures})) or "nobody"
    raise _tampered(f"no valid signature of {service_account} (signed by {signers})", subject)


def _read_payload(envelope: Envelope, payload: bytes, subject: str) -> Release:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise _tampered(f"the payload is {envelope.payload_type}", subject)
    try:
        statement = decode(_Statement, payload, subject=subject)
    except InvalidInput as error:
        raise _tampered(f"no release statement: {error}", subject) from error
    release = statement.predicate.release
    if statement.type != STATEMENT_TYPE or statement.predicate_type != PREDICATE_TYPE:
        raise _tampered("the statement is of another type", subject)
    if [each.digest.get("sha256") for each in statement.subject] != [release.tree]:
        raise _tampered("the statement's subject is not the release's tree", subject)
    return release


def _split(key_id: str) -> tuple[str, str]:
    signer, _, key = key_id.rpartition("/")
    return signer, key


def _tampered(message: str, subject: str) -> Tampered:
    return Tampered(
        message, operation="open release", subject=subject, hint="nothing was applied; run `dagwarden verify`"
    )
