"""A copy of one environment's tree that follows the ledger and can be built upon: what the validator works on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path

from dagwarden.errors import Contended
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.read import Ledger
from dagwarden.names import FOLDERS, NO_RELEASE, EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.push.manifest import Change, Put
from dagwarden.sync.apply import build_tree, empty_tree, lay, prepare_spare, stage
from dagwarden.sync.durable import on_disk, remove_tree
from dagwarden.sync.fetch import fetch_all, fetch_newest, fetch_next
from dagwarden.sync.pins import prune
from dagwarden.sync.plan import Plan, Row, plan
from dagwarden.sync.trees import Root, Tree


class Replica:
    """One environment's tree in a folder of its own, laid down as agents lay it. Not for two threads at once."""

    def __init__(self, ledger: Ledger, environment: EnvironmentName, folder: Path) -> None:
        self._ledger = ledger
        self._environment = environment
        self._root = Root(folder)
        self._root.open(environment, "replica")
        self._overlay = self._root.staging / "overlaid"
        self._tree = self._root.current_tree()

    def close(self) -> None:
        """Another process may take the folder."""
        self._root.close()

    def follow(self, number: ReleaseNumber) -> Tree:
        """The tree of this release, which lies here afterwards.

        Raises:
            Contended: a newer one lies here, so that whoever asks for this one has lost already.
            NotFound: there is no such release.
            Tampered: the ledger or the store do not hold together.
        """
        held = self._tree
        if held is not None and held.number == number:
            return held
        if held is not None and held.number > number:
            raise Contended(
                f"release {held.number} has come since", operation="follow", subject=f"{self._environment}/{number}"
            )
        tree = empty_tree(self._root, self._environment, FOLDERS) if number == NO_RELEASE else self._fetch(held, number)
        with on_disk("follow", self._root.path):
            self._root.flip(tree, dt.datetime.now(dt.UTC))
        self._tree = tree
        return tree

    def folder(self, tree: Tree) -> Path:
        """Where a tree that was followed lies."""
        return self._root.trees / tree.name

    def overlay(self, changes: Iterable[Change], contents: Mapping[ReleasePath, PlainFile]) -> Path:
        """A folder that holds the tree with these changes made; the replica stays as it is.

        It lies there until `tidy`: with 10,000 files that is not for whoever waits for an answer.

        Raises:
            Unavailable: it cannot be laid down, for instance because a file would take a folder's name.
            Tampered: the bytes given are not those that the changes name.
        """
        tree = self._tree
        assert tree is not None, "follow comes first"
        changed = _plan(tree, changes)
        staged = self._overlay
        with on_disk("lay over", staged):
            remove_tree(staged)
            stage(self._root, tree, changed, staged, FOLDERS)
            lay(staged, changed, contents, is_synced=False)
        return staged

    def tidy(self) -> None:
        """A spare for the next overlay lies ready, and the last one and former trees are gone."""
        remove_tree(self._overlay)
        if self._tree is None:
            return
        with on_disk("tidy", self._root.path):
            prepare_spare(self._root, self._tree)
            for folder in prune(self._root, keep=0, keep_s=0.0, now_s=float("inf")):
                remove_tree(folder)

    def _fetch(self, held: Tree | None, number: ReleaseNumber) -> Tree:
        signed = self._ledger.read(self._environment, number)
        if held is None:
            target = fetch_all(self._ledger, signed)
        elif held.number + 1 == number:
            target = fetch_next(self._ledger, held, signed)
        else:
            target = fetch_newest(self._ledger, held, signed)
        return build_tree(self._root, target, FOLDERS)


def _plan(tree: Tree, changes: Iterable[Change]) -> Plan:
    wanted: dict[ReleasePath, Row] = {}
    touched = []
    for change in changes:
        touched.append(change.path)
        if isinstance(change, Put):
            wanted[change.path] = Row(sha256=change.sha256, mode=change.mode, size_bytes=change.size_bytes)
    standing = {path: tree.files[path].row() for path in touched if path in tree.files}
    return plan(standing, wanted)
