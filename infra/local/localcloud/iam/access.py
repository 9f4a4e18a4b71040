"""Who may do what: the local cloud's answer to the `Identity` port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from localcloud.iam.audit import Change, audit_entry, logs_writes, policy_delta
from localcloud.iam.policies import Policies, Policy, granted_roles, grants
from localcloud.iam.tokens import Tokens
from localcloud.ports import ANONYMOUS, UNKNOWN
from localcloud.rest import ApiError

FindBucketPolicy = Callable[[str], tuple[str, Policy] | None]
"""Bucket name -> its project and its IAM policy; None when there is no such bucket."""

WriteAudit = Callable[[Mapping[str, Any]], None]
"""Takes one audit LogEntry into the log, inside the transaction under way."""

_BASIC = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}


class Access:
    """Judges callers by the policies of projects, service accounts and buckets (implements `ports.Identity`)."""

    def __init__(
        self, tokens: Tokens, policies: Policies, find_bucket_policy: FindBucketPolicy, write_audit: WriteAudit
    ) -> None:
        self._tokens = tokens
        self._policies = policies
        self._find_bucket_policy = find_bucket_policy
        self._write_audit = write_audit

    def caller(self, headers: Mapping[str, str]) -> str:
        """The service account behind the bearer token; ANONYMOUS without one, UNKNOWN for a bad one."""
        return self._tokens.caller(headers)

    def is_allowed(self, caller: str, permission: str, bucket: str, object_name: str = "") -> bool:
        """Whether `caller` holds `permission` on a bucket, or on one object in it."""
        found = self._find_bucket_policy(bucket)
        name = f"projects/_/buckets/{bucket}" + (f"/objects/{object_name}" if object_name else "")
        project, policy = found or ("", {})
        return self._judge(caller, permission, project, name, policy)

    def is_allowed_on(self, caller: str, permission: str, resource: str) -> bool:
        """Whether `caller` holds `permission` on a resource named `projects/P[/…]`, by its or its project's policy."""
        project = resource.split("/")[1]
        own = self._policies.get(resource) if "/serviceAccounts/" in resource else {}
        return self._judge(caller, permission, project, resource, own)

    def require(self, caller: str, permission: str, resource: str) -> None:
        """Nothing happens when `caller` holds `permission` on `resource`.

        Raises:
            ApiError: it does not.
        """
        if not self.is_allowed_on(caller, permission, resource):
            raise ApiError(
                "PERMISSION_DENIED", f"Permission '{permission}' denied on resource '{resource}' for {caller}."
            )

    def bucket_changed(self, caller: str, bucket: str, method: str) -> None:
        """That a bucket was made or set otherwise is in the admin-activity log."""
        self.record(self._bucket_change(caller, bucket, f"storage.buckets.{method}", f"storage.buckets.{method}"))

    def bucket_policy_changed(self, caller: str, bucket: str, before: Policy, after: Policy) -> None:
        """The change of a bucket's policy is in the admin-activity log."""
        change = self._bucket_change(caller, bucket, "storage.setIamPermissions", "storage.buckets.setIamPolicy")
        self.record(change.with_details(policy_delta(before, after)))

    def object_created(self, caller: str, bucket: str, name: str) -> None:
        """Who wrote the object is in the Data Access log, where the project has it switched on."""
        found = self._find_bucket_policy(bucket)
        if found is None or not logs_writes(self._policies.get(f"projects/{found[0]}"), caller):
            return
        change = self._bucket_change(caller, bucket, "storage.objects.create", "storage.objects.create")
        resource = f"{change.resource_name}/objects/{name}"
        self.record(msgspec.structs.replace(change, resource_name=resource, log="data_access"))

    def record(self, change: Change) -> None:
        """The act is in the audit log it belongs to."""
        self._write_audit(audit_entry(change))

    def _bucket_change(self, caller: str, bucket: str, method: str, permission: str) -> Change:
        found = self._find_bucket_policy(bucket)
        return Change(
            project=found[0] if found else "_",
            service_name="storage.googleapis.com",
            method_name=method,
            resource_name=f"projects/_/buckets/{bucket}",
            resource_type="gcs_bucket",
            resource_labels={"bucket_name": bucket, "location": "local"},
            permission=permission,
            principal=caller,
        )

    def _judge(self, caller: str, permission: str, project: str, name: str, policy: Policy) -> bool:
        if caller in (ANONYMOUS, UNKNOWN):
            return caller == ANONYMOUS
        project_policy = self._policies.get(f"projects/{project}") if project else {}
        members = frozenset({f"serviceAccount:{caller}", "allUsers", "allAuthenticatedUsers"})
        basic = set(granted_roles(project_policy, members, name))
        members |= {f"{kind}:{project}" for kind, role in _BASIC.items() if role in basic}
        return any(grants(each, members, permission, name) for each in (policy, project_policy))
