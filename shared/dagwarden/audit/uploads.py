"""Who uploaded a push, as Google saw it: the Data Access log of Cloud Storage, where it is switched on.

What the pusher signs says who offers a push; this says whose credentials brought it. An entry may come seconds after
the push, and most projects keep none, so nothing is decided by it: it is shown to those who look.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, quote, read_entries
from dagwarden.errors import DagwardenError
from dagwarden.names import EnvironmentName, PushId
from dagwarden.policy.verdict import Principal

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

DATA_ACCESS_LOG = "cloudaudit.googleapis.com%2Fdata_access"
CREATE = "storage.objects.create"
APART = dt.timedelta(minutes=5)
"""How far an entry's time (of the request) and the object's (of its end) may lie apart."""

_RESOURCE = re.compile(r"gs://(?P<bucket>[^/]+)/(?P<name>.+)#[0-9]+", re.DOTALL)


class Uploader(msgspec.Struct, frozen=True, kw_only=True):
    """Whose credentials wrote an object."""

    principal: str
    caller_ip: str
    at: dt.datetime


class Upload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of who uploaded a push."""

    uploader: Uploader | None = None
    """None where no log tells (yet)."""
    is_who_signed: bool | None = None
    """None where nobody signed, or nobody knows who uploaded."""
    unknown: str = ""
    """Why the logs tell nothing, where they cannot be read."""


def find_uploader(cloud: Cloud, environment: EnvironmentName, push_id: PushId) -> Uploader | None:
    """Who uploaded a push or dropped a file; None where no log tells (yet).

    Raises:
        AccessDenied: this identity may not read the audit log or the Data Access log.
    """
    query = AuditQuery(kind=Kind.PUSH_RECEIVED, push=push_id, environment=environment)
    for received in read_entries(cloud.audit_log, query, limit=1):
        if match := _RESOURCE.fullmatch(received.what.resource):
            return find_writer(cloud, match["bucket"], match["name"], received.when.occurred_at)
    return None


def find_writer(cloud: Cloud, bucket: str, name: str, at: dt.datetime) -> Uploader | None:
    """Who wrote the object that was complete at `at`; of several who did, the one nearest to it.

    Entries name no generation. Source: cloud.google.com/storage/docs/audit-logging.

    Raises:
        AccessDenied: this identity may not read the Data Access log.
    """
    resource = f"projects/_/buckets/{bucket}/objects/{name}"
    asked = (
        f"protoPayload.methodName={quote(CREATE)} AND protoPayload.resourceName={quote(resource)}"
        f" AND timestamp >= {quote((at - APART).isoformat())} AND timestamp <= {quote((at + APART).isoformat())}"
    )
    found = [read_upload(entry.payload, entry.timestamp) for entry in cloud.log(DATA_ACCESS_LOG).read(asked, limit=100)]
    return min((each for each in found if each), key=lambda each: abs(each.at - at), default=None)


def read_upload(payload: Mapping[str, Any], at: dt.datetime) -> Uploader | None:
    """The upload that an entry tells of; None where it failed, or Google withholds who it was."""
    try:
        call = msgspec.convert(payload, _Call, strict=False)
    except msgspec.ValidationError:
        return None
    if call.status.code or not call.authentication_info.principal_email:
        return None
    return Uploader(
        principal=call.authentication_info.principal_email, caller_ip=call.request_metadata.caller_ip, at=at
    )


def look_up(cloud: Cloud, environment: EnvironmentName, push_id: PushId, signed_by: Principal) -> Upload:
    """Who uploaded a push, beside who signed it; why not, where the logs cannot be read."""
    try:
        uploader = find_uploader(cloud, environment, push_id)
    except DagwardenError as error:
        return Upload(unknown=error.message)
    if uploader is None or not signed_by.attested_by:
        return Upload(uploader=uploader)
    return Upload(uploader=uploader, is_who_signed=uploader.principal == signed_by.name)


def say_upload(upload: Upload) -> str:
    """`ann@acme.example from 192.0.2.7`, and aloud where it is not who signed; empty where no log tells.

    >>> eve = Uploader(principal="eve@acme.example", caller_ip="", at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    >>> say_upload(Upload(uploader=eve, is_who_signed=False))
    'eve@acme.example, who is not who signed'
    """
    uploader = upload.uploader
    if uploader is None:
        return f"unknown: {upload.unknown}" if upload.unknown else ""
    said = uploader.principal + (f" from {uploader.caller_ip}" if uploader.caller_ip else "")
    return f"{said}, who is not who signed" if upload.is_who_signed is False else said


class _Status(msgspec.Struct, frozen=True):
    code: int = 0


class _Authentication(msgspec.Struct, frozen=True, rename="camel"):
    principal_email: str = ""


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    caller_ip: str = ""


class _Call(msgspec.Struct, frozen=True, rename="camel"):
    status: _Status = _Status()
    authentication_info: _Authentication = _Authentication()
    request_metadata: _Request = _Request()
