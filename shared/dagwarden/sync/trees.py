"""The agent's root folder: which trees lie there, and which of them `current` shows.

    ROOT/current      -> trees/0000000124-0a1b2c3d4e5f   what Airflow reads; replaced by one atomic rename
    ROOT/trees/       one folder for each release kept, files read-only; NAME.json beside it says what it holds
    ROOT/spares/      a hard-linked copy of the live tree nobody has seen: the next release is laid onto it
    ROOT/staging/     what is being made or thrown away; emptied at start
    ROOT/pins/        NUMBER/HOLDER: who still uses an old tree (pins.lock: see sync/pins.py)
    ROOT/receipts/    receipts not yet published
    ROOT/state.json   what is applied, for people and for ReleaseBundle; follows from `current` at any time
    ROOT/agent.lock   held by the one agent at work here

`current` and the record beside its tree are the truth; everything else can be lost.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import itertools
import os
from pathlib import Path

import msgspec

from dagwarden.errors import AlreadyExists, DagwardenError, InvalidInput
from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber, ReleasePath
from dagwarden.push.manifest import FileMode
from dagwarden.sync.durable import make_folder, on_disk, remove_tree, replace_file, replace_link, sync_folder
from dagwarden.sync.plan import Row
from dagwarden.wire import decode, encode

PINS_MODE = 0o1777
"""Tasks run as other users: everybody may add a pin, nobody may take away another's."""


class TreeFile(msgspec.Struct, frozen=True, array_like=True):
    """One file as the record has it."""

    sha256: Digest
    mode: FileMode
    size_bytes: int
    mtime_ns: int = 0
    """As it was written here; 0 for a file of a folder this component does not hold."""

    def row(self) -> Row:
        """The same, as plans compare it."""
        return Row(sha256=self.sha256, mode=self.mode, size_bytes=self.size_bytes)


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one tree: the whole release's file table, of which the files in `folders` lie here."""

    environment: EnvironmentName
    number: ReleaseNumber
    digest: Digest
    """Of the release."""
    tree: Digest
    """Of the whole release's tree, as the release says."""
    held_digest: Digest
    """Of the files that lie here, as receipts carry it."""
    name: str
    """Of its folder in trees/."""
    folders: tuple[str, ...]
    files: dict[ReleasePath, TreeFile]
    push_id: PushId | None = None
    pushed_at: dt.datetime | None = None
    committed_at: dt.datetime | None = None

    def held(self) -> dict[ReleasePath, TreeFile]:
        """The files that lie here."""
        prefixes = tuple(f"{folder}/" for folder in self.folders)
        return {path: file for path, file in self.files.items() if path.startswith(prefixes)}


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """state.json: what this root is for and what it runs."""

    environment: EnvironmentName
    component: str
    instance: str
    folders: tuple[str, ...]
    release: ReleaseNumber
    digest: Digest
    tree: Digest
    """Over the folders held."""
    visible_at: dt.datetime
    settings: dict[str, str] = {}  # msgspec copies mutable defaults
    """Where the ledger is and who signs it, so that ReleaseBundle can fetch a release that is no longer kept."""


def tree_name(number: ReleaseNumber, digest: Digest) -> str:
    """The folder of one release.

    >>> tree_name(ReleaseNumber(124), Digest("0a1b2c3d4e5f" + "0" * 52))
    '0000000124-0a1b2c3d4e5f'
    """
    return f"{number:010d}-{digest[:12]}"


def number_of(name: str) -> ReleaseNumber | None:
    """The release a tree's folder is of; None when the name is no tree's."""
    digits, dash, _ = name.partition("-")
    return ReleaseNumber(int(digits)) if dash and len(digits) == 10 and digits.isdecimal() else None


