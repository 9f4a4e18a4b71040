"""The table of the storage API: which verb on which path is which method, and who handles it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.responses import Response

from localcloud.storage import bucket_api, notification_api, object_api, upload_api
from localcloud.storage.errors import invalid, not_found
from localcloud.storage.request import Request, decode_segment
from localcloud.storage.service import Service

Handler = Callable[[Service, Request], Response]


class Operation(msgspec.Struct, frozen=True):
    """One method of the API. In `path`, `{…}` stands for one percent-encoded segment."""

    verb: str
    path: str
    method: str | Callable[[Request], str]
    handle: Handler

    def method_of(self, request: Request) -> str:
        """What the request is counted as."""
        return self.method if isinstance(self.method, str) else self.method(request)


def _read_method(request: Request) -> str:
    return "objects.download" if request.wants_media else "objects.get"


_BUCKET = "storage/v1/b/{bucket}"
_OBJECT = f"{_BUCKET}/o/{{object}}"
_CONFIG = f"{_BUCKET}/notificationConfigs"
_UPLOAD = "upload/storage/v1/b/{bucket}/o"
_TARGET = "b/{to_bucket}/o/{to_object}"

OPERATIONS = (
    Operation("GET", "storage/v1/b", "buckets.list", bucket_api.list_buckets),
    Operation("POST", "storage/v1/b", "buckets.insert", bucket_api.create_bucket),
    Operation("GET", _BUCKET, "buckets.get", bucket_api.read_bucket),
    Operation("PATCH", _BUCKET, "buckets.patch", bucket_api.patch_bucket),
    Operation("PUT", _BUCKET, "buckets.update", bucket_api.update_bucket),
    Operation("DELETE", _BUCKET, "buckets.delete", bucket_api.delete_bucket),
    Operation("POST", f"{_BUCKET}/lockRetentionPolicy", "buckets.lockRetentionPolicy", bucket_api.lock_retention),
    Operation("GET", f"{_BUCKET}/iam", "buckets.getIamPolicy", bucket_api.get_policy),
    Operation("PUT", f"{_BUCKET}/iam", "buckets.setIamPolicy", bucket_api.put_policy),
    Operation("GET", f"{_BUCKET}/iam/testPermissions", "buckets.testIamPermissions", bucket_api.check_permissions),
    Operation("GET", _CONFIG, "notifications.list", notification_api.list_configs),
    Operation("POST", _CONFIG, "notifications.insert", notification_api.create_config),
    Operation("GET", f"{_CONFIG}/{{notification}}", "notifications.get", notification_api.read_config),
    Operation("DELETE", f"{_CONFIG}/{{notification}}", "notifications.delete", notification_api.delete_config),
    Operation("GET", f"{_BUCKET}/o", "objects.list", object_api.list_objects),
    Operation("POST", f"{_BUCKET}/o", "objects.insert", upload_api.insert_metadata),
    Operation("GET", _OBJECT, _read_method, object_api.read_object),
    Operation("GET", f"download/{_OBJECT}", _read_method, object_api.read_object),
    Operation("PATCH", _OBJECT, "objects.patch", object_api.patch_object),
    Operation("PUT", _OBJECT, "objects.update", object_api.update_object),
    Operation("DELETE", _OBJECT, "objects.delete", object_api.delete_object),
    Operation("POST", f"{_OBJECT}/compose", "objects.compose", object_api.compose_object),
    Operation("POST", f"{_OBJECT}/rewriteTo/{_TARGET}", "objects.rewrite", object_api.rewrite_object),
    Operation("POST", f"{_OBJECT}/copyTo/{_TARGET}", "objects.copy", object_api.copy_object),
    Operation("POST", f"{_OBJECT}/moveTo/o/{{to_object}}", "objects.move", object_api.move_object),
    Operation("POST", _UPLOAD, upload_api.upload_method, upload_api.start_upload),
    Operation("PUT", _UPLOAD, upload_api.upload_method, upload_api.continue_upload),
    Operation("DELETE", _UPLOAD, upload_api.upload_method, upload_api.cancel_upload),
    Operation("GET", "storage/v1/projects/{project}/serviceAccount", "projects.serviceAccount.get",
              bucket_api.service_account),
)  # fmt: skip

_BY_SHAPE: dict[tuple[str, int], list[tuple[Operation, list[str]]]] = {}
for _operation in OPERATIONS:
    _segments = _operation.path.split("/")
    _BY_SHAPE.setdefault((_operation.verb, len(_segments)), []).append((_operation, _segments))


def resolve(verb: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation that `verb` on the percent-encoded `path` means, and what the path names.

    Raises:
        Refusal: 404, there is none; 400, the path is no UTF-8 or names nothing where it must.
    """
    segments = path.removeprefix("/").split("/")
    for operation, pattern in _BY_SHAPE.get((verb, len(segments)), ()):
        if all(want == got or want.startswith("{") for want, got in zip(pattern, segments, strict=True)):
            named = zip(pattern, segments, strict=True)
            params = {want[1:-1]: decode_segment(got) for want, got in named if want.startswith("{")}
            if not all(params.values()):
                raise invalid("Required parameter is empty.")
            return operation, params
    raise not_found()


def subject_of(service: Service, request: Request) -> str:
    """What the request is about: `bucket`, or `bucket/object`; of a copy, the target."""
    params = request.params
    bucket = params.get("to_bucket") or params.get("bucket") or params.get("project", "")
    if request.path.startswith("/upload/"):
        return f"{bucket}/{upload_api.upload_name(service, request)}"
    name = params.get("to_object") or params.get("object")
    return bucket if name is None else f"{bucket}/{name}"
