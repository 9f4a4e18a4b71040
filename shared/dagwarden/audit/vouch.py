"""Whether the audit log knows of a verdict that lies in the store: who else writes there writes no entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.errors import DagwardenError

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.policy.verdict import Verdict


def vouch(cloud: Cloud, verdict: Verdict) -> bool | None:
    """Whether the audit log says that this push was decided so, by this policy; None where it cannot be read."""
    query = AuditQuery(kind=Kind.PUSH_VERDICT, push=verdict.push_id, environment=verdict.environment)
    try:
        entries = list(read_entries(cloud.audit_log, query))
    except DagwardenError:
        return None
    said = str(verdict.outcome), verdict.policy_digest
    return any((str(entry.outcome), entry.why.policy_digest) == said for entry in entries)
