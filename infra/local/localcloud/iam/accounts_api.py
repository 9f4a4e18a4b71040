"""The methods of `iam.googleapis.com` on service accounts and their keys.

Source: cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from localcloud.iam.access import Access
from localcloud.iam.accounts import Account, Accounts, Key
from localcloud.iam.audit import Change
from localcloud.iam.policies import Policies
from localcloud.rest import Asked, Method, object_field, text_field
from localcloud.timestamps import format_ns

_ADMIN = "google.iam.admin.v1."

UNIVERSE = "localhost"
"""A universe of its own: in Google's, the auth library would ask the real IAM for an account's allowed locations.

Source: google-auth 2.5x, _regional_access_boundary_utils: lookups are made in the default universe only."""


class AccountsApi:
    """Creates, shows and deletes service accounts and keys; every change is in the audit log."""

    def __init__(self, accounts: Accounts, policies: Policies, access: Access) -> None:
        self._accounts = accounts
        self._policies = policies
        self._access = access

    def methods(self) -> tuple[Method, ...]:
        """The table of methods."""
        accounts = "/v1/projects/{project}/serviceAccounts"
        keys = accounts + "/{account}/keys"
        return (
            Method("POST", accounts, "serviceAccounts.create", self.create),
            Method("GET", accounts, "serviceAccounts.list", self.list),
            Method("POST", accounts + "/{account}:disable", "serviceAccounts.disable", self.disable),
            Method("POST", accounts + "/{account}:enable", "serviceAccounts.enable", self.enable),
            Method("GET", accounts + "/{account}", "serviceAccounts.get", self.get),
            Method("DELETE", accounts + "/{account}", "serviceAccounts.delete", self.delete),
            Method("POST", keys, "serviceAccounts.keys.create", self.create_key),
            Method("GET", keys, "serviceAccounts.keys.list", self.list_keys),
            Method("GET", keys + "/{key}", "serviceAccounts.keys.get", self.get_key),
            Method("DELETE", keys + "/{key}", "serviceAccounts.keys.delete", self.delete_key),
        )

    def create(self, asked: Asked) -> Mapping[str, Any]:
        """A new service account."""
        project = asked.path["project"]
        self._access.require(asked.caller, "iam.serviceAccounts.create", f"projects/{project}")
        wished = object_field(asked.body, "serviceAccount")
        account = self._accounts.create(
            project,
            text_field(asked.body, "accountId"),
            text_field(wished, "displayName"),
            text_field(wished, "description"),
        )
        resource = to_resource(account)
        self._record(asked, account, "CreateServiceAccount", "iam.serviceAccounts.create", {"response": resource})
        return resource

    def list(self, asked: Asked) -> Mapping[str, Any]:
        """All service accounts of a project, on one page."""
        project = asked.path["project"]
        self._access.require(asked.caller, "iam.serviceAccounts.list", f"projects/{project}")
        found = [to_resource(account) for account in self._accounts.list_in(project)]
        return {"accounts": found} if found else {}

    def get(self, asked: Asked) -> Mapping[str, Any]:
        """One service account."""
        return to_resource(self._permitted(asked, "iam.serviceAccounts.get"))

    def delete(self, asked: Asked) -> Mapping[str, Any]:
        """The account, its keys and its policy are gone."""
        account = self._permitted(asked, "iam.serviceAccounts.delete")
        self._accounts.delete(account.email)
        self._policies.delete(name_of(account))
        self._record(asked, account, "DeleteServiceAccount", "iam.serviceAccounts.delete")
        return {}

    def disable(self, asked: Asked) -> Mapping[str, Any]:
        """The account gets no tokens any more."""
        account = self._permitted(asked, "iam.serviceAccounts.disable")
        self._accounts.set_disabled(account.email, is_disabled=True)
        self._record(asked, account, "DisableServiceAccount", "iam.serviceAccounts.disable")
        return {}

    def enable(self, asked: Asked) -> Mapping[str, Any]:
        """The account gets tokens again."""
        account = self._permitted(asked, "iam.serviceAccounts.enable")
        self._accounts.set_disabled(account.email, is_disabled=False)
        self._record(asked, account, "EnableServiceAccount", "iam.serviceAccounts.enable")
        return {}

    def create_key(self, asked: Asked) -> Mapping[str, Any]:
        """A new key; its private half is in this answer and nowhere else."""
        account = self._permitted(asked, "iam.serviceAccountKeys.create")
        key, private_pem = self._accounts.create_key(account.email)
        shown = _show_key(account, key)
        self._record(asked, account, "CreateServiceAccountKey", "iam.serviceAccountKeys.create", {"response": shown})
        credentials = json.dumps(credentials_file(account, key, private_pem, asked.base_url), indent=2)
        return {
            **shown,
            "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
            "privateKeyData": base64.b64encode(credentials.encode()).decode(),
        }

    def list_keys(self, asked: Asked) -> Mapping[str, Any]:
        """All keys of an account, those of the system too."""
        account = self._permitted(asked, "iam.serviceAccountKeys.list")
        found = [_show_key(account, key) for key in self._accounts.keys(account.email)]
        return {"keys": found} if found else {}

    def get_key(self, asked: Asked) -> Mapping[str, Any]:
        """One key, with its certificate."""
        account = self._permitted(asked, "iam.serviceAccountKeys.get")
        key = self._accounts.get_key(account.email, asked.path["key"])
        return {**_show_key(account, key), "publicKeyData": base64.b64encode(key.certificate_pem.encode()).decode()}

    def delete_key(self, asked: Asked) -> Mapping[str, Any]:
        """The key signs nothing any more."""
        account = self._permitted(asked, "iam.serviceAccountKeys.delete")
        self._accounts.delete_key(account.email, asked.path["key"])
        self._record(asked, account, "DeleteServiceAccountKey", "iam.serviceAccountKeys.delete")
        return {}

    def _permitted(self, asked: Asked, permission: str) -> Account:
        account = self._accounts.get(asked.path["account"], asked.path["project"])
        self._access.require(asked.caller, permission, name_of(account))
        return account

    def _record(
        self, asked: Asked, account: Account, method: str, permission: str, details: Mapping[str, Any] | None = None
    ) -> None:
        self._access.record(
            change_of(
                asked, account, _ADMIN + method, permission, {"request": {"name": name_of(account)}, **(details or {})}
            )
        )


def change_of(asked: Asked, account: Account, method_name: str, permission: str, details: Mapping[str, Any]) -> Change:
    """The audit record of a change to a service account."""
    return Change(
        project=account.project,
        service_name="iam.googleapis.com",
        method_name=method_name,
        resource_name=f"projects/-/serviceAccounts/{account.unique_id}",
        resource_type="service_account",
        resource_labels={"email_id": account.email, "unique_id": account.unique_id},
        permission=permission,
        principal=asked.caller,
        caller_ip=asked.caller_ip,
        user_agent=asked.user_agent,
        details=details,
    )


def name_of(account: Account) -> str:
    """The account's resource name."""
    return f"projects/{account.project}/serviceAccounts/{account.email}"


