"""Entries of Cloud Audit Logs that tell of a change to IAM, made frozen values."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dagwarden.events.audit_logs import AuditLogEvent, read_audit_log_event
from dagwarden.events.reading import Time, invalid, read_shape
from dagwarden.iam.finding import Origin
from dagwarden.iam.origins import BindingDelta, DeltaAction, PolicyChange
from dagwarden.iam.snapshot import Condition, name_account, name_bucket, name_other

STORAGE, PROJECTS, ACCOUNTS = "storage.googleapis.com", "cloudresourcemanager.googleapis.com", "iam.googleapis.com"
PUBSUB, RUN, SECRETS = "pubsub.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com"
COMPOSER = "composer.googleapis.com"

_ENVIRONMENTS = "google.cloud.orchestration.airflow.service.{}.Environments.{}"
SNAPSHOT_LOADED = _ENVIRONMENTS.format("v1", "LoadSnapshot")


class Subject(enum.StrEnum):
    """What of a resource changed."""

    POLICY = "policy"
    KEYS = "keys"
    SETTINGS = "settings"
    ENVIRONMENT = "environment"
    """Of an environment in Cloud Composer: its settings."""


METHODS: Mapping[tuple[str, str], Subject] = {
    (STORAGE, "storage.setIamPermissions"): Subject.POLICY,
    (STORAGE, "storage.buckets.create"): Subject.SETTINGS,
    (STORAGE, "storage.buckets.update"): Subject.SETTINGS,
    (PROJECTS, "SetIamPolicy"): Subject.POLICY,
    (PROJECTS, "google.cloud.resourcemanager.v3.Projects.SetIamPolicy"): Subject.POLICY,
    (ACCOUNTS, "google.iam.admin.v1.SetIAMPolicy"): Subject.POLICY,
    (ACCOUNTS, "google.iam.admin.v1.CreateServiceAccountKey"): Subject.KEYS,
    (ACCOUNTS, "google.iam.admin.v1.UploadServiceAccountKey"): Subject.KEYS,
    (ACCOUNTS, "google.iam.admin.v1.EnableServiceAccountKey"): Subject.KEYS,
    (PUBSUB, "google.iam.v1.IAMPolicy.SetIamPolicy"): Subject.POLICY,
    (RUN, "google.cloud.run.v1.Services.SetIamPolicy"): Subject.POLICY,
    (RUN, "google.cloud.run.v2.Services.SetIamPolicy"): Subject.POLICY,
    (RUN, "google.cloud.run.v2.Jobs.SetIamPolicy"): Subject.POLICY,
    (SECRETS, "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy"): Subject.POLICY,
    (SECRETS, "google.cloud.secrets.v1beta1.SecretManagerService.SetIamPolicy"): Subject.POLICY,
    **{
        (COMPOSER, _ENVIRONMENTS.format(version, f"{verb}Environment")): Subject.ENVIRONMENT
        for version in ("v1", "v1beta1")
        for verb in ("Create", "Update", "Delete")
    },
    (COMPOSER, SNAPSHOT_LOADED): Subject.ENVIRONMENT,
}
"""Service and method -> what the call changes.

