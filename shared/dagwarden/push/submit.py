"""Hands a push to the gate and waits for its verdict."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import AccessDenied, NotFound, Unavailable
from dagwarden.names import EnvironmentName, PushId, audience, push_object, verdict_object
from dagwarden.policy.verdict import Verdict
from dagwarden.push.archive import pack
from dagwarden.push.attest import ATTESTATION, make_claims
from dagwarden.push.changes import Offer
from dagwarden.push.held import find_newest_held
from dagwarden.push.manifest import PushManifest, push_id
from dagwarden.push.ssh_attest import sign_with_key
from dagwarden.wire import decode

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

CONTENT_TYPE = "application/gzip"
VERDICT_TIMEOUT_S = 120.0
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0
CREATES = "storage.objects.create"


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A push ready to be sent: one object."""

    push_id: PushId
    environment: EnvironmentName
    content: bytes


def make_packed(manifest: PushManifest, offer: Offer) -> Packed:
    """Pack what is offered."""
    return Packed(push_id=push_id(manifest), environment=manifest.environment, content=pack(manifest, offer.contents))


def make_nonce() -> str:
    """What makes two pushes of the same changes two pushes, each with its own verdict."""
    return secrets.token_hex(8)


def attest(cloud: Cloud, packed: Packed, now: dt.datetime) -> str:
    """Sign for the push: with an SSH key where settings name one, else as this process's service account.

    Raises:
        InvalidInput: the SSH key cannot be signed with.
        AccessDenied: it may not sign, or the credentials are of no service account.
    """
    if key := cloud.settings.sign_with:
        return sign_with_key(key, packed.push_id.encode(), audience(packed.environment))
    return cloud.signer.sign_jwt(make_claims(cloud.service_account, packed.push_id, packed.environment, now))


def say_signer(cloud: Cloud) -> str:
    """By what is signed here, in words: an SSH key, or as the service account."""
    settings = cloud.settings
    return f"signed with {settings.sign_with}" if settings.sign_with else f"as {cloud.service_account}"


def say_caller(cloud: Cloud) -> str:
    """Whom this process acts as, in words: who signs with an SSH key may be a person, whom no credentials name."""
    return "these credentials" if cloud.settings.sign_with else cloud.service_account


def check_inbox(cloud: Cloud) -> bool:
    """Whether this identity may create objects anywhere in the inbox; False too where it may for some names only.

    Raises:
        NotFound: there is no such inbox.
    """
    try:
        return CREATES in cloud.inbox.find_permissions(CREATES)
    except NotFound as error:
        raise _no_inbox(cloud) from error


def submit(cloud: Cloud, packed: Packed, attestation: str) -> bool:
    """The push lies in the inbox afterwards, whole, and the gate will hear of it.

    Returns:
        False when it lay there already: it was submitted before, and is not submitted twice.

    Raises:
        NotFound: there is no such inbox.
        AccessDenied: this identity may not write to it.
    """
    try:
        created = cloud.inbox.create(
            push_object(packed.environment, packed.push_id),
            packed.content,
            attempt=secrets.token_hex(8),
            content_type=CONTENT_TYPE,
            metadata={ATTESTATION: attestation},
        )
    except NotFound as error:
        raise _no_inbox(cloud) from error
    except AccessDenied as error:
        raise AccessDenied(
            f"{say_caller(cloud)} may not create objects there",
            operation="send push",
            subject=f"gs://{cloud.inbox.name}/{packed.environment}/pushes",
            hint="ask the platform team for roles/storage.objectCreator on the inbox bucket",
        ) from error
    return created.is_ours


def _no_inbox(cloud: Cloud) -> NotFound:
    return NotFound(
        "there is no such bucket",
        operation="reach inbox",
        subject=f"gs://{cloud.inbox.name}",
        hint="correct the inbox in the remote's URL (git remote get-url) or in DAGWARDEN_INBOX_BUCKET",
    )


def find_verdict(cloud: Cloud, environment: EnvironmentName, of: PushId) -> Verdict | None:
    """The verdict on a push; None while there is none."""
    name = verdict_object(environment, of)
    try:
        return decode(Verdict, cloud.store.read(name), subject=name)
    except NotFound:
        return None


def await_final(
    cloud: Cloud,
    environment: EnvironmentName,
    of: PushId,
    timeout_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict | None:
    """The verdict on a push that was held; None when there is none within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while (verdict := find_verdict(cloud, environment, of)) is None and time.monotonic() < deadline:
        sleep(LONGEST_WAIT_S / 4)
    return verdict


def wait_for_verdict(
    cloud: Cloud,
    environment: EnvironmentName,
    of: PushId,
    timeout_s: float = VERDICT_TIMEOUT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """The verdict on a push, as soon as the gate has written it; that it is held, where it waits for approvals.

    Raises:
        Unavailable: there is none within `timeout_s`. The push is not withdrawn: it may be released yet.
    """
    deadline = time.monotonic() + timeout_s
    wait_s = FIRST_WAIT_S
    while (verdict := find_verdict(cloud, environment, of) or find_newest_held(cloud, environment, of)) is None:
        if time.monotonic() + wait_s > deadline:
            raise Unavailable(
                f"no verdict after {timeout_s:.0f} s; the push is submitted and may be released yet",
                operation="wait for verdict",
                subject=f"{environment}/{of}",
                hint="push again later, which tells what became of it; ask `dagwarden dead-letters` if it stays so",
            )
        sleep(wait_s)
        wait_s = min(wait_s * 1.3, LONGEST_WAIT_S)
    return verdict
