"""Audit entries: how Google logs that a policy, an account or a key changed, and who wrote an object.

Source: google/cloud/audit/audit_log.proto; google/iam/v1/logging/audit_data.proto; cloud.google.com/logging/docs/audit.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from localcloud.iam.policies import deltas
from localcloud.timestamps import format_ns, now_ns


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One act, as its audit entry will tell it."""

    project: str
    service_name: str
    method_name: str
    resource_name: str
    resource_type: str
    resource_labels: Mapping[str, str]
    permission: str
    principal: str
    caller_ip: str = "127.0.0.1"
    user_agent: str = ""
    log: Literal["activity", "data_access"] = "activity"
    details: Mapping[str, Any] = {}
    operation: Mapping[str, Any] = {}
    """Of an act that takes long: its name, and whether the entry tells of its beginning or its end."""

    def with_details(self, details: Mapping[str, Any]) -> Change:
        """The same act, with more to tell."""
        return msgspec.structs.replace(self, details={**self.details, **details})


def audit_entry(change: Change) -> dict[str, Any]:
    """The LogEntry of `change`, happening now."""
    now = format_ns(now_ns())
    entry = {
        "insertId": secrets.token_hex(7),
        "logName": f"projects/{change.project}/logs/cloudaudit.googleapis.com%2F{change.log}",
        "protoPayload": _payload(change, now),
        "resource": {
            "type": change.resource_type,
            "labels": {"project_id": change.project, **change.resource_labels},
        },
        "severity": "NOTICE" if change.log == "activity" else "INFO",
        "timestamp": now,
    }
    return {**entry, "operation": dict(change.operation)} if change.operation else entry


def _payload(change: Change, now: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "status": {},
        "authenticationInfo": {"principalEmail": change.principal},
        "requestMetadata": {
            "callerIp": change.caller_ip,
            "callerSuppliedUserAgent": change.user_agent,
            "requestAttributes": {"time": now, "auth": {}},
            "destinationAttributes": {},
        },
        "serviceName": change.service_name,
        "methodName": change.method_name,
        "authorizationInfo": [
            {
                "resource": change.resource_name,
                "permission": change.permission,
                "granted": True,
                "resourceAttributes": {},
            }
        ],
        "resourceName": change.resource_name,
        **change.details,
    }


def logs_writes(policy: Mapping[str, Any], caller: str) -> bool:
    """Whether a project's policy wants it logged when `caller` writes objects.

    Source: cloud.google.com/logging/docs/audit/configure-data-access: off unless switched on, for all services or one.
    """
    configs = [
        config
        for service in policy.get("auditConfigs") or []
        if service.get("service") in ("allServices", "storage.googleapis.com")
        for config in service.get("auditLogConfigs") or []
        if config.get("logType") == "DATA_WRITE"
    ]
    exempted = {member for config in configs for member in config.get("exemptedMembers") or []}
    return bool(configs) and not exempted & {f"serviceAccount:{caller}", f"user:{caller}"}


def policy_delta(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The `serviceData` that tells which bindings came and went."""
    data = {"@type": "type.googleapis.com/google.iam.v1.logging.AuditData"}
    return {"serviceData": {**data, "policyDelta": {"bindingDeltas": deltas(before, after)}}}