Source: google-cloudevents json/audit/service_catalog.json."""

_BUCKET = re.compile(r"projects/_/buckets/([^/]+)(?:/.*)?")
_PROJECT = re.compile(r"projects/[^/]+")
_OTHERS: Mapping[str, re.Pattern[str]] = {
    PUBSUB: re.compile(r"projects/[^/]+(/(?:topics|subscriptions|snapshots|schemas)/[^/]+)"),
    RUN: re.compile(r"projects/[^/]+(/locations/[^/]+/(?:services|jobs)/[^/]+)"),
    SECRETS: re.compile(r"projects/[^/]+((?:/locations/[^/]+)?/secrets/[^/]+)"),
    COMPOSER: re.compile(r"projects/[^/]+(/locations/[^/]+/environments/[^/]+)"),
}
"""Service -> names of what it keeps. The project is an id or, in entries of some services, a number."""
_KEY = re.compile(r"/serviceAccounts/[^/]+/keys/([^/]+)$")
_RUN_V1 = re.compile(r"namespaces/[^/]+/(services|jobs)/([^/]+)")
_LOG = re.compile(r"projects/([^/]+)/logs/cloudaudit\.googleapis\.com(?:%2F|/)activity")


class IamChange(msgspec.Struct, frozen=True, kw_only=True):
    """A call that changed IAM, or tried to."""

    subject: Subject
    project: str
    """Whose log tells of it."""
    change: PolicyChange
    call: AuditLogEvent
    is_under_way: bool = False
    """Whether the call only began something long: another entry tells that it is done."""

    @property
    def deed(self) -> str:
        """The same for every delivery and every part of the entry."""
        return f"{self.project}/{self.call.insert_id or self.call.event_id}/{self.call.time.isoformat()}"


class _Expression(msgspec.Struct, frozen=True):
    expression: str = ""
    title: str = ""
    description: str = ""


class _Delta(msgspec.Struct, frozen=True):
    action: str
    role: str
    member: str
    condition: _Expression | None = None


class _PolicyDelta(msgspec.Struct, frozen=True, rename="camel"):
    binding_deltas: tuple[_Delta, ...] = ()


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    policy_delta: _PolicyDelta | None = None


class _Caller(msgspec.Struct, frozen=True, rename="camel"):
    principal_email: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    caller_ip: str = ""


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    service_name: str
    method_name: str
    resource_name: str = ""
    authentication_info: _Caller = _Caller()
    request_metadata: _Metadata = _Metadata()
    service_data: _Details | None = None
    metadata: _Details | None = None
    request: Any = None
    response: Any = None


class _Operation(msgspec.Struct, frozen=True):
    first: bool = False
    last: bool = False


class _Resource(msgspec.Struct, frozen=True):
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    proto_payload: _Payload
    timestamp: Time
    log_name: str = ""
    resource: _Resource = _Resource()
    split: dict[str, Any] | None = None
    operation: _Operation | None = None


def read_iam_change(attributes: Mapping[str, str], data: object) -> IamChange:
    """The change a CloudEvent tells of.

    Raises:
        InvalidInput: it is no event of an entry of the admin-activity log, or of no method that changes IAM.
    """
    call = read_audit_log_event(attributes, data)
    entry = read_shape(_Entry, data, attributes)
    subject = METHODS.get((call.service, call.method))
    if subject is None:
        raise invalid(f"{call.service} {call.method!r} is no method that changes IAM", attributes)
    log = _LOG.fullmatch(entry.log_name)
    if log is None:
        raise invalid(f"{entry.log_name!r} is no log of admin activity", attributes)
    change = _to_change(entry)
    if change is None:
        raise invalid(f"{call.resource!r} is nothing of a kind that is watched", attributes)
    under_way = entry.operation is not None and entry.operation.first and not entry.operation.last
    return IamChange(subject=subject, project=log[1], change=change, call=call, is_under_way=under_way)


def read_logged_change(payload: Mapping[str, Any], labels: Mapping[str, str], at: Any) -> PolicyChange | None:
    """The change that an entry read from the log tells of; None when it tells of none that can be read.

    Args:
        at: the entry's timestamp, aware.
    """
    raw = {"protoPayload": payload, "resource": {"labels": labels}, "timestamp": at}
    try:
        return _to_change(msgspec.convert(raw, _Entry, strict=False))
    except (msgspec.ValidationError, TypeError):
        return None


def _to_change(entry: _Entry) -> PolicyChange | None:
    payload = entry.proto_payload
    resource = _find_resource(payload, entry.resource.labels)
    if resource is None:
        return None
    origin = Origin(
        principal=payload.authentication_info.principal_email or "unknown",
        at=entry.timestamp,
        caller_ip=payload.request_metadata.caller_ip,
    )
    # A part of a split entry tells of a part of what came: then the policy itself has to be read.
    deltas = None if entry.split else _read_deltas(payload)
    return PolicyChange(resource=resource, origin=origin, deltas=deltas, settings=tuple(_read_settings(payload)))


def _find_resource(payload: _Payload, labels: Mapping[str, str]) -> str | None:
    name = payload.resource_name
    if payload.service_name == STORAGE:
        bucket = _BUCKET.fullmatch(name)
        return name_bucket(bucket[1]) if bucket else None
    if payload.service_name == ACCOUNTS:
        email = labels.get("email_id") or name.rpartition("/serviceAccounts/")[2].partition("/")[0]
        return name_account(email) if "@" in email else None
    if payload.service_name in _OTHERS:
        return _find_other(payload, labels)
    return name if _PROJECT.fullmatch(name) else None


def _find_other(payload: _Payload, labels: Mapping[str, str]) -> str | None:
    """A thing of another service by its full name, with the id of its project, as the log has it."""
    service, name, project = payload.service_name, payload.resource_name, labels.get("project_id", "")
    if service == RUN and (first := _RUN_V1.fullmatch(name)):
        name = f"projects/{project}/locations/{labels.get('location', '')}/{first[1]}/{first[2]}"
    elif service == COMPOSER and labels.get("environment_name"):  # a creation may name the place alone
        name = f"projects/{project}/locations/{labels.get('location', '')}/environments/{labels['environment_name']}"
    found = _OTHERS[service].fullmatch(name)
    if found is None:
        return None
    return name_other(service, f"projects/{project}{found[1]}" if project else name)


def _read_settings(payload: _Payload) -> Iterator[str]:
    """What of a resource the call was to change, where it says so: settings of an environment, keys of an account."""
    if payload.service_name == ACCOUNTS:
        names = (payload.resource_name, *(_read_field(part, "name") for part in (payload.request, payload.response)))
        yield from (found[1] for name in names if isinstance(name, str) and (found := _KEY.search(name)))
    elif payload.service_name == COMPOSER and payload.method_name.endswith(".CreateEnvironment"):
        yield ""
    elif payload.service_name == COMPOSER and payload.method_name == SNAPSHOT_LOADED:
        yield "config.softwareConfig"
    elif payload.service_name == COMPOSER:
        mask = _read_field(payload.request, "updateMask")
        paths = mask.split(",") if isinstance(mask, str) else _read_field(mask, "paths")
        listed = paths if isinstance(paths, list) else []
        yield from (each.strip() for each in listed if isinstance(each, str) and each.strip())


def _read_field(part: object, name: str) -> object:
    return part.get(name) if isinstance(part, dict) else None


def _read_deltas(payload: _Payload) -> tuple[BindingDelta, ...] | None:
    """None where the entry does not tell, or in words that are not known."""
    told = [details.policy_delta for details in (payload.service_data, payload.metadata) if details]
    if not any(told):
        return None
    deltas = [delta for each in told if each for delta in each.binding_deltas]
    if any(delta.action not in set(DeltaAction) for delta in deltas):
        return None
    return tuple(_to_delta(delta) for delta in deltas)


def _to_delta(delta: _Delta) -> BindingDelta:
    said = delta.condition
    condition = (
        Condition(expression=said.expression, title=said.title, description=said.description)
        if said and said.expression
        else None
    )
    return BindingDelta(action=DeltaAction(delta.action), role=delta.role, member=delta.member, condition=condition)
