"""Reads what happened in the inbox as an offer: a whole push, one raw file, or its removal; and who made it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from dagwarden.cloud.clients import Cloud
from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.ledger.archive import PlainFile
from dagwarden.lint.finding import Finding
from dagwarden.names import EnvironmentName, PushId, PushObject, RawDrop, ReleasePath
from dagwarden.policy.model import Policy
from dagwarden.policy.signers import Signer
from dagwarden.policy.verdict import Principal
from dagwarden.push.archive import DEFAULT_LIMITS, UnpackLimits, unpack
from dagwarden.push.attest import ATTESTATION, verify_attestation
from dagwarden.push.manifest import Delete, PushManifest, Put, push_id
from dagwarden.push.paths import check_names
from dagwarden.push.rules import find
from dagwarden.push.ssh_attest import verify_ssh_attestation
from dagwarden.push.ssh_signature import is_armored
from dagwarden.wire import digest

UNATTESTED = Principal(name="unattested")
RAW_DROP_SOURCE = "raw-drop"
"""The source of all files dropped one by one."""

REMOVALS = frozenset({ObjectEventKind.ARCHIVED, ObjectEventKind.DELETED})
"""What tells that a drop is no longer live: it was deleted, or overwritten."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the inbox, read and not yet judged."""

    environment: EnvironmentName
    push_id: PushId
    manifest: PushManifest
    files: dict[ReleasePath, PlainFile]
    principal: Principal
    is_raw_drop: bool
    findings: tuple[Finding, ...]
    event: ObjectEvent

    @property
    def is_removal(self) -> bool:
        """Whether a drop's file is to go because the drop has gone."""
        return self.is_raw_drop and self.event.kind in REMOVALS


def may_offer(event: ObjectEvent, named: PushObject | RawDrop) -> bool:
    """Whether such an event of such an object can offer anything: arrivals all do, a push that is gone does not."""
    return event.kind is ObjectEventKind.FINALIZED or (event.kind in REMOVALS and isinstance(named, RawDrop))


def offered_push_id(event: ObjectEvent, named: PushObject | RawDrop) -> PushId:
    """The push's id, known before anything is read: in a push's name; for a raw drop and for its removal, of the
    generation dropped, whichever event tells of it."""
    if isinstance(named, PushObject):
        return named.push_id
    if event.kind in REMOVALS:
        return push_id(_manifest_of_removal(event, named))
    return push_id(_manifest_of_drop(event, named, b""))


def arrival_of(event: ObjectEvent) -> ObjectEvent:
    """The arrival of what an event tells the end of."""
    return msgspec.structs.replace(event, kind=ObjectEventKind.FINALIZED, time=event.created_at or event.time)


def stands_again(cloud: Cloud, event: ObjectEvent) -> bool:
    """Whether the name of what is gone is taken: then it was overwritten, or dropped anew, and not deleted."""
    return cloud.inbox.stat(event.name) is not None


def check_newest(cloud: Cloud, offer: Offer) -> list[Finding]:
    """What speaks against a drop whose file was dropped anew: the newest counts, in whichever order they are told.

    Ask after the head is read: no newer drop can be in it unseen.
    """
    if not offer.is_raw_drop or offer.is_removal:
        return []
    newest = cloud.inbox.find_newest(offer.event.name)
    if newest is None or newest.generation == offer.event.generation:
        return []
    path = offer.manifest.changes[0].path
    return [find("raw-drop-superseded", path, f"was dropped anew since, as generation {newest.generation}")]


def limits_of(policy: Policy | None) -> UnpackLimits:
    """How much of a push is read under a policy."""
    if policy is None:
        return DEFAULT_LIMITS
    said = policy.limits
    return UnpackLimits(
        max_unpacked_bytes=said.max_push_bytes, max_files=said.max_files, max_file_bytes=said.max_file_bytes
    )


def read_offer(
    cloud: Cloud, event: ObjectEvent, named: PushObject | RawDrop, limits: UnpackLimits, signers: Sequence[Signer] = ()
) -> Offer:
    """Read the very generation the event tells of. What is larger than it may be is not read at all.

    Args:
        signers: whose SSH keys count.

    Raises:
        NotFound: that generation is gone.
    """
    if isinstance(named, RawDrop):
        return _make_removal(event, named) if event.kind in REMOVALS else _read_drop(cloud, event, named, limits)
    return _read_push(cloud, event, named, limits, signers)


