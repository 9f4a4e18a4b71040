"""Handlers of buckets, their IAM policies and their notification configs."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from localcloud.storage.buckets import Bucket
from localcloud.storage.conditions import conditions_of
from localcloud.storage.errors import required
from localcloud.storage.links import with_bucket_link
from localcloud.storage.listing import MAX_PAGE
from localcloud.storage.policies import bucket_policy, first_policy, set_policy, show_policy
from localcloud.storage.request import Request
from localcloud.storage.service import Service, json_response, no_content


def _show(request: Request, bucket: Bucket) -> Response:
    return json_response(with_bucket_link(bucket.resource, request.base_url))


def create_bucket(service: Service, request: Request) -> Response:
    """`buckets.insert`."""
    project = request.query.get("project")
    if not project:
        raise required("Required parameter: project")
    draft = request.resource()
    service.require(request, "storage.buckets.create", str(draft.get("name", "")))
    with service.state.transaction():
        made = service.buckets.create(project, draft, first_policy(project))
        service.identity.bucket_changed(request.caller, made.name, "create")
    return _show(request, made)


def read_bucket(service: Service, request: Request) -> Response:
    """`buckets.get`."""
    bucket = service.bucket_for(request, "storage.buckets.get")
    conditions_of(request).check(bucket, reading=True)
    return _show(request, bucket)


def list_buckets(service: Service, request: Request) -> Response:
    """`buckets.list`."""
    project = request.query.get("project")
    if not project:
        raise required("Required parameter: project")
    service.require(request, "storage.buckets.list", "")
    limit = request.integer("maxResults") or MAX_PAGE
    names = service.buckets.names(
        project, request.query.get("prefix", ""), request.query.get("pageToken", ""), limit + 1
    )
    shown = [with_bucket_link(service.buckets.get(name).resource, request.base_url) for name in names[:limit]]
    answer: dict[str, Any] = {"kind": "storage#buckets", "items": shown}
    if len(names) > limit:
        answer["nextPageToken"] = names[limit - 1]
    return json_response(answer)


def patch_bucket(service: Service, request: Request) -> Response:
    """`buckets.patch`."""
    return _change(service, request, replace=False)


def update_bucket(service: Service, request: Request) -> Response:
    """`buckets.update`."""
    return _change(service, request, replace=True)


def _change(service: Service, request: Request, *, replace: bool) -> Response:
    bucket = service.bucket_for(request, "storage.buckets.update")
    with service.state.transaction():
        changed = service.buckets.change(bucket.name, request.resource(), conditions_of(request), replace=replace)
        service.identity.bucket_changed(request.caller, bucket.name, "update")
    return _show(request, changed)


def delete_bucket(service: Service, request: Request) -> Response:
    """`buckets.delete`."""
    bucket = service.bucket_for(request, "storage.buckets.delete")
    service.buckets.delete(bucket.name, conditions_of(request))
    return no_content()


def lock_retention(service: Service, request: Request) -> Response:
    """`buckets.lockRetentionPolicy`."""
    bucket = service.bucket_for(request, "storage.buckets.update")
    return _show(request, service.buckets.lock_retention(bucket.name, conditions_of(request)))


def get_policy(service: Service, request: Request) -> Response:
    """`buckets.getIamPolicy`."""
    bucket = service.bucket_for(request, "storage.buckets.getIamPolicy")
    return json_response(show_policy(service.state, bucket.name, request.integer("optionsRequestedPolicyVersion") or 1))


def put_policy(service: Service, request: Request) -> Response:
    """`buckets.setIamPolicy`."""
    bucket = service.bucket_for(request, "storage.buckets.setIamPolicy")
    with service.state.transaction():
        before = bucket_policy(service.state, bucket.name) or {}
        after = set_policy(service.state, bucket, request.resource())
        service.identity.bucket_policy_changed(request.caller, bucket.name, before, after)
    return json_response(show_policy(service.state, bucket.name, 3))


def check_permissions(service: Service, request: Request) -> Response:
    """`buckets.testIamPermissions`: those of the permissions asked for that the caller holds."""
    bucket = service.buckets.get(request.bucket)
    held = [p for p in request.repeated("permissions") if service.identity.is_allowed(request.caller, p, bucket.name)]
    return json_response({"kind": "storage#testIamPermissionsResponse", "permissions": held})


def service_account(service: Service, request: Request) -> Response:  # noqa: ARG001
    """`projects.serviceAccount.get`: who publishes the project's notifications."""
    email = f"service-{request.params['project']}@gs-project-accounts.iam.gserviceaccount.com"
    return json_response({"kind": "storage#serviceAccount", "email_address": email})
