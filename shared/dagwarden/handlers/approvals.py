"""Approvals as they lie in the inbox: read beside the push they are of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.storage import ObjectInfo
from dagwarden.errors import AccessDenied, InvalidInput, NotFound
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.names import (
    ApprovalObject,
    EnvironmentName,
    PushId,
    approvals_prefix,
    parse_approval_object,
    push_object,
)
from dagwarden.policy.facts import Approval
from dagwarden.policy.signers import Signer
from dagwarden.push.approve import MAX_STATEMENT_BYTES, verify_approval, verify_ssh_approval
from dagwarden.push.attest import ATTESTATION
from dagwarden.push.ssh_signature import is_armored

MAX_READ = 200
"""Objects looked at for one push; who could write more could as well write none."""


def find_push_event(cloud: Cloud, event: ObjectEvent) -> ObjectEvent | None:
    """The event of the push that an approval is of, as it was told when the push arrived; any other event as it is.

    Returns:
        None when there is no such push.
    """
    named = parse_approval_object(event.name)
    if event.bucket != cloud.inbox.name or event.kind is not ObjectEventKind.FINALIZED or named is None:
        return event
    return make_push_event(cloud, named.environment, named.push_id, event.event_id)


def make_push_event(cloud: Cloud, environment: EnvironmentName, push_id: PushId, event_id: str) -> ObjectEvent | None:
    """The event of a push's arrival as it was told then, under the id of what makes the gate look at it anew.

    Returns:
        None when the inbox has no such push.
    """
    info = cloud.inbox.stat(push_object(environment, push_id))
    if info is None:
        return None
    return ObjectEvent(
        bucket=info.bucket,
        name=info.name,
        generation=info.generation,
        kind=ObjectEventKind.FINALIZED,
        size_bytes=info.size_bytes,
        md5=info.md5,
        metadata=info.metadata,
        time=info.updated_at,
        event_id=event_id,
        created_at=info.updated_at,
    )


def read_approvals(
    cloud: Cloud, environment: EnvironmentName, push_id: PushId, signers: Sequence[Signer]
) -> tuple[Approval, ...]:
    """Every approval of a push whose signature holds, whether policy counts it or not.

    Args:
        signers: whose SSH keys count.
    """
    found = islice(cloud.inbox.list(approvals_prefix(environment, push_id)), MAX_READ)
    read = (_read_approval(cloud, info, ApprovalObject(environment, push_id), signers) for info in found)
    return tuple(approval for approval in read if approval is not None)


def _read_approval(cloud: Cloud, info: ObjectInfo, of: ApprovalObject, signers: Sequence[Signer]) -> Approval | None:
    """The approval that an object is; None when it is none, does not hold, or is gone."""
    token, at = info.metadata.get(ATTESTATION, ""), info.updated_at
    said = b""
    if is_armored(token):
        if info.size_bytes > MAX_STATEMENT_BYTES:
            return None
        try:
            said = cloud.inbox.read(info.name, info.generation)
        except NotFound:
            return None
    try:
        if said:
            return verify_ssh_approval(token, said, of.push_id, of.environment, signers, at=at)
        return verify_approval(token, of.push_id, of.environment, cloud.certificates.key, at)
    except (InvalidInput, AccessDenied):
        return None
