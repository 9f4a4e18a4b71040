"""Reads an inbox object as an offer: a whole push, or one raw file, and who made it."""

from __future__ import annotations

import msgspec

from dagwarden.cloud.clients import Cloud
from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.events.objects import ObjectEvent
from dagwarden.ledger.archive import PlainFile
from dagwarden.lint.finding import Finding
from dagwarden.names import EnvironmentName, PushId, PushObject, RawDrop, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.push.archive import UnpackLimits, unpack
from dagwarden.push.attest import ATTESTATION, verify_attestation
from dagwarden.push.manifest import PushManifest, Put, push_id
from dagwarden.push.paths import check_names
from dagwarden.push.rules import find
from dagwarden.wire import digest

UNATTESTED = Principal(name="unattested")
RAW_DROP_SOURCE = "raw-drop"
"""The source of all files dropped one by one."""


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


def offered_push_id(event: ObjectEvent, named: PushObject | RawDrop) -> PushId:
    """The push's id, known before anything is read: in a push's name; for a raw drop, of the generation dropped."""
    if isinstance(named, PushObject):
        return named.push_id
    return push_id(_manifest_of_drop(event, named, b""))


def read_offer(cloud: Cloud, event: ObjectEvent, named: PushObject | RawDrop, limits: UnpackLimits) -> Offer:
    """Read the very generation the event tells of.

    Raises:
        NotFound: that generation is gone.
    """
    content = cloud.inbox.read(event.name, event.generation)
    if isinstance(named, RawDrop):
        info = cloud.inbox.stat(event.name, event.generation)
        return _read_drop(event, named, content, is_encoded=info is not None and bool(info.content_encoding))
    return _read_push(cloud, event, named, content, limits)


def _read_push(cloud: Cloud, event: ObjectEvent, named: PushObject, content: bytes, limits: UnpackLimits) -> Offer:
    findings: list[Finding] = []
    try:
        unpacked = unpack(content, limits)
    except InvalidInput as error:
        manifest = PushManifest(environment=named.environment, source="unknown", created_at=event.time, changes=())
        files: dict[ReleasePath, PlainFile] = {}
        findings.append(find("push-unreadable", message=error.message))
    else:
        manifest, files = unpacked.manifest, unpacked.files
        findings += unpacked.findings
        if (unpacked.push_id, manifest.environment) != (named.push_id, named.environment):
            findings.append(find("push-misnamed"))
    principal = UNATTESTED
    if token := event.metadata.get(ATTESTATION, ""):
        try:
            principal = verify_attestation(
                token, named.push_id, named.environment, cloud.certificates.key, at=event.time
            )
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


def _read_drop(event: ObjectEvent, named: RawDrop, content: bytes, *, is_encoded: bool) -> Offer:
    manifest = _manifest_of_drop(event, named, content)
    findings = check_names(manifest.changes)
    if is_encoded:
        findings.append(find("raw-drop-encoded", named.path))
    return Offer(
        environment=named.environment,
        push_id=offered_push_id(event, named),
        manifest=manifest,
        files={named.path: PlainFile(named.path, "0644", content)},
        principal=UNATTESTED,
        is_raw_drop=True,
        findings=tuple(findings),
        event=event,
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
