"""IAM as Google Cloud has it: policies, service accounts, keys and roles, read and (policies only) set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.cloud.rest import Rest
from dagwarden.iam.snapshot import (
    ACCOUNT,
    BUCKET,
    OTHER,
    PROJECT,
    Account,
    AuditConfig,
    Binding,
    BucketSettings,
    Condition,
    Key,
    ResourcePolicy,
)
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.storage import Client

MOST_PAGES = 200
"""Of accounts, 100 each; a project may have far fewer. Source: IAM quotas."""
_VERSIONS = {"run": "v2"}
"""Of an API that knows its things by the names that full resource names have; of the others, v1."""


class Iam:
    """IAM, as one identity sees it. Every method raises Transient or Permanent, never a foreign exception."""

    def __init__(self, session: AuthorizedSession, client: Client, settings: Settings) -> None:
        self._rest = Rest(session, settings)
        self._client = client
        self._endpoint = settings.iam_endpoint.rstrip("/")
        self._timeout_s = settings.request_timeout_s

    def read_policy(self, resource: str, project: str) -> ResourcePolicy:
        """The policy on a resource as it is now, conditions and all.

        Args:
            resource: as the snapshot names it.
            project: of a service account.

        Raises:
            NotFound: there is no such resource.
            AccessDenied: this identity may not read it.
        """
        if resource.startswith(BUCKET):
            return self._read_bucket_policy(resource)
        url = self._url_of(resource, project, "getIamPolicy")
        if resource.startswith(OTHER):
            answer = self._rest.get(f"{url}?options.requestedPolicyVersion=3", "read policy", resource)
        else:
            wished = {"options": {"requestedPolicyVersion": 3}}
            answer = self._rest.post(url, wished, "read policy", resource)
        return ResourcePolicy(
            resource=resource,
            bindings=tuple(_read_binding(each) for each in answer.get("bindings", ())),
            etag=str(answer.get("etag", "")),
            audit_configs=_read_audit_configs(answer) if resource.startswith(PROJECT) else None,
        )

    def set_policy(self, policy: ResourcePolicy, project: str) -> None:
        """The bindings are those of `policy`, unless somebody else set them since it was read.

        Raises:
            PreconditionFailed: somebody did: read it again.
            AccessDenied: this identity may not set it.
        """
        if policy.resource.startswith(BUCKET):
            self._set_bucket_policy(policy)
            return
        bindings = [_write_binding(each) for each in policy.bindings]
        body: dict[str, Any] = {"policy": {"version": 3, "etag": policy.etag, "bindings": bindings}}
        if not policy.resource.startswith(OTHER):  # elsewhere just these are what is set, and a mask is not known
            body["updateMask"] = "bindings,etag"
        self._rest.post(self._url_of(policy.resource, project, "setIamPolicy"), body, "set policy", policy.resource)

    def read_bucket(self, name: str) -> BucketSettings:
        """What a bucket is set to.

        Raises:
            NotFound: there is no such bucket.
        """
        with mapped("read bucket", f"gs://{name}"):
            bucket = self._client.get_bucket(name, timeout=self._timeout_s)
            how = bucket.iam_configuration
            return BucketSettings(
                name=name,
                has_uniform_access=bool(how.uniform_bucket_level_access_enabled),
                prevents_public_access=how.public_access_prevention == "enforced",
                is_versioned=bool(bucket.versioning_enabled),
                project=str(bucket.project_number or ""),
            )

    def list_accounts(self, project: str) -> tuple[Account, ...]:
        """The service accounts of a project, without their keys."""
        found: list[dict[str, Any]] = []
        url, token = f"{self._base('iam')}/v1/projects/{project}/serviceAccounts?pageSize=100", ""
        for _ in range(MOST_PAGES):
            answer = self._rest.get(url + token, "list accounts", project)
            found += answer.get("accounts", [])
            if not answer.get("nextPageToken"):
                break
            token = f"&pageToken={answer['nextPageToken']}"
        return tuple(Account(email=each["email"], is_disabled=bool(each.get("disabled"))) for each in found)

    def read_keys(self, email: str, project: str) -> tuple[Key, ...]:
        """The keys of a service account, those of Google's included; none where there is no such account (any more)."""
        url = f"{self._base('iam')}/v1/projects/{project}/serviceAccounts/{email}/keys"
        try:
            answer = self._rest.get(url, "list keys", email)
        except errors.NotFound:
            return ()
        return tuple(_read_key(each) for each in answer.get("keys", ()))

    def read_roles(self, roles: Iterable[str]) -> dict[str, frozenset[str] | None]:
        """Role -> its permissions; None for one that is not there or may not be read."""
        return {role: self._read_role(role) for role in roles}

    def _read_role(self, role: str) -> frozenset[str] | None:
        try:
            answer = self._rest.get(f"{self._base('iam')}/v1/{role}", "read role", role)
        except (errors.NotFound, errors.AccessDenied, errors.InvalidInput):
            return None
        return frozenset(answer.get("includedPermissions", ()))

    def _read_bucket_policy(self, resource: str) -> ResourcePolicy:
        with mapped("read policy", resource):
            bucket = self._client.bucket(resource.removeprefix(BUCKET))
            policy = bucket.get_iam_policy(requested_policy_version=3, timeout=self._timeout_s)
        bindings = tuple(_read_binding(each) for each in policy.bindings)
        return ResourcePolicy(resource=resource, bindings=bindings, etag=str(policy.etag or ""))

    def _set_bucket_policy(self, policy: ResourcePolicy) -> None:
        from google.api_core.iam import Policy

        wanted = Policy(etag=policy.etag, version=3)
        wanted.bindings = [{**_write_binding(each), "members": set(each.members)} for each in policy.bindings]
        with mapped("set policy", policy.resource):
            bucket = self._client.bucket(policy.resource.removeprefix(BUCKET))
            bucket.set_iam_policy(wanted, timeout=self._timeout_s)

    def _url_of(self, resource: str, project: str, verb: str) -> str:
        if resource.startswith(ACCOUNT):
            email = resource.removeprefix(ACCOUNT)
            return f"{self._base('iam')}/v1/projects/{project}/serviceAccounts/{email}:{verb}"
        if resource.startswith(OTHER):
            service, _, name = resource.removeprefix(OTHER).partition("/")
            short = service.removesuffix(".googleapis.com")
            return f"{self._base(short)}/{_VERSIONS.get(short, 'v1')}/{name}:{verb}"
        return f"{self._base('cloudresourcemanager')}/v1/{resource}:{verb}"

    def _base(self, service: str) -> str:
        return self._endpoint or f"https://{service}.{self._rest.universe}"


