"""What the ledger says a source last released."""

from __future__ import annotations

import msgspec

from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import LedgerState
from dagwarden.names import EnvironmentName


class Released(msgspec.Struct, frozen=True):
    """Where a source stands in an environment."""

    commit: str
    """The head commit it last released; empty when it never did."""
    ref: str
    """The ref that was pushed then; empty when nobody can say any more."""


def find_released(ledger: Ledger, environment: EnvironmentName, source: str) -> Released:
    """Where a source stands. One list and one GET when it made the newest release; else the ledger is folded."""
    head = ledger.find_head(environment)
    if head is None:
        return Released("", "")
    if head.release.source == source and head.release.sources is None:
        return Released(head.release.head_commit, head.release.ref)
    state = ledger.state(environment, head.release.number)
    commit = state.sources.get(source, "")
    return Released(commit, _find_ref(ledger, state, source, commit) if commit else "")


def _find_ref(ledger: Ledger, state: LedgerState, source: str, commit: str) -> str:
    numbers = [entry.release for entry in state.files.values() if entry.source == source]
    if not numbers:
        return ""
    release = ledger.read(state.environment, max(numbers)).release
    return release.ref if (release.source, release.head_commit) == (source, commit) else ""