def to_resource(account: Account) -> dict[str, Any]:
    """The account as the API shows it."""
    resource: dict[str, Any] = {
        "name": name_of(account),
        "projectId": account.project,
        "uniqueId": account.unique_id,
        "email": account.email,
        "oauth2ClientId": account.unique_id,
    }
    optional = {
        "displayName": account.display_name,
        "description": account.description,
        "disabled": account.is_disabled,
    }
    return {**resource, **{name: value for name, value in optional.items() if value}}


def credentials_file(account: Account, key: Key, private_pem: str, base_url: str) -> dict[str, str]:
    """What GOOGLE_APPLICATION_CREDENTIALS may point at.

    Args:
        base_url: of the HTTP API whose `/token` is to be asked.
    """
    return {
        "type": "service_account",
        "project_id": account.project,
        "private_key_id": key.key_id,
        "private_key": private_pem,
        "client_email": account.email,
        "client_id": account.unique_id,
        "auth_uri": f"{base_url}/o/oauth2/auth",
        "token_uri": f"{base_url}/token",
        "auth_provider_x509_cert_url": f"{base_url}/oauth2/v1/certs",
        "client_x509_cert_url": f"{base_url}/service_accounts/v1/metadata/x509/{account.email}",
        "universe_domain": UNIVERSE,
    }


def _show_key(account: Account, key: Key) -> dict[str, Any]:
    return {
        "name": f"{name_of(account)}/keys/{key.key_id}",
        "validAfterTime": format_ns(key.valid_after * 10**9),
        "validBeforeTime": format_ns(key.valid_before * 10**9),
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "SYSTEM_MANAGED" if key.is_system_managed else "USER_MANAGED",
    }
