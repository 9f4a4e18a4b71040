"""Proves that what is there is what was released: the chain, the archives, the bucket, every instance."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import NotFound, Permanent, Tampered
from dagwarden.ledger.release import SignedRelease
from dagwarden.ledger.state import FileEntry, LedgerState, empty_state, fold, tree_digest
from dagwarden.names import (
    COMPONENT_FOLDERS,
    FOLDERS,
    Component,
    Digest,
    EnvironmentName,
    ReleaseNumber,
    ReleasePath,
    delta_object,
    parse_release_object,
    releases_prefix,
    snapshot_archive_object,
    snapshot_state_object,
)
from dagwarden.policy.verdict import count
from dagwarden.wire import digest

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.storage import ObjectInfo
    from dagwarden.ledger.read import Ledger
    from dagwarden.sync.notice import Receipt

THREADS = 8
SHOWN = 5
"""How many paths a result names; the rest are counted."""
NO_RELEASE_YET = "no release yet"


class Result(enum.StrEnum):
    """What a check came to."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """It could not be made: what it rests on does not hold, or nobody tells."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was compared."""

    name: str
    result: Result
    detail: str


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What walking the ledger from release 1 gave."""

    checks: tuple[Check, ...]
    releases: tuple[SignedRelease, ...]
    """Those whose signature holds, in order."""
    states: Mapping[ReleaseNumber, LedgerState]
    """The folded state at the releases that were asked for, as far as the chain holds."""
    head: LedgerState | None
    """None when the chain does not hold up to the head."""


def verify_chain(
    cloud: Cloud, ledger: Ledger, environment: EnvironmentName, wanted: Iterable[ReleaseNumber] = ()
) -> Chain:
    """Check every signature, every parent, every number, and every tree against its changes.

    Args:
        wanted: releases whose states are kept for further checks.
    """
    names = [info.name for info in cloud.ledger.list(releases_prefix(environment))]
    parsed = {name: parse_release_object(name) for name in names}
    numbers = [found[1] for found in parsed.values() if found is not None]
    foreign = [name for name, found in parsed.items() if found is None]
    last = ReleaseNumber(max(numbers, default=0))
    missing = sorted(set(range(1, last + 1)) - set(numbers))
    if not names:
        return Chain(
            checks=(Check(name=f"{environment} ledger", result=Result.HOLDS, detail=NO_RELEASE_YET),),
            releases=(),
            states={ReleaseNumber(0): empty_state(environment)},
            head=empty_state(environment),
        )
    opened, unsigned = _open_all(ledger, environment, sorted(numbers))
    state, states, broken = _fold_all(environment, opened, set(wanted))
    checks = (
        _compare(f"{environment} ledger", f"{_say_releases(last)}, nothing else", _say_strange(missing, foreign)),
        _compare("signatures", f"{len(opened)} of {len(numbers)} by the gate", unsigned),
        _compare(
            "chain", f"{count(state.number, 'release')}, each the child of the one before, each tree as it says", broken
        ),
    )
    is_whole = state.number == last
    return Chain(checks=checks, releases=tuple(opened), states=states, head=state if is_whole else None)


def _open_all(
    ledger: Ledger, environment: EnvironmentName, numbers: list[ReleaseNumber]
) -> tuple[list[SignedRelease], list[str]]:
    def open_one(number: ReleaseNumber) -> SignedRelease | str:
        try:
            return ledger.read(environment, number)
        except (Tampered, NotFound) as error:
            return f"release {number}: {error.message}"

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        found = list(pool.map(open_one, numbers))
    return [each for each in found if not isinstance(each, str)], [each for each in found if isinstance(each, str)]


def _fold_all(
    environment: EnvironmentName, releases: list[SignedRelease], wanted: set[ReleaseNumber]
) -> tuple[LedgerState, dict[ReleaseNumber, LedgerState], list[str]]:
    state = empty_state(environment)
    states = {ReleaseNumber(0): state}
    for signed in releases:
        try:
            state = fold(state, signed)
        except Tampered as error:
            return state, states, [f"after release {state.number}: {error.message}"]
        if state.number in wanted:
            states[state.number] = state
    return state, states, []


def _say_releases(last: ReleaseNumber) -> str:
    return f"releases 1 to {last}" if last > 1 else f"release {last}"


def _say_release(number: ReleaseNumber) -> str:
    return f"release {number}" if number else NO_RELEASE_YET


def _say_strange(missing: list[int], foreign: list[str]) -> list[str]:
    return [f"release {number} is missing" for number in missing] + [f"{name} is no release" for name in foreign]


def verify_archives(cloud: Cloud, environment: EnvironmentName, releases: Iterable[SignedRelease]) -> Check:
    """Check that every delta and snapshot that a release names is there, by its sha256."""
    wanted: dict[str, Digest] = {}
    for signed in releases:
        release, how = signed.release, signed.release.restore
        if release.delta is not None:
            wanted[delta_object(environment, release.delta)] = release.delta
        if how.snapshot_archive is not None:
            wanted[snapshot_archive_object(environment, how.snapshot)] = how.snapshot_archive
        if how.snapshot_state is not None:
            wanted[snapshot_state_object(environment, how.snapshot)] = how.snapshot_state

    def look(item: tuple[str, Digest]) -> str | None:
        name, expected = item
        try:
            found = digest(cloud.store.read(name))
        except NotFound:
            return f"{name} is gone"
        return None if found == expected else f"{name} has sha256 {found[:12]}, not {expected[:12]}"

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        faults = [fault for fault in pool.map(look, sorted(wanted.items())) if fault is not None]
    return _compare("archives", f"{count(len(wanted), 'archive')}, as the ledger names them", faults)


def list_bucket(cloud: Cloud, bucket: str) -> dict[str, ObjectInfo]:
    """The live objects under dags/ and plugins/ of an environment's bucket; empty folders' markers left out."""
    return {
        info.name: info
        for folder in FOLDERS
        for info in cloud.bucket(bucket).list(f"{folder}/")
        if not (info.name.endswith("/") and info.size_bytes == 0)
    }


def compare_bucket(bucket: str, live: Mapping[str, ObjectInfo], state: LedgerState) -> Check:
    """Check the bucket against a release by size and md5, as Cloud Storage tells them."""
    faults = [f"{path} is missing" for path in sorted(set(state.files) - set(live))]
    faults += [f"{name} is in no release" for name in sorted(set(live) - set(state.files))]
    faults += [
        f"{path} is changed"
        for path, entry in sorted(state.files.items())
        if path in live and not _holds(live[path], entry)
    ]
    return _compare(f"bucket {bucket}", _say_files(len(state.files), state.number), faults)


def _holds(live: ObjectInfo, entry: FileEntry) -> bool:
    """By size and md5; a composed object has no md5, so that only `--deep` can tell."""
    return live.size_bytes == entry.size_bytes and live.md5 in ("", entry.md5) and not live.content_encoding


def read_bucket(cloud: Cloud, bucket: str, live: Mapping[str, ObjectInfo], state: LedgerState) -> Check:
    """Check every byte of the bucket against a release, by sha256."""

    def look(entry: FileEntry) -> str | None:
        try:
            content = cloud.bucket(bucket).read(entry.path, live[entry.path].generation)
        except (KeyError, NotFound):
            return f"{entry.path} is missing"
        return None if digest(content) == entry.sha256 else f"{entry.path} is changed"

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        faults = [fault for fault in pool.map(look, state.files.values()) if fault is not None]
    return _compare(f"bytes in {bucket}", f"{_say_files(len(state.files), state.number)}, read", faults)


def compare_receipt(receipt: Receipt, states: Mapping[ReleaseNumber, LedgerState]) -> Check:
    """Check the tree an instance said it runs against the ledger's tree of that release, over the folders it holds."""
    name = f"{receipt.component}/{receipt.instance}"
    state = states.get(receipt.release)
    if state is None:
        return Check(name=name, result=Result.UNKNOWN, detail=f"runs release {receipt.release}, which does not hold")
    if receipt.release and receipt.digest != state.digest:
        return Check(
            name=name,
            result=Result.DIFFERS,
            detail=f"runs another release {receipt.release}: {receipt.digest[:12]}, not {state.digest[:12]}",
        )
    for folders in _possible_folders(receipt.component):
        if receipt.tree == tree_digest(state.files, folders):
            detail = f"{_say_release(receipt.release)}: {' and '.join(folders)}"
            return Check(name=name, result=Result.HOLDS, detail=detail)
    return Check(name=name, result=Result.DIFFERS, detail=f"its tree {receipt.tree[:12]} is not release {state.number}")


