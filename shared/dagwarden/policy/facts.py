"""The facts of a push: all that a decision rests on, as values."""

from __future__ import annotations

import datetime as dt

import msgspec

from dagwarden.ledger.release import FileChange
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.finding import Finding
from dagwarden.names import Digest, PushId, ReleasePath
from dagwarden.policy.environment import Environment
from dagwarden.policy.mentions import Mention
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import FileModel
from dagwarden.wire import digest, encode


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word, signed, that one push may go ahead under one policy."""

    principal: Principal
    push_id: PushId
    policy_digest: Digest
    """The policy that held the push: an approval says nothing under another."""
    given_at: dt.datetime
    """Aware, UTC."""


class PushFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision rests on."""

    principal: Principal
    manifest: PushManifest
    is_raw_drop: bool
    state: LedgerState
    """The head the push would be put on."""
    changes: tuple[FileChange, ...]
    """What it would change there; of a rollback, what leads back."""
    findings: tuple[Finding, ...] = ()
    """Of unpacking, of the ledger's own rules, of lint, of the imports."""
    files: tuple[FileModel, ...] = ()
    """What the changed DAG files, and those they change, define; a file that could not be imported has none."""
    unread: tuple[ReleasePath, ...] = ()
    """Changed files that may define DAGs and whose DAGs nobody has read: they may be anything."""
    import_seconds: dict[ReleasePath, float] = msgspec.field(default_factory=dict)
    """What the import of each DAG file took."""
    mentions: tuple[Mention, ...] = ()
    """What the text of the changed files names: functions use what no argument says."""
    environment: Environment | None = None
    """The environment it is pushed to; None where nobody described it."""
    approvals: tuple[Approval, ...] = ()
    """Whose signatures held, whether they count or not."""
    break_glass: str = ""
    """The reason of an emergency, as the pusher gives it; empty: there is none."""
    offered_at: dt.datetime | None = None
    """When the push was complete in the inbox; None: now."""
    now: dt.datetime


def digest_facts(facts: PushFacts) -> Digest:
    """The sha256 of all that a decision rests on, in whatever order it was found.

    The head is named by its digest, which stands for all of its tree.
    """
    said = {field: getattr(facts, field) for field in PushFacts.__struct_fields__ if field != "state"}
    lists = {field: sorted(map(encode, value)) for field, value in said.items() if isinstance(value, tuple)}
    return digest(encode({**said, **lists, "head": facts.state.digest}))
