"""The resource of a new object: what the service says of it by itself."""

from __future__ import annotations

from typing import Any

from localcloud.storage.buckets import Bucket, retained_until
from localcloud.storage.checksums import Content
from localcloud.storage.clock import etag_of, stamp


def new_resource(bucket: Bucket, name: str, generation: int, content: Content) -> dict[str, Any]:
    """The resource, without links, of an object just created with `content`; its creation time is its generation."""
    created = stamp(generation)
    resource: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{bucket.name}/{name}/{generation}",
        "name": name,
        "bucket": bucket.name,
        "generation": str(generation),
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "storageClass": bucket.resource["storageClass"],
        "size": str(content.size_bytes),
        "crc32c": content.crc32c,
        "etag": etag_of(generation, 1),
        "timeCreated": created,
        "updated": created,
        "timeStorageClassUpdated": created,
        "timeFinalized": created,
    }
    optional = {
        "md5Hash": content.md5,
        "componentCount": content.component_count,
        "eventBasedHold": bucket.resource.get("defaultEventBasedHold") or None,
        "retentionExpirationTime": retained_until(bucket, created),
    }
    return resource | {key: value for key, value in optional.items() if value is not None}