def _read_binding(raw: dict[str, Any]) -> Binding:
    condition = raw.get("condition")
    return Binding(
        role=str(raw.get("role", "")),
        members=tuple(sorted(raw.get("members", ()))),
        condition=_read_condition(condition) if condition else None,
    )


def _read_condition(raw: dict[str, Any]) -> Condition:
    names = ("expression", "title", "description")
    return Condition(**{name: str(raw[name]) for name in names if raw.get(name)})


def _write_binding(binding: Binding) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": binding.role, "members": list(binding.members)}
    if binding.condition:
        names = ("expression", "title", "description")
        plain["condition"] = {name: text for name in names if (text := getattr(binding.condition, name))}
    return plain


def _read_audit_configs(raw: dict[str, Any]) -> tuple[AuditConfig, ...]:
    configs = []
    for each in raw.get("auditConfigs", ()):
        kept = each.get("auditLogConfigs", ())
        configs.append(
            AuditConfig(
                service=str(each.get("service", "")),
                log_types=tuple(str(config.get("logType", "")) for config in kept),
                exempted=tuple(member for config in kept for member in config.get("exemptedMembers", ())),
            )
        )
    return tuple(configs)


def _read_key(raw: dict[str, Any]) -> Key:
    return Key(
        key_id=str(raw["name"]).rpartition("/")[2],
        is_user_managed=raw.get("keyType", "USER_MANAGED") == "USER_MANAGED",
        created_at=dt.datetime.fromisoformat(raw["validAfterTime"]),
        expires_at=dt.datetime.fromisoformat(raw["validBeforeTime"]) if raw.get("validBeforeTime") else None,
        is_disabled=bool(raw.get("disabled")),
    )
