"""What pipeline and instances tell each other: a release exists (notice), it runs here (receipt)."""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A hint that a release exists. The ledger is what an agent believes."""

    environment: EnvironmentName
    component: str
    release: ReleaseNumber
    digest: Digest
    push_id: PushId


class ReceiptOutcome(enum.StrEnum):
    """What an instance has to say."""

    APPLIED = "applied"
    """It runs the release now."""
    RUNNING = "running"
    """It still runs the release: a sign of life, also sent at start and when everything was already in place."""
    FAILED = "failed"
    """It could not apply the release and still runs the one named in `release`."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance's answer.

    `release`, `digest` and `tree` are of what it runs at `at`, not of what it was asked for.
    """

    environment: EnvironmentName
    component: str
    """A Component's value, or `bucket` for the mirror."""
    instance: str
    outcome: ReceiptOutcome
    release: ReleaseNumber
    digest: Digest
    tree: Digest
    """Digest of the tree as the instance computed it over the folders it holds."""
    at: dt.datetime
    visible_at: dt.datetime | None = None
    """When `release` became visible here (the symlink flipped)."""
    wanted: ReleaseNumber | None = None
    """The release that could not be applied, when failed."""
    error: str = ""
    push_id: PushId | None = None
    pushed_at: dt.datetime | None = None
    committed_at: dt.datetime | None = None
    noticed_at: dt.datetime | None = None
    stages_ms: dict[str, float] = {}  # msgspec copies mutable defaults
    version: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one instance: its newest receipt, and since when it fails, if it does."""

    receipt: Receipt
    failing_since: dt.datetime | None = None
