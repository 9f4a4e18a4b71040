"""Reads the log entries a client writes: checks them, fills in what they leave out.

Source: google/logging/v2/{log_entry,logging}.proto; cloud.google.com/logging/quotas.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.logs.fields import FIELDS, SEVERITIES
from localcloud.rest import ApiError
from localcloud.timestamps import format_ns, parse_ns

MAX_ENTRY_BYTES = 256 * 1024
MAX_AUDIT_ENTRY_BYTES = 512 * 1024
_MAX_LABELS = 64
_MAX_LABEL_KEY_BYTES = 512
_MAX_LABEL_BYTES = 64 * 1024
_DAY_NS = 86_400 * 10**9

AUDIT_LOGS = "/logs/cloudaudit.googleapis.com%2F"

_LOG_NAME = re.compile(
    r"(?P<parent>(?:projects|folders|organizations|billingAccounts)/[^/\s]+)/logs/(?P<id>[A-Za-z0-9%._~-]{1,511})"
)
_PAYLOADS = frozenset({"textPayload", "jsonPayload", "protoPayload"})
_TEXTS = ("insertId", "trace", "spanId", "textPayload")
_OBJECTS = ("httpRequest", "operation", "sourceLocation", "split", "jsonPayload", "protoPayload", "metadata")


class Defaults(msgspec.Struct, frozen=True):
    """What one write request says for all its entries."""

    log_name: str
    resource: Mapping[str, Any]
    labels: Mapping[str, Any]


def parent_of(log_name: str) -> str:
    """`projects/P` of `projects/P/logs/L`.

    Raises:
        ApiError: it is no log name.
    """
    match = _LOG_NAME.fullmatch(log_name)
    if match is None:
        raise ApiError("INVALID_ARGUMENT", f"Name {log_name!r} is missing or no projects/P/logs/LOG_ID.")
    return match["parent"]


def read_entry(raw: Any, defaults: Defaults, received_ns: int) -> dict[str, Any]:
    """The entry as it will be stored and shown.

    Raises:
        ApiError: the entry breaks a rule of LogEntry or a limit.
    """
    if not isinstance(raw, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'entries': an object is needed.")
    _check_shape(raw)
    log_name = raw.get("logName") or defaults.log_name
    parent = parent_of(log_name if isinstance(log_name, str) else "")
    entry = {name: value for name, value in raw.items() if value is not None}
    entry["logName"] = log_name
    entry["resource"] = _read_resource(raw.get("resource") or defaults.resource, parent)
    entry["severity"] = _read_severity(raw.get("severity"))
    entry["timestamp"] = _read_time(raw.get("timestamp"), received_ns)
    entry["receiveTimestamp"] = format_ns(received_ns)
    entry["insertId"] = raw.get("insertId") or secrets.token_hex(8)
    if labels := _read_labels({**defaults.labels, **(raw.get("labels") or {})}):
        entry["labels"] = labels
    _check_size(entry)
    return entry


def _check_shape(raw: Mapping[str, Any]) -> None:
    for name in raw:
        if name not in FIELDS:
            raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. Unknown name '{name}' at 'entries'.")
    for name in _TEXTS:
        if not isinstance(raw.get(name, ""), str | None):
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'entries.{name}': a string is needed.")
    for name in _OBJECTS:
        if not isinstance(raw.get(name, {}), dict | None):
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'entries.{name}': an object is needed.")
    payloads = sorted(name for name in _PAYLOADS & raw.keys() if raw[name] is not None)
    if len(payloads) > 1:
        raise ApiError("INVALID_ARGUMENT", f"An entry has one payload, not {' and '.join(payloads)}.")
    if raw.get("protoPayload") is not None and not isinstance(raw["protoPayload"].get("@type"), str):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'entries.protoPayload': it must name its @type.")
    if not isinstance(raw.get("labels"), dict | None):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'entries.labels': an object is needed.")


def _read_resource(resource: Any, parent: str) -> dict[str, Any]:
    if not isinstance(resource, dict) or not isinstance(resource.get("type", "global"), str):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'resource': {type, labels} is needed.")
    labels = resource.get("labels") or {}
    if not isinstance(labels, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'resource.labels': an object is needed.")
    kind, _, name = parent.partition("/")
    implied = {"project_id": name} if kind == "projects" else {}
    return {"type": resource.get("type") or "global", "labels": {**implied, **_read_labels(labels)}}


def _read_severity(value: Any) -> str:
    if value is None:
        return "DEFAULT"
    for name, level in SEVERITIES.items():
        if value == name or (value == level and not isinstance(value, bool)):
            return name
    raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'entries.severity': {str(value)[:80]!r} is no severity.")


def _read_time(value: Any, received_ns: int) -> str:
    if value is None:
        return format_ns(received_ns)
    try:
        at_ns = parse_ns(value) if isinstance(value, str) else None
    except ValueError:
        at_ns = None
    if at_ns is None:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'entries.timestamp': {str(value)[:80]!r} is no time.")
    if at_ns > received_ns + _DAY_NS:
        raise ApiError("INVALID_ARGUMENT", f"Log entry timestamp {value} is more than 24 hours in the future.")
    return format_ns(at_ns)


def _read_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    if len(labels) > _MAX_LABELS:
        raise ApiError("INVALID_ARGUMENT", f"An entry has at most {_MAX_LABELS} labels, not {len(labels)}.")
    for key, value in labels.items():
        if not isinstance(value, str):
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at label {key[:80]!r}: a string is needed.")
        if len(key.encode()) > _MAX_LABEL_KEY_BYTES:
            raise ApiError("INVALID_ARGUMENT", f"Label key {key[:80]!r}… is longer than {_MAX_LABEL_KEY_BYTES} bytes.")
    return {key: value.encode()[:_MAX_LABEL_BYTES].decode(errors="ignore") for key, value in labels.items()}


def _check_size(entry: Mapping[str, Any]) -> None:
    limit = MAX_AUDIT_ENTRY_BYTES if AUDIT_LOGS in entry["logName"] else MAX_ENTRY_BYTES
    size_bytes = len(msgspec.json.encode(entry))
    if size_bytes > limit:
        raise ApiError("INVALID_ARGUMENT", f"Log entry with size {size_bytes} bytes exceeds maximum size of {limit}.")
