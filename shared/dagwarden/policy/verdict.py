"""The one decision on a push."""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

from dagwarden.lint.finding import Finding
from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber


class Outcome(enum.StrEnum):
    """Allowed pushes become a release; denied ones change nothing."""

    ALLOWED = "allowed"
    DENIED = "denied"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who pushed, and how that is known."""

    name: str
    """E-mail of the service account or person; `unattested` for a raw drop nobody signed."""
    attested_by: str = ""
    """`jwt` (a service account's signature over the push id); empty when nobody signed."""
    key_id: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gate decided of one push, with every finding, and by which policy.

    `release` is the number of the release it became: None when denied, when it was a dry run, or when the push changed
    nothing (then `head` already is what was asked for).
    """

    push_id: PushId
    environment: EnvironmentName
    outcome: Outcome
    principal: Principal
    source: str = ""
    head_commit: str = ""
    policy_digest: Digest | None = None
    """sha256 of the policy.yaml that decided; None when the push fell before policy was asked."""
    head: ReleaseNumber = ReleaseNumber(0)
    """The head release the decision was made on."""
    release: ReleaseNumber | None = None
    dry_run: bool = False
    findings: tuple[Finding, ...] = ()
    decided_at: dt.datetime
    stages_ms: dict[str, float] = {}  # msgspec copies mutable defaults
    """Milliseconds each stage of the decision took."""
