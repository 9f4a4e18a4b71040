"""A rollback spelt out: the push that would do the same, so that it can be judged like one."""

from __future__ import annotations

import msgspec

from dagwarden.handlers.offer import Offer
from dagwarden.ledger.changes import changes_of_rollback
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import FileChange, PutFile
from dagwarden.ledger.rollback import read_files
from dagwarden.ledger.state import LedgerState
from dagwarden.push.manifest import Change, Delete, Put


def spell_out(ledger: Ledger, offer: Offer, state: LedgerState, target: LedgerState) -> Offer:
    """An offer that goes back to `target`, with all changes and files by which `state` becomes that.

    Raises:
        Tampered: the ledger or the store do not hold together.
    """
    changes = changes_of_rollback(state, target)
    files = {file.path: file for file in read_files(ledger, changes, {}, target)}
    manifest = msgspec.structs.replace(offer.manifest, changes=tuple(map(_to_change, changes)))
    return msgspec.structs.replace(offer, manifest=manifest, files=files)


def _to_change(change: FileChange) -> Change:
    if isinstance(change, PutFile):
        return Put(path=change.path, sha256=change.sha256, size_bytes=change.size_bytes, mode=change.mode)
    return Delete(path=change.path)
