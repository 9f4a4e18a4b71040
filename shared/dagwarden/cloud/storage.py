"""Cloud Storage buckets: whole objects in and out, by generation, with preconditions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.cloud.reach import make_retrying, make_timeouts
from dagwarden.settings import Settings
from dagwarden.wire import md5_hex_of_base64

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

ATTEMPT = "dagwarden-attempt"
"""Custom metadata that tells a client whether the object that beat it is its own (it was told 412 after a retry)."""


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What Cloud Storage tells of one object generation."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    size_bytes: int
    md5: str
    """In hex; empty for composed objects."""
    updated_at: dt.datetime
    metadata: dict[str, str]
    content_encoding: str = ""


class Created(msgspec.Struct, frozen=True):
    """What became of a create: the object as it now is, and whether it is ours."""

    info: ObjectInfo
    is_ours: bool


class Bucket:
    """One bucket, as the pipeline uses it. Every method raises Transient or Permanent, never a foreign exception."""

    def __init__(self, client: Client, name: str, settings: Settings) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        self.name = name
        self._bucket = client.bucket(name)
        self._client = client
        self._how: dict[str, Any] = {
            "retry": make_retrying(DEFAULT_RETRY, settings),
            "timeout": make_timeouts(settings),
        }

    def read(self, name: str, generation: int | None = None) -> bytes:
        """The object's bytes; of one generation, or the live one.

        Raises:
            NotFound: there is none (any more).
        """
        with mapped("read object", f"gs://{self.name}/{name}"):
            content: bytes = self._bucket.blob(name, generation=generation).download_as_bytes(
                raw_download=True, **self._how
            )
            return content

    def read_with_info(self, name: str, generation: int | None = None) -> tuple[bytes, ObjectInfo]:
        """Bytes and metadata of the same generation; of the given one, or of what is live at the moment of the call.

        Raises:
            NotFound: there is none (any more).
        """
        info = self.stat(name, generation)
        if info is None:
            raise errors.NotFound("no such object", operation="read object", subject=f"gs://{self.name}/{name}")
        return self.read(name, info.generation), info

    def stat(self, name: str, generation: int | None = None) -> ObjectInfo | None:
        """The object's metadata; None when there is none."""
        with mapped("stat object", f"gs://{self.name}/{name}"):
            blob = self._bucket.get_blob(name, generation=generation, **self._how)
            return None if blob is None else _info(self.name, blob)

    def create(
        self, name: str, content: bytes, *, attempt: str, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> Created:
        """Create the object unless its name is taken: exactly one of all who try wins.

        The client retries by itself, so a 412 may be one's own success: the attempt's id in custom metadata tells.
        Who may create and not delete is told 403 instead of 412 where an object stands: that is told apart as well.

        Args:
            attempt: random id of this attempt.

        Returns:
            The object that now has the name; `is_ours` is False when somebody else's stands there.

        Source: python-storage 3 retries uploads unconditionally; a committed upload answered 503 then gets a 412.
        """
        try:
            info = self.write(
                name, content, generation=0, content_type=content_type, metadata={**(metadata or {}), ATTEMPT: attempt}
            )
        except (errors.PreconditionFailed, errors.AccessDenied):
            standing = self.stat(name)
            if standing is None:
                raise
            return Created(standing, standing.metadata.get(ATTEMPT) == attempt)
        return Created(info, True)

    def write(
        self,
        name: str,
        content: bytes,
        *,
        generation: int | None,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Write the object whole.

        Args:
            generation: the generation that must be live now: 0 for none, None for whatever is there.

        Raises:
            PreconditionFailed: another generation is live.
        """
        with mapped("write object", f"gs://{self.name}/{name}"):
            blob = self._bucket.blob(name)
            blob.metadata = dict(metadata or {})
            blob.upload_from_string(
                content, content_type=content_type, if_generation_match=generation, checksum="crc32c", **self._how
            )
            return _info(self.name, blob)

    def delete(self, name: str, *, generation: int) -> bool:
        """Delete the object if `generation` is the live one.

        Returns:
            False when there was none (any more): whoever took it, it is gone.

        Raises:
            PreconditionFailed: another generation is live.
        """
        try:
            with mapped("delete object", f"gs://{self.name}/{name}"):
                self._bucket.blob(name).delete(if_generation_match=generation, **self._how)
        except errors.NotFound:
            return False
        return True

    def list(self, prefix: str, *, start_at: str | None = None) -> Iterator[ObjectInfo]:
        """The live objects under a prefix, in order of their names, from `start_at` (inclusive) on."""
        with mapped("list objects", f"gs://{self.name}/{prefix}"):
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, start_offset=start_at, **self._how):
                yield _info(self.name, blob)

    def find_newest(self, name: str) -> ObjectInfo | None:
        """The newest object that ever had this name, gone or not; None where none is kept.

        What is live is the newest. Among the rest it is told by when they came, for generations need not grow.
        Source: cloud.google.com/storage/docs/gsutil/addlhelp/ObjectVersioningandConcurrencyControl.
        """
        if (live := self.stat(name)) is not None:
            return live
        with mapped("list objects", f"gs://{self.name}/{name}"):
            kept = self._client.list_blobs(
                self._bucket, prefix=name, end_offset=f"{name}\0", versions=True, **self._how
            )
            newest = max(kept, key=lambda blob: (blob.time_created, blob.generation), default=None)
            return None if newest is None else _info(self.name, newest)

    def list_folders(self) -> tuple[str, ...]:
        """The names of the folders at the top of the bucket, in order."""
        with mapped("list folders", f"gs://{self.name}"):
            blobs = self._client.list_blobs(self._bucket, delimiter="/", **self._how)
            for page in blobs.pages:
                for _ in page:
                    pass  # objects at the top are nobody's; what is wanted are the prefixes, known once all is read
            return tuple(sorted(prefix.rstrip("/") for prefix in blobs.prefixes))

    def find_permissions(self, *asked: str) -> frozenset[str]:
        """Those of the permissions that this identity holds on the whole bucket; asking needs none.

        What is granted under a condition on objects' names is not among them.

        Raises:
            NotFound: there is no such bucket.
        """
        with mapped("ask permissions", f"gs://{self.name}"):
            return frozenset(self._bucket.test_iam_permissions(asked, **self._how))


def _info(bucket: str, blob: Blob) -> ObjectInfo:
    return ObjectInfo(
        bucket=bucket,
        name=blob.name,
        generation=int(blob.generation),
        metageneration=int(blob.metageneration),
        size_bytes=int(blob.size),
        md5=md5_hex_of_base64(blob.md5_hash or ""),
        updated_at=blob.updated,
        metadata=dict(blob.metadata or {}),
        content_encoding=blob.content_encoding or "",
    )
