"""Entries of Cloud Audit Logs as Eventarc delivers them, made frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated

import msgspec

from dagwarden.events.reading import Time, invalid, read_attribute, read_shape, to_utc

AUDIT_LOG_WRITTEN = "google.cloud.audit.log.v1.written"


class AuditLogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody called a method of a Google service, or tried to."""

    service: str
    method: str
    resource: str
    principal: str
    """E-mail of the caller; empty when Google withholds it."""
    caller_ip: str
    status_code: int
    """0 when the call succeeded: failed calls are logged as well."""
    time: dt.datetime
    """Aware, UTC."""
    insert_id: str
    """Parts of a split entry share it: one call may arrive as several events."""
    event_id: str

    @property
    def succeeded(self) -> bool:
        """Whether the call had an effect."""
        return self.status_code == 0


class _Authentication(msgspec.Struct, frozen=True, rename="camel"):
    principal_email: str = ""


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    caller_ip: str = ""


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    code: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    service_name: str
    method_name: str
    resource_name: str = ""
    authentication_info: _Authentication = _Authentication()
    request_metadata: _Request = _Request()
    status: _Status = _Status()


class LogEntryData(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of an audit LogEntry that are of use here."""

    proto_payload: _Payload
    timestamp: Time
    insert_id: str = ""


def read_audit_log_event(attributes: Mapping[str, str], data: object) -> AuditLogEvent:
    """The call a CloudEvent tells of.

    Args:
        attributes: the CloudEvent's context attributes.
        data: the CloudEvent's data as functions-framework hands it over.

    Raises:
        InvalidInput: it is no event of a written audit-log entry.
    """
    kind = read_attribute(attributes, "type")
    if kind != AUDIT_LOG_WRITTEN:
        raise invalid(f"{kind!r} is no event of an audit log", attributes)
    entry = read_shape(LogEntryData, data, attributes)
    payload = entry.proto_payload
    return AuditLogEvent(
        service=payload.service_name,
        method=payload.method_name,
        resource=payload.resource_name,
        principal=payload.authentication_info.principal_email,
        caller_ip=payload.request_metadata.caller_ip,
        status_code=payload.status.code,
        time=to_utc(entry.timestamp, attributes),
        insert_id=entry.insert_id,
        event_id=read_attribute(attributes, "id"),
    )
