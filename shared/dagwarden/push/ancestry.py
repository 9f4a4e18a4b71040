"""Whether a push stands on what its source last released, and keeps to its own files."""

from __future__ import annotations

from collections.abc import Iterator

from dagwarden.ledger.release import FileChange
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.finding import Finding, Severity
from dagwarden.push.manifest import PushManifest

NON_FAST_FORWARD = "push-not-fast-forward"
FOREIGN_FILE = "file-of-another-source"


def check_ancestry(state: LedgerState, manifest: PushManifest, changes: tuple[FileChange, ...]) -> list[Finding]:
    """What speaks against putting this push on top of `state`; nothing does when it is forced or a rollback.

    A source is refused like git refuses a non-fast-forward: its base must be what it last released. Sources that keep
    to their own files never disturb each other.
    """
    if manifest.force or manifest.rollback_to is not None:
        return []
    return [*_check_base(state, manifest), *_check_owners(state, manifest, changes)]


def _check_base(state: LedgerState, manifest: PushManifest) -> Iterator[Finding]:
    released = state.sources.get(manifest.source, "")
    if manifest.base_commit != released:
        yield Finding(
            rule=NON_FAST_FORWARD,
            code="DW031",
            severity=Severity.ERROR,
            message=(
                f"the push stands on {manifest.base_commit[:12] or 'nothing'}, "
                f"but {manifest.source} last released {released[:12] or 'nothing'}"
            ),
            hint="fetch what was released, merge it and push again; or push with --force where the policy lets you",
        )


def _check_owners(state: LedgerState, manifest: PushManifest, changes: tuple[FileChange, ...]) -> Iterator[Finding]:
    for change in changes:
        standing = state.files.get(change.path)
        if standing is not None and standing.source != manifest.source:
            yield Finding(
                rule=FOREIGN_FILE,
                code="DW032",
                severity=Severity.ERROR,
                path=change.path,
                message=f"the file belongs to {standing.source}, which put it in release {standing.release}",
                hint=f"change it there, or push with --force to take it over for {manifest.source}",
            )
