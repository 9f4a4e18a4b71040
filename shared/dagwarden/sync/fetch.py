"""What to bring: the whole file table of a release, and the bytes of what differs from the tree held.

Every way ends in the same proof: the table's digest is the tree digest that the signed release states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import NotFound, Tampered
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.release import Link, PutFile, SignedRelease
from dagwarden.ledger.state import tree_digest
from dagwarden.names import FOLDERS, NO_RELEASE, Digest, ReleaseNumber, ReleasePath
from dagwarden.sync.plan import Plan, Row, plan
from dagwarden.sync.trees import Tree, TreeFile
from dagwarden.wire import digest

if TYPE_CHECKING:
    from dagwarden.ledger.read import Ledger

_NO_NAMES = ("", ".", "..")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A release as it shall lie here, and what must change for it."""

    signed: SignedRelease
    base: Tree | None
    """The tree it was fetched for, which is sound; None builds every file anew."""
    changes: Plan
    """From the base (from nothing, without one), in all folders."""
    files: dict[ReleasePath, TreeFile]
    """Every file of the release, in all folders; those that stay as the base's record has them."""
    contents: dict[ReleasePath, PlainFile]
    """At least those of the files whose bytes must be brought."""


def fetch_next(ledger: Ledger, held: Tree, signed: SignedRelease) -> Target:
    """The release right after the one held. One GET (none when it only deletes).

    Raises:
        Tampered: it does not name what is held as its parent, or its delta is not what it lists.
    """
    release = signed.release
    if (release.number, release.parent) != (held.number + 1, held.digest):
        why = f"release {release.number} names parent {release.parent[:12]}"
        raise _broken(signed, f"{why}, but release {held.number} here is {held.digest[:12]}")
    contents = ledger.delta(release.environment, release.delta) if release.delta else {}
    brought: dict[ReleasePath, Row | None] = {}
    for change in release.changes:
        if not isinstance(change, PutFile):
            brought[change.path] = None
            continue
        row = Row(sha256=change.sha256, mode=change.mode, size_bytes=change.size_bytes)
        if change.path not in contents or row_of(contents[change.path]) != row:
            raise _broken(signed, f"its delta does not hold {change.path} as the release lists it")
        brought[change.path] = row
    return _aim(signed, held, brought, contents)


def fetch_newest(ledger: Ledger, held: Tree, head: SignedRelease) -> Target:
    """The head, from a tree that is one or more releases behind: the deltas between, or all of it when that is less.

    Raises:
        Tampered: what is held is no part of the head's history.
    """
    links = links_between(held.number, held.digest, head)
    if links is None:
        _confirm_record(ledger, held)
        return fetch_all(ledger, head, held)
    brought: dict[ReleasePath, Row | None] = {}
    contents: dict[ReleasePath, PlainFile] = {}
    release = head.release
    last = Link(
        number=release.number,
        digest=head.digest,
        delta=release.delta,
        deletes=tuple(change.path for change in release.changes if not isinstance(change, PutFile)),
    )
    for link in (*links, last):
        files = ledger.delta(release.environment, link.delta) if link.delta else {}
        contents.update(files)
        brought.update((path, row_of(file)) for path, file in files.items())
        brought.update(dict.fromkeys(link.deletes))
    return _aim(head, held, brought, contents)


def fetch_all(ledger: Ledger, signed: SignedRelease, base: Tree | None = None) -> Target:
    """A whole release: its newest snapshot and the deltas after it.

    Args:
        base: a sound tree whose files are kept where they are those of the release.
    """
    contents = ledger.restore(signed.release.environment, signed)
    brought: dict[ReleasePath, Row | None] = {}
    if base is not None:
        brought.update(dict.fromkeys(base.files))
    brought.update((path, row_of(file)) for path, file in contents.items())
    return _aim(signed, base, brought, contents)