class Root:
    """One root folder. Reading needs no lock; only the agent that holds the lock writes (pins aside)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.current = path / "current"
        self.trees = path / "trees"
        self.spares = path / "spares"
        self.staging = path / "staging"
        self.pins = path / "pins"
        self.pins_lock = path / "pins.lock"
        self.receipts = path / "receipts"
        self._lock: int | None = None

    # ---- reading -------------------------------------------------------------------------------------------------

    def current_name(self) -> str | None:
        """The name of the tree that `current` shows; None before the first release."""
        try:
            return Path(self.current.readlink()).name
        except OSError:
            return None

    def current_tree(self) -> Tree | None:
        """The record of the live tree; None when there is none or its record cannot be read (then it is made anew)."""
        name = self.current_name()
        return None if name is None else self.record(name)

    def record(self, name: str) -> Tree | None:
        """The record of one tree; None when there is none that can be read."""
        try:
            return decode(Tree, self._record_path(name).read_bytes(), subject=name)
        except (DagwardenError, OSError):
            return None

    def names(self) -> list[str]:
        """All trees kept, oldest release first."""
        return sorted(
            entry.name for entry in self.trees.iterdir() if number_of(entry.name) is not None and entry.is_dir()
        )

    def state(self) -> State | None:
        """What state.json says; None when it is not there or cannot be read (then it is written anew)."""
        try:
            return decode(State, (self.path / "state.json").read_bytes(), subject=str(self.path / "state.json"))
        except (DagwardenError, OSError):
            return None

    def superseded_at(self, name: str) -> float:
        """When the tree stopped being current (or was made), in seconds since the epoch."""
        return self._record_path(name).stat().st_mtime

    # ---- writing -------------------------------------------------------------------------------------------------

    def open(self, environment: EnvironmentName, owner: str) -> None:
        """This process alone works on the root afterwards, and what a crash left half-done is gone.

        Args:
            owner: who locks it, for the message another agent gives.

        Raises:
            InvalidInput: the path is no folder, holds another environment's trees, or a `current` that is no link.
            AlreadyExists: another agent works here.
            AccessDenied: the folder cannot be written.
        """
        with on_disk("open root", self.path):
            if self.path.exists() and not self.path.is_dir():
                raise InvalidInput("is no folder", operation="open root", subject=str(self.path), hint="choose another")
            if self.current.exists() and not self.current.is_symlink():
                hint = "move it away: the agent shows its releases under this name"
                raise InvalidInput(
                    "is no link of the agent's", operation="open root", subject=str(self.current), hint=hint
                )
            make_folder(self.path)
            self._take_lock(owner)
            self._check_owner(environment)
            for folder in (self.trees, self.spares, self.staging, self.receipts):
                make_folder(folder)
            make_folder(self.pins, PINS_MODE)
            self.pins_lock.touch()
            self.pins_lock.chmod(0o644)
            self._clear_half_done()

    def close(self) -> None:
        """Another agent may work here afterwards."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_record(self, tree: Tree) -> None:
        """The tree's record is there afterwards."""
        replace_file(self._record_path(tree.name), encode(tree))

    def publish(self, staged: Path, tree: Tree) -> None:
        """The finished tree lies in trees/ afterwards, whole; nobody is sent to it yet."""
        self.write_record(tree)
        staged.rename(self.trees / tree.name)
        sync_folder(self.trees)

    def flip(self, tree: Tree, now: dt.datetime) -> None:
        """`current` shows `tree` afterwards; the one it showed counts its age from now."""
        before = self.current_name()
        replace_link(self.current, f"trees/{tree.name}")
        sync_folder(self.path)
        if before is not None and before != tree.name and self._record_path(before).exists():
            os.utime(self._record_path(before), (now.timestamp(), now.timestamp()))

    def write_state(self, state: State) -> None:
        """state.json says this afterwards. Not flushed: what the power takes with it follows from `current`."""
        replace_file(self.path / "state.json", encode(state), is_synced=False)

    def unused_name(self, number: ReleaseNumber, digest: Digest) -> str:
        """A folder name for the release that no tree has: a healed tree stands beside the damaged one."""
        plain = tree_name(number, digest)
        names = itertools.chain([plain], (f"{plain}.{count}" for count in itertools.count(1)))
        return next(name for name in names if not (self.trees / name).exists())

    def discard(self, name: str) -> Path:
        """The tree is in nobody's way afterwards; returns where its folder waits to be deleted."""
        aside = self.staging / f"old-{name}"
        remove_tree(aside)
        (self.trees / name).rename(aside)
        self._record_path(name).unlink(missing_ok=True)
        return aside

    def _record_path(self, name: str) -> Path:
        return self.trees / f"{name}.json"

    def _take_lock(self, owner: str) -> None:
        handle = os.open(self.path / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another agent"
            os.close(handle)
            raise AlreadyExists(
                f"{holder} is at work here",
                operation="open root",
                subject=str(self.path),
                hint="give each agent a root of its own",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner.encode()[:200], 0)
        self._lock = handle

    def _check_owner(self, environment: EnvironmentName) -> None:
        state = self.state()
        if state is not None and state.environment != environment:
            raise InvalidInput(
                f"holds the trees of environment {state.environment}, not of {environment}",
                operation="open root",
                subject=str(self.path),
                hint="give each environment a root of its own",
            )

    def _clear_half_done(self) -> None:
        for entry in self.staging.iterdir():
            remove_tree(entry)
        current = self.current_name()
        shown = number_of(current or "")
        for name in self.names():
            is_ahead = shown is None or (number_of(name) or 0) > shown
            if name != current and (is_ahead or not self._record_path(name).exists()):
                remove_tree(self.discard(name))
        for record in self.trees.glob("*.json"):
            if not (self.trees / record.stem).exists():
                record.unlink()
