"""Object metadata as a client may state it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.storage.errors import invalid

# Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource (writable fields).
_TEXTS = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime",
          "storageClass")  # fmt: skip
_FLAGS = ("eventBasedHold", "temporaryHold")
MUTABLE_FIELDS = frozenset({*_TEXTS, *_FLAGS, "metadata"})

MAX_CUSTOM_METADATA_BYTES = 8 * 1024  # Source: https://cloud.google.com/storage/quotas#objects


def checked_draft(draft: Mapping[str, Any], *, keep_nulls: bool = False) -> dict[str, Any]:
    """The writable fields of `draft`; whatever else it states (sizes, links, …) is the server's to say.

    Args:
        keep_nulls: nulls mean removal (in a patch) rather than nothing (in a creation).

    Raises:
        Refusal: 400, a field has the wrong type, or custom metadata is too large.
    """
    fields = {key: draft[key] for key in MUTABLE_FIELDS if key in draft and (keep_nulls or draft[key] is not None)}
    for key in _TEXTS:
        if not isinstance(fields.get(key), str | None):
            raise invalid(f"Invalid value for: {key}")
    for key in _FLAGS:
        if not isinstance(fields.get(key), bool | None):
            raise invalid(f"Invalid value for: {key}")
    if fields.get("metadata") is not None:
        fields["metadata"] = _custom(fields["metadata"], keep_nulls)
        if not fields["metadata"] and not keep_nulls:
            del fields["metadata"]
    return fields


def _custom(metadata: object, keep_nulls: bool) -> dict[str, str | None]:
    if not isinstance(metadata, Mapping) or not all(isinstance(value, str | None) for value in metadata.values()):
        raise invalid("Invalid value for: metadata")
    pairs = {key: value for key, value in metadata.items() if keep_nulls or value is not None}
    size_bytes = sum(len(key.encode()) + len((value or "").encode()) for key, value in pairs.items())
    if size_bytes > MAX_CUSTOM_METADATA_BYTES:
        raise invalid(f"Custom metadata of {size_bytes} bytes exceeds the limit of {MAX_CUSTOM_METADATA_BYTES} bytes.")
    return pairs