def _read_push(
    cloud: Cloud, event: ObjectEvent, named: PushObject, limits: UnpackLimits, signers: Sequence[Signer]
) -> Offer:
    manifest = PushManifest(environment=named.environment, source="unknown", created_at=event.time, changes=())
    files: dict[ReleasePath, PlainFile] = {}
    findings: list[Finding] = []
    if event.size_bytes > _most_packed_bytes(limits):
        findings.append(_too_large("push-too-large", "", event, limits.max_unpacked_bytes))
    else:
        content = cloud.inbox.read(event.name, event.generation)
        try:
            unpacked = unpack(content, limits)
        except InvalidInput as error:
            findings.append(find("push-unreadable", message=error.message))
        else:
            manifest, files = unpacked.manifest, unpacked.files
            findings += unpacked.findings
            if (unpacked.push_id, manifest.environment) != (named.push_id, named.environment):
                findings.append(find("push-misnamed"))
    principal = UNATTESTED
    if event.metadata.get(ATTESTATION):
        try:
            principal = _find_pusher(cloud, event, named, manifest.created_at, signers)
        except (InvalidInput, AccessDenied) as error:
            findings.append(find("attestation-invalid", message=error.message))
    return Offer(
        environment=named.environment,
        push_id=named.push_id,
        manifest=manifest,
        files=files,
        principal=principal,
        is_raw_drop=False,
        findings=tuple(findings),
        event=event,
    )


def _find_pusher(
    cloud: Cloud, event: ObjectEvent, named: PushObject, made_at: dt.datetime, signers: Sequence[Signer]
) -> Principal:
    token, push, environment = event.metadata[ATTESTATION], named.push_id, named.environment
    if is_armored(token):
        return verify_ssh_attestation(token, push, environment, signers, created_at=made_at, at=event.time)
    return verify_attestation(token, push, environment, cloud.certificates.key, at=event.time)


def _most_packed_bytes(limits: UnpackLimits) -> int:
    """No gzip that holds so little is larger: what cannot be compressed grows by 5 bytes in 16 KiB.

    Source: RFC 1951, 3.2.4, stored blocks.
    """
    return limits.max_unpacked_bytes + limits.max_unpacked_bytes // 1024 + 1024


def _too_large(rule: str, path: str, event: ObjectEvent, most_bytes: int) -> Finding:
    return find(rule, path, f"the object has {event.size_bytes:,} bytes; at most {most_bytes:,} are taken")


def _read_drop(cloud: Cloud, event: ObjectEvent, named: RawDrop, limits: UnpackLimits) -> Offer:
    files: dict[ReleasePath, PlainFile] = {}
    manifest = _manifest_of_drop(event, named, b"")
    findings = check_names(manifest.changes)
    if event.size_bytes > limits.max_file_bytes:
        findings.append(_too_large("file-too-large", named.path, event, limits.max_file_bytes))
    else:
        content = cloud.inbox.read(event.name, event.generation)
        manifest = _manifest_of_drop(event, named, content)
        files[named.path] = PlainFile(named.path, "0644", content)
        info = cloud.inbox.stat(event.name, event.generation)
        if info is not None and info.content_encoding:
            findings.append(find("raw-drop-encoded", named.path))
    return Offer(
        environment=named.environment,
        push_id=offered_push_id(event, named),
        manifest=manifest,
        files=files,
        principal=UNATTESTED,
        is_raw_drop=True,
        findings=tuple(findings),
        event=event,
    )


def _make_removal(event: ObjectEvent, named: RawDrop) -> Offer:
    return Offer(
        environment=named.environment,
        push_id=offered_push_id(event, named),
        manifest=_manifest_of_removal(event, named),
        files={},
        principal=UNATTESTED,
        is_raw_drop=True,
        findings=(),
        event=event,
    )


def withdraw(offer: Offer) -> Offer:
    """The same offer, which changes nothing any more."""
    return msgspec.structs.replace(offer, manifest=msgspec.structs.replace(offer.manifest, changes=()))


def _manifest_of_removal(event: ObjectEvent, named: RawDrop) -> PushManifest:
    return PushManifest(
        environment=named.environment,
        source=RAW_DROP_SOURCE,
        created_at=event.created_at or event.time,
        changes=(Delete(path=named.path),),
        message=f"{named.path} was deleted from the inbox",
        nonce=f"{event.bucket}#{event.generation}",
    )


def _manifest_of_drop(event: ObjectEvent, named: RawDrop, content: bytes) -> PushManifest:
    return PushManifest(
        environment=named.environment,
        source=RAW_DROP_SOURCE,
        created_at=event.time,
        changes=(Put(path=named.path, sha256=digest(content), size_bytes=len(content)),),
        message=f"dropped {named.path}",
        nonce=f"{event.bucket}#{event.generation}",
    )
