"""Approvals as they lie in the inbox: read beside the push they are of."""

from __future__ import annotations

from itertools import islice

from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.names import EnvironmentName, PushId, approvals_prefix, parse_approval_object, push_object
from dagwarden.policy.facts import Approval
from dagwarden.push.approve import verify_approval
from dagwarden.push.attest import ATTESTATION

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


def read_approvals(cloud: Cloud, environment: EnvironmentName, push_id: PushId) -> tuple[Approval, ...]:
    """Every approval of a push whose signature holds, whether policy counts it or not."""
    key_of = cloud.certificates.key
    read = (
        verify_approval(info.metadata.get(ATTESTATION, ""), push_id, environment, key_of, info.updated_at)
        for info in islice(cloud.inbox.list(approvals_prefix(environment, push_id)), MAX_READ)
    )
    return tuple(approval for approval in read if approval is not None)
