"""Whether a push stands on what its source last released, and keeps to its own files."""

from __future__ import annotations

from collections.abc import Iterator

from dagwarden.ledger.release import FileChange
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.finding import Finding
from dagwarden.push.manifest import PushManifest
from dagwarden.push.rules import find, show


def check_ancestry(state: LedgerState, manifest: PushManifest, changes: tuple[FileChange, ...]) -> list[Finding]:
    """What speaks against putting this push on top of `state`; nothing does when it is a rollback, or forced.

    Forced under a lease it is held to the same as any push: what it may rewrite is what its pusher saw.

    A source is refused like git refuses a non-fast-forward: its base must be what it last released. Sources that keep
    to their own files never disturb each other.
    """
    if (manifest.force and not manifest.lease) or manifest.rollback_to is not None:
        return []
    return [*_check_base(state, manifest), *_check_owners(state, manifest, changes)]


def _check_base(state: LedgerState, manifest: PushManifest) -> Iterator[Finding]:
    released = state.sources.get(manifest.source, "")
    if manifest.base_commit != released:
        yield find(
            "push-not-fast-forward",
            message=f"the push stands on {show(manifest.base_commit[:12]) or 'nothing'}, "
            f"but {show(manifest.source)} last released {show(released[:12]) or 'nothing'}",
        )


def _check_owners(state: LedgerState, manifest: PushManifest, changes: tuple[FileChange, ...]) -> Iterator[Finding]:
    for change in changes:
        standing = state.files.get(change.path)
        if standing is not None and standing.source != manifest.source:
            yield find(
                "file-of-another-source",
                change.path,
                f"the file belongs to {show(standing.source)}, which put it in release {standing.release}",
            )
