"""One instance's agent: makes what the ledger says live here, and nothing else.

Every method is safe to call twice, in any order, from several threads; what it cannot do it reports, and leaves live
what was live.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagwarden.errors import DagwardenError, NotFound, Tampered
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import SignedRelease
from dagwarden.names import NO_RELEASE, ReleaseNumber
from dagwarden.sync.apply import build_tree, empty_tree, prepare_spare
from dagwarden.sync.check import describe, find_damage
from dagwarden.sync.durable import on_disk, remove_tree
from dagwarden.sync.fetch import Target, confirm_history, fetch_all, fetch_newest, fetch_next
from dagwarden.sync.instance import Instance
from dagwarden.sync.notice import Notice
from dagwarden.sync.pins import prune
from dagwarden.sync.reporter import Reporter, Watch
from dagwarden.sync.trees import Root, State, Tree
from dagwarden.wire import decode

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.topics import Incoming


class Agent:
    """Holds one root folder at what the ledger says."""

    def __init__(
        self, cloud: Cloud, root: Root, instance: Instance, reporter: Reporter, now: Callable[[], dt.datetime]
    ) -> None:
        """Touches nothing before `open`."""
        self.root = root
        self.instance = instance
        self.reporter = reporter
        self.applied = threading.Event()
        """Set whenever a release became live: then there is tidying to do."""
        self.last_sync_at: dt.datetime | None = None
        """When what the ledger holds was last known to be live here."""
        self._settings = cloud.settings
        self._ledger = Ledger(cloud)
        self._now = now
        self._turn = threading.RLock()
        self._disk = threading.RLock()
        self._tree: Tree | None = None
        self._is_suspect = False

    @property
    def tree(self) -> Tree | None:
        """What is live here; None before the first release was applied."""
        return self._tree

    def open(self) -> None:
        """The root is this agent's, and what it holds is known.

        Raises:
            InvalidInput, AlreadyExists, AccessDenied: the root cannot be used; see `Root.open`.
        """
        self.root.open(self.instance.environment, f"agent {self.instance.component}/{self.instance.name}")
        self._tree = self.root.current_tree()
        if self._tree is not None:
            self.reporter.metrics.see_release(self._tree.number)
            has_other_folders = self._tree.folders != self.instance.held_folders()
            self._is_suspect = has_other_folders or bool(self._find_damage(reads_bytes=False))
            self._mend_state(self._tree)
            self.applied.set()

    def close(self) -> None:
        """Another agent may take the root."""
        self.root.close()

    def take_notice(self, incoming: Incoming) -> bool:
        """The release noticed, or a newer one, is live afterwards; failing that, a receipt says why.

        A notice is a hint: old, doubled and forged ones change nothing, and none is asked for again. The next look at
        the ledger finds what could not be applied now.

        Returns:
            False when something failed: then a look at the ledger is due.
        """
        self.reporter.metrics.count_notice()
        noticed_at = self._now()
        try:
            notice = decode(Notice, incoming.data, subject=f"notice {incoming.id}")
        except DagwardenError as error:
            self._ignore(str(error))
            return True
        if notice.environment != self.instance.environment:
            self._ignore(f"it is for environment {notice.environment}")
            return True
        waited_ms = round((noticed_at - incoming.published_at).total_seconds() * 1000, 3)
        try:
            with self._turn, self._reporting(notice.release):
                self._follow(notice.release, Watch(noticed_at, waited_ms))
        except DagwardenError:
            return False
        return True

    def reconcile(self, *, reads_bytes: bool = False) -> None:
        """The ledger's newest release is live and undamaged afterwards, and a receipt says so.

        Args:
            reads_bytes: compare every byte of the live tree, not only sizes and times of writing.

        Raises:
            Transient, Permanent: it could not be done; what was live still is, and a receipt says why.
        """
        with self._turn:
            with self._reporting(None):
                healed = self._heal(reads_bytes=reads_bytes)
                has_changed = self._catch_up(Watch())
            if healed or not has_changed:
                self.reporter.tell_running(self._tree, healed)

    def tidy(self) -> None:
        """A spare of the live tree lies ready and trees nobody needs are gone."""
        try:
            with self._disk, on_disk("tidy", self.root.path):
                if self._tree is not None and not self._is_suspect:
                    prepare_spare(self.root, self._tree)
                gone = prune(
                    self.root,
                    keep=self._settings.keep_trees,
                    keep_s=self._settings.keep_trees_s,
                    now_s=self._now().timestamp(),
                )
                self.reporter.metrics.see_trees(len(self.root.names()))
        except DagwardenError as error:
            self.reporter.say("tidying failed", severity="WARNING", error=str(error))
            return
        for folder in gone:
            remove_tree(folder)

    # ---- within a turn -------------------------------------------------------------------------------------------

    def _follow(self, wanted: ReleaseNumber, watch: Watch) -> None:
        held = self._tree
        if held is not None and wanted <= held.number:
            return
        if held is None or self._is_suspect or wanted > held.number + 1:
            self._catch_up(watch)
            return
        try:
            signed = self._ledger.read(self.instance.environment, wanted)
        except NotFound as error:
            self._ignore(str(error))
            return
        watch.mark("read")
        target = fetch_next(self._ledger, held, signed)
        watch.mark("delta")
        self._show(target, watch)
        self._see_sync()

    def _catch_up(self, watch: Watch) -> bool:
        held = self._tree
        head = self._find_head(held)
        watch.mark("read")
        if head is None:
            if held is None or self._is_suspect:
                self._show_empty()
            self._see_sync()
            return False
        is_behind = held is None or head.release.number > held.number
        if held is not None and (self._is_suspect or not is_behind):
            confirm_history(self._ledger, held, head)
        if is_behind or self._is_suspect:
            base = None if self._is_suspect else held
            target = fetch_newest(self._ledger, base, head) if base else fetch_all(self._ledger, head)
            watch.mark("delta")
            self._show(target, watch)
        self._see_sync()
        return is_behind

    def _find_head(self, held: Tree | None) -> SignedRelease | None:
        number = held.number if held else NO_RELEASE
        try:
            return self._ledger.find_head(self.instance.environment, number)
        except NotFound as error:
            raise Tampered(
                f"release {number} runs here and is gone from the ledger",
                operation="find head",
                subject=self.instance.environment,
                hint="run `dagwarden verify` and compare with the audit log",
            ) from error

    def _heal(self, *, reads_bytes: bool) -> str:
        tree = self._tree
        found = self._find_damage(reads_bytes=reads_bytes)
        if tree is None or not found:
            return ""
        self._is_suspect = True
        self.reporter.say("live tree is damaged", severity="ERROR", release=tree.number, damage=found)
        if tree.number == NO_RELEASE:
            self._show_empty()
            return found
        watch = Watch()
        signed = self._ledger.read(tree.environment, tree.number)
        watch.mark("read")
        confirm_history(self._ledger, tree, signed)
        target = fetch_all(self._ledger, signed)
        watch.mark("delta")
        self._show(target, watch)
        return found

    def _find_damage(self, *, reads_bytes: bool) -> str:
        tree = self._tree
        if tree is None:
            return ""
        folder = self.root.trees / tree.name
        with on_disk("check tree", folder):
            return describe(find_damage(folder, tree, reads_bytes=reads_bytes))

    def _show(self, target: Target, watch: Watch) -> None:
        with self._disk, on_disk("show release", self.root.path):
            tree = build_tree(self.root, target, self.instance.held_folders())
            watch.mark("apply")
            visible_at = self._flip(tree)
            watch.mark("flip")
        self.reporter.tell_applied(tree, visible_at, watch)
        self.applied.set()

    def _show_empty(self) -> None:
        with self._disk, on_disk("show release", self.root.path):
            tree = empty_tree(self.root, self.instance.environment, self.instance.held_folders())
            self._flip(tree)
        self.reporter.metrics.see_release(NO_RELEASE)
        self.reporter.say("no release yet", tree=tree.name)

    def _flip(self, tree: Tree) -> dt.datetime:
        self.root.flip(tree, self._now())
        visible_at = self._now()
        self._tree, self._is_suspect = tree, False
        self.root.write_state(self._state(tree, visible_at))
        return visible_at

    def _mend_state(self, tree: Tree) -> None:
        """state.json says what is live: a crash may have come between the flip and its writing."""
        with on_disk("write state", self.root.path):
            before = self.root.state()
            state = self._state(tree, before.visible_at if before and before.digest == tree.digest else self._now())
            if state != before:
                self.root.write_state(state)

    def _state(self, tree: Tree, visible_at: dt.datetime) -> State:
        return State(
            environment=self.instance.environment,
            component=self.instance.component,
            instance=self.instance.name,
            folders=tree.folders,
            release=tree.number,
            digest=tree.digest,
            tree=tree.held_digest,
            visible_at=visible_at,
            settings=self._settings.to_environ(),
        )

    def _see_sync(self) -> None:
        self.last_sync_at = self._now()
        self.reporter.metrics.see_sync(self.last_sync_at)

    # ---- telling -------------------------------------------------------------------------------------------------

    def _ignore(self, why: str) -> None:
        self.reporter.say("notice ignored", severity="WARNING", error=why)

    @contextmanager
    def _reporting(self, wanted: ReleaseNumber | None) -> Iterator[None]:
        try:
            yield
        except DagwardenError as error:
            self.reporter.tell_failed(self._tree, wanted, str(error))
            raise
