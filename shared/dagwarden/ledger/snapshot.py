"""Snapshots: the whole tree and the folded state of one release, so that restoring stays cheap."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import InvalidInput, NotFound, Tampered
from dagwarden.ledger.archive import pack_files, unpack_files
from dagwarden.ledger.release import Restore
from dagwarden.ledger.state import LedgerState, list_digest
from dagwarden.names import (
    Digest,
    ReleaseNumber,
    parse_digest,
    snapshot_archive_object,
    snapshot_state_object,
)
from dagwarden.wire import digest, encode, md5_hex

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.storage import ObjectInfo
    from dagwarden.ledger.read import Ledger

ARCHIVE = "dagwarden-archive-sha256"
"""Custom metadata of a snapshot's state: the sha256 of its archive."""

OUTWEIGHED = 2.0
"""A snapshot is due when the deltas since the last one weigh this many times the tree."""

FEW_LINKS = 8
"""Below this many deltas, their weight makes no snapshot due: restoring from them is cheap enough."""


class Proof(msgspec.Struct, frozen=True):
    """An archive that was seen to hold a tree: known by its digest, and by what Cloud Storage tells of its bytes."""

    tree: Digest
    archive: Digest
    md5: str


def is_due(state: LedgerState, snapshot_every: int) -> bool:
    """Whether restoring `state` takes so many deltas, or such heavy ones, that it deserves a snapshot."""
    links = state.restore.links
    if len(links) < min(FEW_LINKS, snapshot_every):
        return False
    delta_bytes = sum(link.delta_size_bytes for link in links)
    return len(links) >= snapshot_every or not _weighs(state, delta_bytes / OUTWEIGHED)


def _weighs(state: LedgerState, at_least_bytes: float) -> bool:
    """Whether the tree has so many bytes; adds up only as many files as it takes to know."""
    sizes = itertools.accumulate(entry.size_bytes for entry in state.files.values())
    return at_least_bytes <= 1 or any(size >= at_least_bytes for size in sizes)


def write_snapshot(cloud: Cloud, ledger: Ledger, state: LedgerState, *, attempt: str) -> Proof:
    """There is a snapshot of `state` afterwards. Doing it twice is harmless: equal states give equal bytes.

    Returns:
        What spares `adopt_newest` from reading the archive again.

    Raises:
        Tampered: the archives in the store do not add up to the tree the ledger names.
    """
    head = ledger.read(state.environment, state.number)
    files = ledger.restore(state.environment, head)
    found = list_digest((file.path, digest(file.content), file.mode) for file in files.values())
    if found != state.tree:
        raise Tampered(
            f"the deltas make tree {found[:12]}, the release says {state.tree[:12]}",
            operation="write snapshot",
            subject=f"{state.environment}/{state.number}",
            hint="run `dagwarden verify`",
        )
    archive = pack_files(files.values())
    cloud.store.create(
        snapshot_archive_object(state.environment, state.number),
        archive,
        attempt=attempt,
        content_type="application/gzip",
    )
    cloud.store.create(
        snapshot_state_object(state.environment, state.number),
        encode(state),
        attempt=attempt,
        content_type="application/json",
        metadata={ARCHIVE: digest(archive)},
    )
    return Proof(state.tree, digest(archive), md5_hex(archive))


def adopt_newest(cloud: Cloud, ledger: Ledger, state: LedgerState, proof: Proof | None = None) -> LedgerState:
    """`state`, its restoring shortened by the newest snapshot that lies in the store, if there is a newer one.

    The gate signs what it adopts, so nothing of the snapshot is taken on trust: its state must equal the ledger's own,
    byte for byte, and its archive must hold that state's tree. One that does not is passed over.

    Args:
        proof: of a snapshot this process has written itself: looked at, and not read again.
    """
    environment, how = state.environment, state.restore
    start = snapshot_state_object(environment, ReleaseNumber(how.snapshot + 1))
    prefix = start.rpartition("/")[0] + "/"
    known = {snapshot_state_object(environment, link.number): link.number for link in how.links}
    found = [info for info in cloud.store.list(prefix, start_at=start) if info.name in known]
    for info in reversed(found):
        at = ledger.state(environment, known[info.name])
        archive = _find_archive(cloud, at, info, proof)
        if archive is not None:
            return msgspec.structs.replace(state, restore=_after_snapshot(how, at, archive))
    return state


def _find_archive(cloud: Cloud, at: LedgerState, info: ObjectInfo, proof: Proof | None) -> Digest | None:
    """The digest of the snapshot's archive; None unless state and archive in the store are what they should be."""
    try:
        archive = parse_digest(info.metadata.get(ARCHIVE, ""))
        name = snapshot_archive_object(at.environment, at.number)
        if info.md5 != md5_hex(encode(at)):
            return None
        if proof is not None and (proof.tree, proof.archive) == (at.tree, archive):
            found = cloud.store.stat(name)
            return archive if found is not None and found.md5 == proof.md5 else None
        files = unpack_files(cloud.store.read(name), archive)
    except (InvalidInput, NotFound, Tampered):
        return None
    tree = list_digest((file.path, digest(file.content), file.mode) for file in files.values())
    return archive if tree == at.tree else None


def _after_snapshot(how: Restore, at: LedgerState, archive: Digest) -> Restore:
    return Restore(
        snapshot=at.number,
        snapshot_release=at.digest,
        snapshot_archive=archive,
        snapshot_state=digest(encode(at)),
        links=tuple(link for link in how.links if link.number > at.number),
    )
