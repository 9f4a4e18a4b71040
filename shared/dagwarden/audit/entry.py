"""One audit entry: who did what, when, from where, with which outcome and why."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from dagwarden.lint.finding import Finding
from dagwarden.names import Digest, PushId, ReleaseNumber, trace_id
from dagwarden.policy.verdict import Principal
from dagwarden.wire import digest, encode

T = TypeVar("T")

TEXT_CHARACTERS = 2_000
"""No text in an entry is longer."""
LIST_BYTES = 120_000
"""No list in an entry takes more; an entry of Cloud Logging may have 256 KiB.

Source: cloud.google.com/logging/quotas, size of a LogEntry."""


class Kind(enum.StrEnum):
    """What an entry tells of."""

    PUSH_RECEIVED = "push.received"
    PUSH_VERDICT = "push.verdict"
    RELEASE_COMMITTED = "release.committed"
    RELEASE_ROLLED_BACK = "release.rolled_back"
    RELEASE_NOTIFIED = "release.notified"
    RELEASE_MIRRORED = "release.mirrored"
    RELEASE_SYNCED = "release.synced"
    DRIFT_DETECTED = "drift.detected"
    DRIFT_HEALED = "drift.healed"
    IAM_FOUND = "iam.found"
    IAM_REMEDIATED = "iam.remediated"
    IAM_CHECKED = "iam.checked"
    POLICY_APPLIED = "policy.applied"
    EVENT_REFUSED = "event.refused"
    EVENT_DEAD_LETTERED = "event.dead_lettered"
    EVENT_REPLAYED = "event.replayed"
    HISTORY_TAMPERED = "history.tampered"
    FOREIGN = "foreign"
    """Not one of ours: what lies in the log and cannot be read as an entry is shown, never hidden."""


class AuditOutcome(enum.StrEnum):
    """How it ended, as far as is known when the entry is written."""

    ALLOWED = "allowed"
    DENIED = "denied"
    HELD = "held"
    """It waits for approvals."""
    BEGUN = "begun"
    """Written before the effect, which takes place only now, and is tried again until it does."""
    DONE = "done"
    FOUND = "found"
    REFUSED = "refused"
    FAILED = "failed"


class AuditSeverity(enum.StrEnum):
    """The severities of Cloud Logging that entries have, mildest first."""

    INFO = "INFO"
    NOTICE = "NOTICE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class What(msgspec.Struct, frozen=True, kw_only=True):
    """The deed, and the one thing it was done to."""

    action: str
    resource: str


class When(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Both aware, UTC."""

    occurred_at: dt.datetime
    """By the clock of what it tells of: the same however often the entry is written."""
    recorded_at: dt.datetime | None = None
    """By the clock of the process that wrote it."""


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it came from, and which process tells of it."""

    source: str = ""
    function: str = ""
    instance: str = ""


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reason, and what it rests on."""

    reason: str
    policy_digest: Digest | None = None
    findings: tuple[Finding, ...] = ()
    findings_left_out: int = 0


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who, what, when, where, outcome and why (NIST SP 800-53 AU-3), with what to find it by."""

    kind: Kind
    severity: str
    """A LogSeverity of Cloud Logging."""
    who: Principal
    what: What
    when: When
    where: Where
    outcome: AuditOutcome
    why: Why
    environment: str = ""
    push_id: PushId | None = None
    release: ReleaseNumber | None = None
    details: dict[str, Any] = {}  # msgspec copies mutable defaults
    insert_id: str
    """Equal for equal deeds, so that an entry written twice shows once."""

    @property
    def trace(self) -> str:
        """The trace of the push it follows from; empty when it follows from none."""
        return trace_id(self.push_id) if self.push_id else ""


UNKNOWN = Principal(name="unknown")
"""Who did what nobody signed and no log names."""

UNSEEN = Principal(name="unknown: `dagwarden drift` asks the Data Access log")
"""Who changed an object behind Dagwarden's back: Cloud Storage's events do not say, its Data Access logs would."""


def make_insert_id(kind: Kind, *subject: object) -> str:
    """The same id for the same deed, whoever writes it and however often."""
    return digest(encode([kind, *(str(part) for part in subject)]))


def shorten(text: str, most: int = TEXT_CHARACTERS) -> str:
    """Text that fits an entry: cut, and without what UTF-8 cannot carry."""
    safe = text.encode("utf-8", "replace").decode()
    return safe if len(safe) <= most else f"{safe[: most - 1]}…"


def take_within(items: Iterable[T], size_bytes: int = LIST_BYTES) -> tuple[T, ...]:
    """The first items that together encode to no more than `size_bytes`."""
    taken: list[T] = []
    for item in items:
        size_bytes -= len(encode(item)) + 1
        if size_bytes < 0:
            break
        taken.append(item)
    return tuple(taken)


def explain(reason: str, findings: Sequence[Finding] = (), policy_digest: Digest | None = None) -> Why:
    """The reason with as many findings as fit, and the count of those that do not."""
    kept = take_within(
        msgspec.structs.replace(found, message=shorten(found.message), hint=shorten(found.hint)) for found in findings
    )
    return Why(
        reason=shorten(reason),
        policy_digest=policy_digest,
        findings=kept,
        findings_left_out=len(findings) - len(kept),
    )
