"""Encodes Pub/Sub messages of triggers as CloudEvents in HTTP binary mode.

Source: github.com/googleapis/google-cloudevents (proto and captured samples); cloudevents.io HTTP binding 1.0.2.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.eventarc.triggers import AUDIT_TYPE, PUBSUB_TYPE
from localcloud.pubsub.encoders import PushRequest, encode_wrapped
from localcloud.pubsub.resources import Message, Subscription
from localcloud.timestamps import format_ns, parse_ns

TYPE_ATTRIBUTE = "ce-type"
"""Attribute of a transport message: the type of the event whose data the message is."""

AUDIT_SCHEMA = (
    "https://googleapis.github.io/google-cloudevents/jsonschema/google/events/cloud/audit/v1/LogEntryData.json"
)

_STORAGE_FIELDS = frozenset(
    {
        "bucket",
        "cacheControl",
        "componentCount",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "crc32c",
        "customerEncryption",
        "etag",
        "eventBasedHold",
        "generation",
        "id",
        "kind",
        "kmsKeyName",
        "md5Hash",
        "mediaLink",
        "metadata",
        "metageneration",
        "name",
        "retentionExpirationTime",
        "selfLink",
        "size",
        "storageClass",
        "temporaryHold",
        "timeCreated",
        "timeDeleted",
        "timeStorageClassUpdated",
        "updated",
    }
)
"""Source: google/events/cloud/storage/v1/data.proto, StorageObjectData."""


def storage_data(resource: Mapping[str, Any]) -> bytes:
    """The event data of an object's resource."""
    return msgspec.json.encode({name: value for name, value in resource.items() if name in _STORAGE_FIELDS})


def encode_storage(subscription: Subscription, message: Message, attempt: int) -> PushRequest:  # noqa: ARG001
    """A direct event of an object."""
    data = json.loads(message.data)
    attributes = {
        "ce-id": str(message.id),
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{data['bucket']}",
        "ce-type": message.attributes[TYPE_ATTRIBUTE],
        "ce-subject": f"objects/{data['name']}",
        "ce-time": format_ns(message.published_us * 1000),
        "ce-bucket": data["bucket"],
        "content-type": "application/json",
    }
    return PushRequest(headers=_headers(attributes, message), body=message.data)


def encode_pubsub(subscription: Subscription, message: Message, attempt: int) -> PushRequest:
    """A message of a topic, as an event."""
    attributes = {
        "ce-id": str(message.id),
        "ce-source": f"//pubsub.googleapis.com/{subscription.topic}",
        "ce-type": PUBSUB_TYPE,
        "ce-time": format_ns(message.published_us * 1000),
        "content-type": "application/json",
    }
    body = encode_wrapped(subscription, message, attempt).body
    return PushRequest(headers=_headers(attributes, message), body=body)


def encode_audit(subscription: Subscription, message: Message, attempt: int) -> PushRequest:  # noqa: ARG001
    """An audit-log entry, as an event."""
    entry = json.loads(message.data)
    payload, log_name, timestamp = entry["protoPayload"], entry["logName"], entry["timestamp"]
    parent, _, log_id = log_name.partition("/logs/")
    attributes = {
        "ce-id": f"{log_name}{entry['insertId']}{parse_ns(timestamp) // 1000}",
        "ce-source": f"//cloudaudit.googleapis.com/{parent}/logs/{log_id.rpartition('%2F')[2]}",
        "ce-type": AUDIT_TYPE,
        "ce-subject": f"{payload.get('serviceName')}/{payload.get('resourceName')}",
        "ce-time": timestamp,
        "ce-servicename": str(payload.get("serviceName", "")),
        "ce-methodname": str(payload.get("methodName", "")),
        "ce-resourcename": str(payload.get("resourceName", "")),
        "ce-recordedtime": timestamp,
        "ce-dataschema": AUDIT_SCHEMA,
        "content-type": "application/json; charset=utf-8",
    }
    return PushRequest(headers=_headers(attributes, message), body=message.data)


def _headers(attributes: Mapping[str, str], message: Message) -> dict[str, str]:
    """All headers: one trace for all deliveries of a message, a span for each."""
    encoded = {name: encode_header(value) for name, value in attributes.items() if name.startswith("ce-")}
    trace = hashlib.sha256(f"{message.id}.{message.published_us}".encode()).hexdigest()[:32]
    span = secrets.token_hex(8)
    return {
        "ce-specversion": "1.0",
        **attributes,
        **encoded,
        # Seen unencoded, percent signs and all, in captured audit events.
        "ce-id": encode_header(attributes["ce-id"], keeps="%"),
        "user-agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "from": "noreply@google.com",
        "traceparent": f"00-{trace}-{span}-01",
        "x-cloud-trace-context": f"{trace}/{int(span, 16)};o=1",
    }


def encode_header(value: str, keeps: str = "") -> str:
    """`value` with spaces, quotes, percent signs and all that is not printable ASCII percent-encoded, but for `keeps`.

    Source: CloudEvents HTTP binding 1.0.2, 3.1.3.2.

    >>> encode_header("objects/dags/ä b.py")
    'objects/dags/%C3%A4%20b.py'
    """
    plain = frozenset(range(0x21, 0x7F)) - {0x22, 0x25} | frozenset(keeps.encode())
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in value.encode())
