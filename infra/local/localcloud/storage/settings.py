"""A bucket's settings as a client may state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.storage.errors import Refusal, invalid

MAX_RETENTION_S = 3_155_760_000  # Source: https://cloud.google.com/storage/docs/bucket-lock (100 years)


class _Switch(msgspec.Struct):
    enabled: bool | None = None


class _Access(msgspec.Struct, rename="camel"):
    uniform_bucket_level_access: _Switch | None = None
    public_access_prevention: str | None = None


class _Retention(msgspec.Struct, rename="camel"):
    retention_period: str | int | None = None
    is_locked: bool | None = None


class _SoftDelete(msgspec.Struct, rename="camel"):
    retention_duration_seconds: str | int | None = None


class _Settings(msgspec.Struct, rename="camel"):
    """The shapes of the settings this service acts on or shows; null removes one. Other fields are kept as they are."""

    autoclass: dict[str, Any] | None = None
    billing: dict[str, Any] | None = None
    cors: list[dict[str, Any]] | None = None
    default_event_based_hold: bool | None = None
    encryption: dict[str, Any] | None = None
    iam_configuration: _Access | None = None
    labels: dict[str, str | None] | None = None
    lifecycle: dict[str, Any] | None = None
    location: str | None = None
    logging: dict[str, Any] | None = None
    retention_policy: _Retention | None = None
    rpo: str | None = None
    soft_delete_policy: _SoftDelete | None = None
    storage_class: str | None = None
    versioning: _Switch | None = None
    website: dict[str, Any] | None = None


MUTABLE_FIELDS = frozenset({field.encode_name for field in msgspec.structs.fields(_Settings)}) - {"location"}
CREATION_FIELDS = MUTABLE_FIELDS | {"location"}


def checked_settings(draft: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """Those of `draft` that are among `fields`; whatever else it states is the server's to say.

    Raises:
        Refusal: 400, one has the wrong shape.
    """
    settings = {key: value for key, value in draft.items() if key in fields}
    try:
        msgspec.convert(settings, type=_Settings)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid bucket settings: {error}") from None
    return settings


def retention_s(policy: Mapping[str, Any]) -> int:
    """The period of a retention policy in seconds.

    Raises:
        Refusal: 400, there is none, or it is out of bounds.
    """
    try:
        period_s = int(policy["retentionPeriod"])
    except (KeyError, TypeError, ValueError):
        raise invalid("Invalid retention period.") from None
    if not 0 < period_s <= MAX_RETENTION_S:
        raise invalid("Invalid retention period.")
    return period_s


def check_lock(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
    """`new` may follow `old`: a locked policy is never removed, unlocked or shortened.

    Raises:
        Refusal: 403, it may not.
    """
    if not old or not old.get("isLocked"):
        return
    if not new or not new.get("isLocked") or retention_s(new) < retention_s(old):
        raise Refusal(403, "forbidden", "Cannot reduce or remove the retention policy of a bucket: it is locked.")
