"""What the storage API refuses, in the words of the real service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response


class Refusal(Exception):
    """A call that is answered with an error; nothing it meant to do has been done."""

    def __init__(
        self, status: int, reason: str, message: str, *, headers: Mapping[str, str] | None = None, **details: str
    ) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details

    def response(self) -> Response:
        """The answer; 304 has no body, as HTTP wants it."""
        if self.status == 304:
            return Response(status_code=304)
        error = {"message": self.message, "domain": "global", "reason": self.reason, **self.details}
        body: dict[str, Any] = {"error": {"code": self.status, "message": self.message, "errors": [error]}}
        return Response(msgspec.json.encode(body), self.status, self.headers, "application/json; charset=UTF-8")


def invalid(message: str) -> Refusal:
    """An argument that cannot be meant."""
    return Refusal(400, "invalid", message)


def required(message: str) -> Refusal:
    """An argument that is missing."""
    return Refusal(400, "required", message)


def parse_error(message: str) -> Refusal:
    """A body that is not what its content type says."""
    return Refusal(400, "parseError", message)


def no_such_bucket() -> Refusal:
    """The bucket does not exist."""
    return Refusal(404, "notFound", "The specified bucket does not exist.")


def no_such_object(bucket: str, name: str) -> Refusal:
    """The object, or the generation asked for, does not exist."""
    return Refusal(404, "notFound", f"No such object: {bucket}/{name}")


def not_found(message: str = "Not Found") -> Refusal:
    """Neither bucket nor object, and not there."""
    return Refusal(404, "notFound", message)


def condition_not_met(message: str = "At least one of the pre-conditions you specified did not hold.") -> Refusal:
    """A precondition failed: someone newer won."""
    return Refusal(412, "conditionNotMet", message, locationType="header", location="If-Match")


def not_modified() -> Refusal:
    """A read that was only wanted if something had changed."""
    return Refusal(304, "notModified", "Not Modified")


def conflict(message: str) -> Refusal:
    """What is there already stands in the way."""
    return Refusal(409, "conflict", message)


def forbidden(caller: str, permission: str) -> Refusal:
    """The caller lacks `permission`."""
    kind = "object" if permission.startswith("storage.objects.") else "bucket"
    return Refusal(
        403,
        "forbidden",
        f"{caller} does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist).",
    )


def retention_not_met(bucket: str, name: str, until: str) -> Refusal:
    """The object is younger than the bucket's retention policy demands."""
    return Refusal(
        403,
        "retentionPolicyNotMet",
        f"Object '{bucket}/{name}' is subject to bucket's retention policy or object retention and cannot be deleted "
        f"or overwritten until {until}",
    )


def under_hold(bucket: str, name: str, hold: str) -> Refusal:
    """The object is held."""
    return Refusal(
        403,
        "objectUnderActiveHold",
        f"Object '{bucket}/{name}' is under active {hold} hold and cannot be deleted, overwritten or archived until "
        "hold is removed.",
    )


def range_not_satisfiable(size_bytes: int) -> Refusal:
    """No byte of the object lies in the range."""
    headers = {"content-range": f"bytes */{size_bytes}"}
    return Refusal(416, "requestedRangeNotSatisfiable", "The requested range cannot be satisfied.", headers=headers)
