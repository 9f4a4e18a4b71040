"""The fields of a LogEntry: their kinds and what they are when absent.

Source: google/logging/v2/log_entry.proto; google/logging/type/{log_severity,http_request}.proto.
"""

from __future__ import annotations

from collections.abc import Mapping

SEVERITIES: Mapping[str, int] = {
    "DEFAULT": 0,
    "DEBUG": 100,
    "INFO": 200,
    "NOTICE": 300,
    "WARNING": 400,
    "ERROR": 500,
    "CRITICAL": 600,
    "ALERT": 700,
    "EMERGENCY": 800,
}

FIELDS = frozenset(
    {
        "errorGroups",
        "httpRequest",
        "insertId",
        "jsonPayload",
        "labels",
        "logName",
        "metadata",
        "operation",
        "protoPayload",
        "receiveTimestamp",
        "resource",
        "severity",
        "sourceLocation",
        "spanId",
        "split",
        "textPayload",
        "timestamp",
        "trace",
        "traceSampled",
    }
)

TIMES = frozenset({("timestamp",), ("receiveTimestamp",)})
SEVERITY = ("severity",)

DEFAULTS: Mapping[tuple[str, ...], str | int | bool] = {
    ("insertId",): "",
    ("logName",): "",
    ("spanId",): "",
    ("textPayload",): "",
    ("trace",): "",
    ("traceSampled",): False,
    ("resource", "type"): "",
    ("operation", "id"): "",
    ("operation", "producer"): "",
    ("operation", "first"): False,
    ("operation", "last"): False,
    ("sourceLocation", "file"): "",
    ("sourceLocation", "function"): "",
    ("sourceLocation", "line"): 0,
    ("httpRequest", "requestMethod"): "",
    ("httpRequest", "requestUrl"): "",
    ("httpRequest", "status"): 0,
    ("httpRequest", "userAgent"): "",
    ("httpRequest", "remoteIp"): "",
    ("httpRequest", "referer"): "",
}
"""A comparison with one of these sees the default where the entry lacks it; any other absent field fails to compare."""
