"""A new release is in the ledger: every component class is told of it."""

from __future__ import annotations

from dagwarden.audit.entries import history_tampered, release_notified
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.topics import Outgoing
from dagwarden.errors import NotFound, Tampered
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import SignedRelease
from dagwarden.names import Component, EnvironmentName, ReleaseNumber, parse_release_object
from dagwarden.sync.notice import Notice
from dagwarden.wire import encode


def handle_release(event: ObjectEvent, cloud: Cloud, ledger: Ledger, audit: AuditWriter) -> None:
    """Each component class has been sent a notice of the release the event tells of, in one request.

    Sent again at each delivery of the event: notices are hints, and agents ignore what they already run. What is no
    new release of the ledger (another bucket, another name, changed metadata) starts nothing. A release whose
    signature does not hold, or that somebody took away or wrote over, is recorded and never announced.

    Raises:
        Transient: deliver the event again.
    """
    named = parse_release_object(event.name) if event.bucket == cloud.settings.ledger_bucket else None
    if named is None or event.kind is ObjectEventKind.METADATA_UPDATED:
        return
    signed = _read_release(event, *named, ledger=ledger, audit=audit)
    if signed is not None:
        _announce(signed, cloud, audit)


def _read_release(
    event: ObjectEvent,
    environment: EnvironmentName,
    number: ReleaseNumber,
    *,
    ledger: Ledger,
    audit: AuditWriter,
) -> SignedRelease | None:
    """The very generation the event tells of; None when it is not to be believed, which is on record then."""
    doubt: Tampered | NotFound
    if event.kind is ObjectEventKind.FINALIZED:
        try:
            return ledger.read(environment, number, generation=event.generation)
        except (Tampered, NotFound) as error:
            doubt = error
    else:
        doubt = Tampered("somebody deleted or replaced it", operation="keep history", subject=event.resource)
    audit.write(
        history_tampered(doubt, environment=environment, resource=event.resource, at=event.time, release=number)
    )
    return None


def _announce(signed: SignedRelease, cloud: Cloud, audit: AuditWriter) -> None:
    topic = cloud.settings.notices_topic
    audit.write(release_notified(signed.release, signed.digest, topic=topic, components=list(Component)))
    cloud.topics.publish(topic, *make_notices(signed))


def make_notices(signed: SignedRelease) -> list[Outgoing]:
    """One message for each component class; its attributes are what subscriptions filter by."""
    release = signed.release
    return [
        Outgoing(
            encode(
                Notice(
                    environment=release.environment,
                    component=component,
                    release=release.number,
                    digest=signed.digest,
                    push_id=release.push_id,
                )
            ),
            {
                "environment": release.environment,
                "component": str(component),
                "release": str(release.number),
                "digest": signed.digest,
            },
        )
        for component in Component
    ]