def _possible_folders(component: str) -> Iterator[tuple[str, ...]]:
    """What an instance may hold: first what its component does, for a folder without a file is in no digest."""
    if component in COMPONENT_FOLDERS:
        yield COMPONENT_FOLDERS[Component(component)]
    for size in range(len(FOLDERS), 0, -1):
        yield from combinations(FOLDERS, size)


def compare_files(name: str, found: Mapping[str, Digest], state: LedgerState, folders: tuple[str, ...]) -> Check:
    """Check files on disk against a release, over the folders that are held there.

    Args:
        name: what the result calls them.
        found: path -> sha256 of every file.
    """
    prefixes = tuple(f"{folder}/" for folder in folders)
    wanted: dict[ReleasePath, FileEntry] = {
        path: entry for path, entry in state.files.items() if path.startswith(prefixes)
    }
    faults = [f"{path} is missing" for path in sorted(set(wanted) - set(found))]
    faults += [f"{path} is in no release" for path in sorted(set(found) - set(wanted))]
    faults += [
        f"{path} is changed" for path, entry in sorted(wanted.items()) if path in found and found[path] != entry.sha256
    ]
    return _compare(name, _say_files(len(wanted), state.number), faults)


def _say_files(files: int, number: ReleaseNumber) -> str:
    return f"{count(files, 'file')} of release {number}" if number else NO_RELEASE_YET


def fail_check(name: str, error: Permanent) -> Check:
    """The result of a check that could not be made."""
    return Check(name=name, result=Result.UNKNOWN, detail=error.message)


def _compare(name: str, what: str, faults: list[str]) -> Check:
    if not faults:
        return Check(name=name, result=Result.HOLDS, detail=what)
    more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return Check(name=name, result=Result.DIFFERS, detail="; ".join(faults[:SHOWN]) + more)
