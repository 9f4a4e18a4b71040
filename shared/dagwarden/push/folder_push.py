"""A plain folder pushed to an environment: what it holds becomes what the environment has of this source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec

from dagwarden.errors import LimitExceeded
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import LedgerState
from dagwarden.names import EnvironmentName
from dagwarden.push.changes import Offer, compare_with_ledger, make_offer
from dagwarden.push.folder import list_folder, name_state, read_candidates
from dagwarden.push.manifest import MAX_MESSAGE_CHARS, MAX_REASON_CHARS, PushManifest
from dagwarden.push.mapping import Listing, parse_prefix
from dagwarden.push.submit import make_nonce


class FolderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    environment: EnvironmentName
    source: str = ""
    """Empty: named after the folder."""
    prefix: str = ""
    message: str = ""
    is_dry_run: bool = False
    is_forced: bool = False
    break_glass: str = ""


class FolderOffer(msgspec.Struct, frozen=True):
    """A folder read and compared; to be delivered when it has changes and no findings."""

    manifest: PushManifest
    offer: Offer
    left_behind: int


def offer_folder(folder: Path, request: FolderRequest, ledger: Ledger, now: Callable[[], dt.datetime]) -> FolderOffer:
    """Read the folder and compare it with what the ledger has of its source.

    Raises:
        InvalidInput: it is no folder, cannot be read, or the prefix is none.
        LimitExceeded: it holds no file, so the push would take away all; nothing is offered unless forced.
    """
    head = list_folder(folder, parse_prefix(request.prefix))
    return offer_listing(folder, head, request, ledger.state(request.environment), now)


def offer_listing(
    folder: Path, head: Listing, request: FolderRequest, state: LedgerState, now: Callable[[], dt.datetime]
) -> FolderOffer:
    """Compare what a folder holds with what `state` has of its source.

    Raises:
        InvalidInput: a file cannot be read.
        LimitExceeded: it holds no file, so the push would take away all; nothing is offered unless forced.
    """
    source = request.source or f"folder:{folder.resolve().name}"[:300]
    comparison = compare_with_ledger(state.files, source, head)
    if not head.files and not head.findings and not request.is_forced:
        raise _refuse_empty(folder, len(comparison.gone))
    offer = make_offer(head, comparison, read_candidates(head, comparison))
    manifest = PushManifest(
        environment=request.environment,
        source=source,
        created_at=now(),
        changes=offer.changes,
        base_commit=state.sources.get(source, ""),
        head_commit=name_state(head, offer),
        message=request.message[:MAX_MESSAGE_CHARS],
        prefix=request.prefix,
        force=request.is_forced,
        dry_run=request.is_dry_run,
        nonce=make_nonce(),
        break_glass=request.break_glass[:MAX_REASON_CHARS],
    )
    return FolderOffer(manifest, offer, head.left_behind)


def _refuse_empty(folder: Path, gone: int) -> LimitExceeded:
    return LimitExceeded(
        f"the folder holds no file to release; pushing it would delete all its source has ({gone:,})",
        operation="push folder",
        subject=str(folder),
        hint="name the right folder, or add --force to take all files of this source away",
    )
