"""getIamPolicy, setIamPolicy and testIamPermissions on projects and service accounts.

Source: cloud.google.com/resource-manager/reference/rest/v1/projects and /v3/projects;
cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.iam.access import Access
from localcloud.iam.accounts import Accounts
from localcloud.iam.accounts_api import change_of, name_of
from localcloud.iam.audit import Change, policy_delta
from localcloud.iam.policies import Policies
from localcloud.iam.roles import ROLES
from localcloud.rest import ApiError, Asked, Method, object_field
from localcloud.state import State


class PoliciesApi:
    """Shows and replaces policies; every replacement is in the audit log."""

    def __init__(self, state: State, accounts: Accounts, policies: Policies, access: Access) -> None:
        self._state = state
        self._accounts = accounts
        self._policies = policies
        self._access = access

    def methods(self) -> tuple[Method, ...]:
        """The table of methods."""
        account = "/v1/projects/{project}/serviceAccounts/{account}"
        projects = tuple(
            Method("POST", f"/{version}/projects/{{project}}:{verb}", f"projects.{verb}", handler)
            for version in ("v1", "v3")
            for verb, handler in (
                ("getIamPolicy", self.get_project),
                ("setIamPolicy", self.set_project),
                ("testIamPermissions", self.test_project),
            )
        )
        return (
            *projects,
            Method("GET", "/v1/roles/{role}", "roles.get", self.get_role),
            Method("POST", account + ":getIamPolicy", "serviceAccounts.getIamPolicy", self.get_account),
            Method("POST", account + ":setIamPolicy", "serviceAccounts.setIamPolicy", self.set_account),
            Method("POST", account + ":testIamPermissions", "serviceAccounts.testIamPermissions", self.test_account),
        )

    def get_role(self, asked: Asked) -> Mapping[str, Any]:
        """A predefined role; custom ones are not kept here."""
        name = f"roles/{asked.path['role']}"
        if name not in ROLES:
            raise ApiError("NOT_FOUND", f"The role named {name} was not found.")
        return {"name": name, "includedPermissions": sorted(ROLES[name]), "stage": "GA"}

    def get_project(self, asked: Asked) -> Mapping[str, Any]:
        """The project's policy."""
        resource = f"projects/{asked.path['project']}"
        self._access.require(asked.caller, "resourcemanager.projects.getIamPolicy", resource)
        return self._policies.get(resource)

    def set_project(self, asked: Asked) -> Mapping[str, Any]:
        """The project's policy is replaced."""
        project = asked.path["project"]
        permission = "resourcemanager.projects.setIamPolicy"
        change = Change(
            project=project,
            service_name="cloudresourcemanager.googleapis.com",
            method_name="SetIamPolicy",
            resource_name=f"projects/{project}",
            resource_type="project",
            resource_labels={},
            permission=permission,
            principal=asked.caller,
            caller_ip=asked.caller_ip,
            user_agent=asked.user_agent,
        )
        self._access.require(asked.caller, permission, f"projects/{project}")
        return self._replace(asked, f"projects/{project}", change)

    def test_project(self, asked: Asked) -> Mapping[str, Any]:
        """Which of the permissions the caller holds on the project."""
        return self._test(asked, f"projects/{asked.path['project']}")

    def get_account(self, asked: Asked) -> Mapping[str, Any]:
        """The service account's policy."""
        resource = self._name(asked)
        self._access.require(asked.caller, "iam.serviceAccounts.getIamPolicy", resource)
        return self._policies.get(resource)

    def set_account(self, asked: Asked) -> Mapping[str, Any]:
        """The service account's policy is replaced."""
        account = self._accounts.get(asked.path["account"], asked.path["project"])
        permission = "iam.serviceAccounts.setIamPolicy"
        self._access.require(asked.caller, permission, name_of(account))
        change = change_of(asked, account, "google.iam.admin.v1.SetIAMPolicy", permission, {})
        return self._replace(asked, name_of(account), change)

    def test_account(self, asked: Asked) -> Mapping[str, Any]:
        """Which of the permissions the caller holds on the service account."""
        return self._test(asked, self._name(asked))

    def _name(self, asked: Asked) -> str:
        return name_of(self._accounts.get(asked.path["account"], asked.path["project"]))

    def _replace(self, asked: Asked, resource: str, change: Change) -> Mapping[str, Any]:
        with self._state.transaction():
            before = self._policies.get(resource)
            after = self._policies.set(resource, object_field(asked.body, "policy"))
            self._access.record(change.with_details(policy_delta(before, after)))
        return after

    def _test(self, asked: Asked, resource: str) -> Mapping[str, Any]:
        permissions = asked.body.get("permissions")
        if not isinstance(permissions, list) or not all(isinstance(each, str) for each in permissions):
            raise ApiError("INVALID_ARGUMENT", "Invalid value at 'permissions': a list of names is needed.")
        held = [each for each in permissions if self._access.is_allowed_on(asked.caller, each, resource)]
        return {"permissions": held} if held else {}