def confirm_history(ledger: Ledger, held: Tree, head: SignedRelease) -> None:
    """What is held is part of the head's history, or the head itself.

    Raises:
        Tampered: it is not.
    """
    if head.release.number == held.number:
        if head.digest != held.digest:
            raise _broken(head, f"is {head.digest[:12]} in the ledger, but here it is {held.digest[:12]}")
    elif links_between(held.number, held.digest, head) is None:
        _confirm_record(ledger, held)


def links_between(number: ReleaseNumber, digest: Digest, head: SignedRelease) -> tuple[Link, ...] | None:
    """The releases after (number, digest) and before the head, as the head lists them.

    Returns:
        None when the head's newest snapshot is newer than `number`: then its links do not reach back that far.

    Raises:
        Tampered: the head lists another release under that number, or its list has a gap.
    """
    how = head.release.restore
    if number < how.snapshot:
        return None
    known = {how.snapshot: how.snapshot_release} | {link.number: link.digest for link in how.links}
    if known.get(number) != digest:
        listed = known.get(number, "nothing")[:12]
        raise _broken(head, f"lists {listed} as release {number}, but here it is {digest[:12]}")
    links = tuple(link for link in how.links if link.number > number)
    if [link.number for link in links] != list(range(number + 1, head.release.number)):
        raise _broken(head, f"does not list every release after {number}")
    if known[ReleaseNumber(head.release.number - 1)] != head.release.parent:
        raise _broken(head, "names another parent than it lists")
    return links


def row_of(file: PlainFile) -> Row:
    """A file as plans compare it."""
    return Row(sha256=digest(file.content), mode=file.mode, size_bytes=len(file.content))


def _aim(
    signed: SignedRelease,
    base: Tree | None,
    brought: Mapping[ReleasePath, Row | None],
    contents: dict[ReleasePath, PlainFile],
) -> Target:
    """The target that differs from the base by what was brought (None: gone). Only that much is looked at one by one:
    with 10,000 files a release would else cost each agent three times the work.

    Raises:
        Tampered: that does not make the tree the release states.
    """
    _check_paths(signed, contents)
    standing = {} if base is None else base.files
    before = {path: standing[path].row() for path in brought if path in standing}
    changes = plan(before, {path: row for path, row in brought.items() if row is not None})
    files = dict(standing)
    for path in changes.deletes:
        del files[path]
    for path, row in (*changes.puts.items(), *changes.modes.items()):
        files[path] = TreeFile(row.sha256, row.mode, row.size_bytes)
    found = tree_digest(files)
    if found != signed.release.tree:
        raise _broken(signed, f"says its tree is {signed.release.tree[:12]}, its files make {found[:12]}")
    return Target(signed=signed, base=base, changes=changes, files=files, contents=contents)


def _check_paths(signed: SignedRelease, paths: Iterable[ReleasePath]) -> None:
    """The gate lets no such path pass; an agent that writes to disk does not lean on that."""
    for path in paths:
        folder, *rest = path.split("/")
        if folder not in FOLDERS or not rest or any(part in _NO_NAMES for part in rest) or "\0" in path:
            raise _broken(signed, f"holds the path {path!r}")


def _confirm_record(ledger: Ledger, held: Tree) -> None:
    """The ledger still has what is held under its number."""
    if held.number == NO_RELEASE:
        return
    try:
        signed = ledger.read(held.environment, held.number)
    except NotFound as error:
        raise Tampered(
            f"release {held.number} runs here and is gone from the ledger",
            operation="follow chain",
            subject=f"{held.environment}/{held.number}",
            hint="run `dagwarden verify`",
        ) from error
    confirm_history(ledger, held, signed)


def _broken(signed: SignedRelease, why: str) -> Tampered:
    return Tampered(
        f"the release {why}" if not why.startswith("release ") else why,
        operation="follow chain",
        subject=f"{signed.release.environment}/{signed.release.number}",
        hint="run `dagwarden verify` and compare with the audit log",
    )
