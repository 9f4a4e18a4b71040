"""Approvals: signed statements that one held push may go ahead under one policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.names import Digest, EnvironmentName, PushId, approval_object
from dagwarden.policy.facts import Approval
from dagwarden.push.attest import ATTESTATION, audience, make_claims, verify_claims
from dagwarden.push.submit import make_nonce
from dagwarden.wire import encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from dagwarden.cloud.clients import Cloud

POLICY = "policy_digest"
"""The claim that names the policy which held the push."""


def approval_audience(environment: EnvironmentName) -> str:
    """Whom an approval is for: never the same as an attestation, so that neither passes for the other."""
    return f"{audience(environment)}:approval"


def submit_approval(
    cloud: Cloud, environment: EnvironmentName, push_id: PushId, policy_digest: Digest, now: dt.datetime
) -> str:
    """The approval of this process's service account lies in the inbox afterwards, and the gate will hear of it.

    Returns:
        The object's name.

    Raises:
        AccessDenied: it may not sign, or not write to the inbox.
    """
    nonce = make_nonce()
    claims = make_claims(cloud.service_account, push_id, environment, now)
    claims |= {"aud": approval_audience(environment), POLICY: policy_digest}
    name = approval_object(environment, push_id, cloud.service_account, nonce)
    cloud.inbox.create(
        name,
        encode({"push_id": push_id, POLICY: policy_digest}),
        attempt=nonce,
        content_type="application/json",
        metadata={ATTESTATION: cloud.signer.sign_jwt(claims)},
    )
    return name


def verify_approval(
    jwt_text: str,
    push_id: PushId,
    environment: EnvironmentName,
    key_of: Callable[[str, str], RSAPublicKey | None],
    at: dt.datetime,
) -> Approval | None:
    """The approval a text is; None when it is none, or does not hold.

    Args:
        key_of: as of `verify_attestation`.
        at: when the approval was complete in the inbox.
    """
    wanted = {"aud": approval_audience(environment), "push_id": push_id}
    try:
        principal, claims = verify_claims(jwt_text, wanted, key_of, at)
    except (InvalidInput, AccessDenied):
        return None
    digest = claims.get(POLICY)
    if not isinstance(digest, str):
        return None
    return Approval(principal=principal, push_id=push_id, policy_digest=Digest(digest), given_at=at)
