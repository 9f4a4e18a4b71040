"""A project with one environment, its guard of IAM, and somebody who changes IAM: what its tests share."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import httpx

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.iam_guard import IamGuard
from dagwarden.names import EnvironmentName, environment_object, policy_object
from localcloud.testing import RunningCloud

EVENTS = Path(__file__).parents[1] / "events"
AUDIT: dict[str, str] = json.loads((EVENTS / "headers.json").read_text())["audit_storage_setIamPermissions"]
ATTRIBUTES = {name.removeprefix("ce-"): value for name, value in AUDIT.items() if name.startswith("ce-")}
SAMPLE = json.loads((EVENTS / "audit" / "LogEntryData-storageSetIamPermissions.json").read_text())
VIEWER = "roles/storage.objectViewer"


class House:
    """A project with one environment, its guard, and somebody who changes IAM."""

    def __init__(self, cloud: Cloud, server: RunningCloud) -> None:
        self.cloud = cloud
        self.project = cloud.settings.project
        self.bucket = cloud.settings.inbox_bucket
        self.guard = IamGuard(cloud)
        self.looks = 0
        self.http = httpx.Client(base_url=server.url, timeout=30.0)

    def describe(self, iam: str, name: str = "prod", more: str = "") -> None:
        """An environment has this `iam` section and, beside its name and bucket, these lines in environment.yaml."""
        environment = EnvironmentName(name)
        head = "apiVersion: dagwarden/v1\nkind: "
        described = f"{head}Environment\nname: {name}\nbucket: {self.project}-prod\n{more}"
        for where, text in (
            (environment_object(environment), described),
            (policy_object(environment), f"{head}Policy\niam:\n{iam}"),
        ):
            self.cloud.store.write(where, text.encode(), generation=None, content_type="application/yaml")

    def policy(self, bucket: str = "") -> dict[str, Any]:
        path = f"/storage/v1/b/{bucket or self.bucket}/iam?optionsRequestedPolicyVersion=3"
        answer: dict[str, Any] = self.http.get(path).raise_for_status().json()
        return answer

    def grant(self, member: str, role: str = VIEWER, bucket: str = "") -> None:
        policy = self.policy(bucket)
        policy["bindings"].append({"role": role, "members": [member]})
        self.http.put(f"/storage/v1/b/{bucket or self.bucket}/iam", json=policy).raise_for_status()

    def members(self, role: str = VIEWER, bucket: str = "") -> list[str]:
        bindings = self.policy(bucket)["bindings"]
        return [member for binding in bindings if binding["role"] == role for member in binding["members"]]

    def logged(self, method: str = "storage.setIamPermissions") -> dict[str, Any]:
        """The newest entry of the log of admin activity."""
        body = {
            "resourceNames": [f"projects/{self.project}"],
            "filter": f'protoPayload.methodName="{method}"',
            "orderBy": "timestamp desc",
            "pageSize": 1,
        }
        entry: dict[str, Any] = self.http.post("/v2/entries:list", json=body).raise_for_status().json()["entries"][0]
        return entry

    def tell(self, entry: dict[str, Any]) -> None:
        self.guard.take(ATTRIBUTES, entry)

    def look(self, environment: str) -> None:
        """A message of the schedule comes."""
        self.looks += 1
        attributes = {
            "id": f"m{self.looks}",
            "source": f"//pubsub.googleapis.com/projects/{self.project}/topics/dagwarden-iam",
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
            "time": "2026-11-22T16:00:00Z",
        }
        message = {"messageId": f"m{self.looks}", "publishTime": dt.datetime.now(dt.UTC).isoformat()}
        asked = {"environment": environment} if environment else {}
        self.guard.take(attributes, {"message": {**message, "attributes": asked}})

    def entries(self, kind: Kind = Kind.IAM_FOUND) -> list[AuditEntry]:
        return list(read_entries(self.cloud.audit_log, AuditQuery(kind=kind)))

    def found(self) -> dict[str, str]:
        """Rule -> what becomes of it."""
        return {entry.what.action: entry.details["note"] for entry in self.entries()}
