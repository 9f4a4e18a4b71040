"""The entries Dagwarden writes: one function for each kind, from the values it tells of.

Each gives the same insert id and the same time for the same deed, so that an entry written twice shows once.
"""

from dagwarden.audit.entries.drifts import drift_detected, drift_healed, history_tampered
from dagwarden.audit.entries.events import event_dead_lettered, event_refused, event_replayed
from dagwarden.audit.entries.iam import iam_checked, iam_found, iam_remediated
from dagwarden.audit.entries.policies import policy_applied, policy_applied_ended
from dagwarden.audit.entries.pushes import push_received, push_verdict
from dagwarden.audit.entries.releases import (
    release_committed,
    release_mirrored,
    release_notified,
    release_rolled_back,
    release_synced,
)

__all__ = [
    "drift_detected",
    "drift_healed",
    "event_dead_lettered",
    "event_refused",
    "event_replayed",
    "history_tampered",
    "iam_checked",
    "iam_found",
    "iam_remediated",
    "policy_applied",
    "policy_applied_ended",
    "push_received",
    "push_verdict",
    "release_committed",
    "release_mirrored",
    "release_notified",
    "release_rolled_back",
    "release_synced",
]
