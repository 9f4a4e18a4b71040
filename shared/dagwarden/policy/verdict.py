"""The one decision on a push."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber


class Outcome(enum.StrEnum):
    """Allowed pushes become a release; denied and held ones change nothing."""

    ALLOWED = "allowed"
    DENIED = "denied"
    HELD = "held"
    """Waits for approvals and nothing else: nothing is released yet."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who pushed, and how that is known."""

    name: str
    """E-mail of the service account or person; `unattested` for a raw drop nobody signed."""
    attested_by: str = ""
    """`jwt` (a service account's signature over the push id), `ssh` (that of an SSH key); empty when nobody signed."""
    key_id: str = ""
    """Id of the service account's key; fingerprint of the SSH key."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What a held push waits for, by one entry of the policy's approvals."""

    name: str
    clause: str
    """The line of the policy that asks for it."""
    needs: int
    """How many have to approve, of those named."""
    approvers: tuple[str, ...]
    """Whom the policy asks, as it writes them."""
    approved_by: tuple[str, ...] = ()
    """Who has, and counts."""
    until: dt.datetime
    """Aware, UTC: from then on it is too late."""


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
    facts_digest: Digest | None = None
    """sha256 of the facts that it rests on; None when no policy was asked."""
    break_glass: str = ""
    """The reason of an emergency; empty: it is none."""
    approved_by: tuple[str, ...] = ()
    """Whose approvals counted."""
    waits: tuple[Wait, ...] = ()
    """What a held push waits for; nothing when it is allowed or denied."""
    head: ReleaseNumber = ReleaseNumber(0)
    """The head release the decision was made on."""
    release: ReleaseNumber | None = None
    dry_run: bool = False
    findings: tuple[Finding, ...] = ()
    files_changed: int = 0
    """Files put or deleted on top of `head`, denied or not; 0: `head` already is this, or it cannot be read."""
    switched_off: int = 0
    """Findings of rules that the policy switches off: counted, not told."""
    decided_at: dt.datetime
    stages_ms: dict[str, float] = {}  # msgspec copies mutable defaults
    """Milliseconds each stage of the decision took."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is no verdict yet: held, and to be decided again at each approval."""
        return self.outcome is Outcome.HELD and not self.dry_run


_WORDS = ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "note"))


def count_findings(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning, 1 note`; what there is none of is left out."""
    told = list(findings)
    severities = [finding.severity for finding in told if not finding.waived]
    counts = [count(severities.count(severity), word) for severity, word in _WORDS if severity in severities]
    if waived := len(told) - len(severities):
        counts.append(f"{waived:,} waived")
    return ", ".join(counts) or "no findings"


def count(number: int, word: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def say_wait(wait: Wait) -> str:
    """Whose word is missing, in words.

    >>> until = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    >>> wait = Wait(name="leads", clause="policy.yaml:9", needs=2, approvers=("*@acme.example",), until=until)
    >>> say_wait(wait)
    '2 of *@acme.example (leads, policy.yaml:9)'
    >>> say_wait(msgspec.structs.replace(wait, approved_by=("bob@acme.example",)))
    '2 of *@acme.example (leads, policy.yaml:9), approved by bob@acme.example'
    """
    given = f", approved by {', '.join(wait.approved_by)}" if wait.approved_by else ""
    return f"{wait.needs} of {', '.join(wait.approvers)} ({wait.name}, {wait.clause}){given}"


def say_outcome(verdict: Verdict) -> str:
    """What was decided, in one line: the same for the pusher and for the audit log."""
    emergency = f"emergency ({verdict.break_glass}): " if verdict.break_glass else ""
    return f"{emergency}{_say_outcome(verdict)}"


def _say_outcome(verdict: Verdict) -> str:
    if verdict.outcome is not Outcome.ALLOWED:
        stays = f"release {verdict.head} stays live" if verdict.head else "nothing is released yet"
        return f"{_say_refusal(verdict)}; {stays}"
    changed = f"{count(verdict.files_changed, 'file')} changed"
    if verdict.release is not None:
        return f"release {verdict.release} ({changed})"
    if not verdict.files_changed:
        is_this = f"release {verdict.head}" if verdict.head else "the empty environment"
        return f"nothing to release: {is_this} already is this"
    where = f"on top of release {verdict.head}" if verdict.head else "as the first release"
    return f"{'dry run: would be allowed' if verdict.dry_run else 'allowed'} {where} ({changed})"


def _say_refusal(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.HELD:
        would = "dry run: would be held" if verdict.dry_run else "held"
        return f"{would} until it is approved (dagwarden approve {verdict.push_id[:12]})"
    return f"denied: {count_findings(verdict.findings)}"
