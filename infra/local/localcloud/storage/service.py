"""The rooms of the storage service put together, for the handlers of its API."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from localcloud.ports import Broker, Identity, ObjectEvents
from localcloud.state import State
from localcloud.storage.buckets import Bucket, Buckets
from localcloud.storage.checksums import Content, crc32c_of, md5_of
from localcloud.storage.clock import Generations, Now
from localcloud.storage.errors import forbidden
from localcloud.storage.herald import Herald
from localcloud.storage.objects import Objects
from localcloud.storage.request import Request
from localcloud.storage.schema import create_tables
from localcloud.storage.uploads import Uploads


class Service:
    """What a handler works with."""

    def __init__(self, state: State, broker: Broker, events: ObjectEvents, identity: Identity, now: Now) -> None:
        create_tables(state)
        self.state = state
        self.identity = identity
        self.now = now
        self.generations = Generations(state, now)
        self.buckets = Buckets(state, self.generations, now)
        self.objects = Objects(state, self.generations, Herald(state, broker, events, now), now)
        self.uploads = Uploads(state)

    def require(self, request: Request, permission: str, bucket: str, name: str = "") -> None:
        """The caller holds the permission.

        Raises:
            Refusal: 403, it does not.
        """
        if not self.identity.is_allowed(request.caller, permission, bucket, name):
            raise forbidden(request.caller, permission)

    def bucket_for(self, request: Request, permission: str, name: str = "", bucket: str = "") -> Bucket:
        """The bucket the request names (or `bucket`), once the caller is known to hold `permission` on it.

        Raises:
            Refusal: 404, no such bucket; 403, not allowed.
        """
        found = self.buckets.get(bucket or request.bucket)
        self.require(request, permission, found.name, name)
        return found

    def bucket_to_write(self, request: Request, name: str, bucket: str = "") -> Bucket:
        """The bucket, once the caller is known to be allowed to create `name` in it, or to replace it where it exists.

        Raises:
            Refusal: 404, no such bucket; 403, not allowed.
        """
        found = self.bucket_for(request, "storage.objects.create", name, bucket)
        if self.objects.live(found.name, name) is not None:
            self.require(request, "storage.objects.delete", found.name, name)
        return found

    def keep(self, content: bytes) -> Content:
        """The bytes are stored afterwards; returns what describes them."""
        return Content(
            blob=self.state.blobs.put(content),
            size_bytes=len(content),
            crc32c=crc32c_of(content),
            md5=md5_of(content),
        )


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as the API writes JSON."""
    return Response(msgspec.json.encode(value), status, headers=headers, media_type="application/json; charset=UTF-8")


def no_content() -> Response:
    """Done, nothing to show."""
    return Response(status_code=204)
