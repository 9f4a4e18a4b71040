"""Approvals: signed statements that one held push may go ahead under one policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.names import Digest, EnvironmentName, PushId, approval_audience, approval_object
from dagwarden.policy.facts import Approval
from dagwarden.policy.signers import Signer
from dagwarden.push.attest import ATTESTATION, LIFETIME, check_times, make_claims, verify_claims
from dagwarden.push.ssh_attest import sign_with_key, verify_signature
from dagwarden.push.submit import make_nonce
from dagwarden.wire import encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from dagwarden.cloud.clients import Cloud

POLICY = "policy_digest"
"""The claim that names the policy which held the push."""
MAX_STATEMENT_BYTES = 1_000
"""Of what an SSH key signs for."""


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approval says; it is the object's content, and what an SSH key signs. A JWT says it in its claims."""

    push_id: PushId
    policy_digest: Digest
    iat: int
    """When it was said, in seconds since 1970."""
    exp: int
    """When it must have arrived."""


def submit_approval(
    cloud: Cloud, environment: EnvironmentName, push_id: PushId, policy_digest: Digest, now: dt.datetime
) -> str:
    """The approval by the settings' SSH key, else by this process's service account, lies in the inbox afterwards, and
    the gate will hear of it.

    Returns:
        The object's name.

    Raises:
        InvalidInput: the SSH key cannot be signed with.
        AccessDenied: it may not sign, or not write to the inbox.
    """
    nonce = make_nonce()
    content = encode(
        Statement(
            push_id=push_id,
            policy_digest=policy_digest,
            iat=int(now.timestamp()),
            exp=int((now + LIFETIME).timestamp()),
        )
    )
    if key := cloud.settings.sign_with:
        token = sign_with_key(key, content, approval_audience(environment))
    else:
        claims = make_claims(cloud.service_account, push_id, environment, now)
        token = cloud.signer.sign_jwt(claims | {"aud": approval_audience(environment), POLICY: policy_digest})
    name = approval_object(environment, push_id, nonce)
    cloud.inbox.create(name, content, attempt=nonce, content_type="application/json", metadata={ATTESTATION: token})
    return name


def verify_approval(
    jwt_text: str,
    push_id: PushId,
    environment: EnvironmentName,
    key_of: Callable[[str, str], RSAPublicKey | None],
    at: dt.datetime,
) -> Approval:
    """The approval that a service account gives by a JWT.

    Args:
        key_of: as of `verify_attestation`.
        at: when the approval was complete in the inbox.

    Raises:
        InvalidInput: the text is no approval.
        AccessDenied: it is one, but does not hold.
    """
    wanted = {"aud": approval_audience(environment), "push_id": push_id}
    principal, claims = verify_claims(jwt_text, wanted, key_of, at)
    digest = claims.get(POLICY)
    if not isinstance(digest, str):
        raise InvalidInput("it names no policy", operation="verify approval")
    return Approval(principal=principal, push_id=push_id, policy_digest=Digest(digest), given_at=at)


def verify_ssh_approval(
    armor: str,
    content: bytes,
    push_id: PushId,
    environment: EnvironmentName,
    signers: Sequence[Signer],
    *,
    at: dt.datetime,
) -> Approval:
    """The approval that somebody gives by an SSH key: a signature over a `Statement`.

    Args:
        content: what the object holds.
        signers: whose keys the policy knows.
        at: when the approval was complete in the inbox.

    Raises:
        InvalidInput: it is no approval.
        AccessDenied: it is one, but does not hold.
    """
    principal = verify_signature(armor, content, approval_audience(environment), signers, at=at)
    try:
        said = msgspec.json.decode(content, type=Statement)
    except msgspec.MsgspecError as error:
        raise InvalidInput("what is signed is no approval", operation="verify approval") from error
    if said.push_id != push_id:
        raise AccessDenied(f"{principal.name} approves another push", operation="verify approval")
    check_times(principal.name, said.iat, said.exp, at)
    return Approval(principal=principal, push_id=push_id, policy_digest=said.policy_digest, given_at=at)
