"""An environment as a git remote: which commit of this repository it runs, and pushing another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from dagwarden.errors import DagwardenError, InvalidInput
from dagwarden.ledger.read import Ledger
from dagwarden.names import ReleasePath
from dagwarden.policy.verdict import Outcome, Verdict, count_findings
from dagwarden.push.archive import DEFAULT_LIMITS
from dagwarden.push.changes import Comparison, Offer, compare_with_base, compare_with_ledger, make_offer
from dagwarden.push.deliver import Delivery, say_left_behind
from dagwarden.push.git import Repository
from dagwarden.push.manifest import MAX_COMMIT_BYTES, MAX_REASON_CHARS, PushManifest
from dagwarden.push.mapping import Listing, map_files
from dagwarden.push.released import Released, find_released
from dagwarden.push.remote_helper import (
    FETCH_FIRST,
    NON_FAST_FORWARD,
    STALE_INFO,
    UP_TO_DATE,
    Answer,
    PushOptions,
    RefSpec,
)
from dagwarden.push.screen import Screen
from dagwarden.push.submit import make_nonce
from dagwarden.push.target import Target
from dagwarden.push.verdict_lines import finding_lines, verdict_lines

_NO_COMMIT = "0" * 40


class EnvironmentRemote:
    """One environment, pushed to from one repository. Fulfils `remote_helper.Remote`."""

    def __init__(
        self,
        *,
        repository: Repository,
        target: Target,
        ledger: Ledger,
        delivery: Delivery,
        screen: Screen,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._repository = repository
        self._target = target
        self._ledger = ledger
        self._delivery = delivery
        self._screen = screen
        self._now = now
        self._options = PushOptions()
        self._released: dict[str, Released] = {}

    def set_options(self, options: PushOptions) -> None:
        """What git asked for holds from now on."""
        self._options = options
        self._screen.verbosity = options.verbosity
        self._screen.shows_progress = options.shows_progress

    def list_refs(self, *, is_for_push: bool) -> list[tuple[str, str]]:
        """The commit that this repository last released, under the ref it was pushed to; none when it never was.

        Raises:
            NotFound: asked before a push, and there is no such inbox: git would call it up to date unasked.
        """
        if is_for_push:
            self._delivery.check_inbox()
        head = self._repository.find_commit("HEAD")
        if not head and not self._target.source:
            return []
        released = self._find_released(self._name_source(head))
        ref = released.ref or self._repository.find_branch()
        if not released.commit or not ref:
            return []
        if not self._repository.find_commit(released.commit):
            self._screen.say(
                f"{self._target.environment} runs commit {released.commit[:12]}, which is not in this repository: "
                "fetch it from where you share your work, or push with --force"
            )
        return [(released.commit, ref)]

    def push(self, spec: RefSpec) -> Answer:
        """Push one commit; a ref follows it only where a release did."""
        try:
            return self._push(spec)
        except DagwardenError as error:
            self._screen.fail_with(error)
            return Answer(error.message)

    def _push(self, spec: RefSpec) -> Answer:
        head = self._repository.find_commit(spec.src)
        if not head:
            return Answer(f"{spec.src} is no commit")
        source = self._name_source(head)
        released = self._find_released(source)
        if reason := self._refuse(spec, released, head):
            return Answer(reason)
        listing = self._list(head)
        offer = self._make_offer(spec, source, released, listing)
        if listing.left_behind:
            self._screen.say(say_left_behind(listing.left_behind))
        if offer.findings:
            self._screen.tell(finding_lines(offer.findings, is_coloured=self._screen.is_coloured))
            return Answer(f"not sent: {count_findings(offer.findings)}")
        if not offer.changes:
            self._screen.tell(["nothing to release: no file of the environment differs"])
            return self._stay(released)
        manifest = self._write_manifest(spec, source, released, head, offer)
        return self._tell_verdict(self._delivery.deliver(manifest, offer, self._target.timeout_s), released)

    def _stay(self, released: Released) -> Answer:
        """Nothing to release: what the environment runs, and so the ref, stays where it is."""
        if not released.commit:
            return Answer("nothing to release: the commit brings no file to dags/ or plugins/")
        self._screen.say(f"{self._target.environment} stays at commit {released.commit[:12]}")
        return Answer(stays_at=released.commit)

    def _write_manifest(self, spec: RefSpec, source: str, released: Released, head: str, offer: Offer) -> PushManifest:
        return PushManifest(
            environment=self._target.environment,
            source=source,
            created_at=self._now(),
            changes=offer.changes,
            base_commit=released.commit,
            head_commit=head,
            ref=spec.dst,
            authors=self._repository.list_authors(self._find_base(released), head),
            message=self._repository.read_message(head),
            prefix=self._target.prefix,
            force=spec.is_forced or self._rewrites(spec, released, head),
            lease=spec.dst in self._options.expected,
            dry_run=self._options.is_dry_run,
            nonce=make_nonce(),
            break_glass=self._options.break_glass[:MAX_REASON_CHARS],
            commit=self._read_commit(head),
        )

    def _read_commit(self, commit: str) -> bytes:
        content = self._repository.read_commit(commit)
        return content if len(content) <= MAX_COMMIT_BYTES else b""

    def _refuse(self, spec: RefSpec, released: Released, head: str) -> str:
        """What speaks against the push before any file is looked at, in the words git knows.

        A lease that holds is all that is asked here; the gate takes the push only where it holds still, and where it
        rewrites what is released, from those alone who may force.
        """
        expected = self._options.expected.get(spec.dst)
        if expected is not None and expected != (released.commit or _NO_COMMIT):
            return STALE_INFO
        if spec.is_forced or expected is not None or not released.commit:
            return ""
        if head == released.commit:
            return UP_TO_DATE
        if not self._find_base(released):
            return FETCH_FIRST
        return "" if self._repository.is_ancestor(released.commit, head) else NON_FAST_FORWARD

    def _rewrites(self, spec: RefSpec, released: Released, head: str) -> bool:
        """Whether a push under a lease would be no fast-forward: such a push forces, and policy has its say."""
        if spec.dst not in self._options.expected or not released.commit:
            return False
        base = self._find_base(released)
        return not base or not self._repository.is_ancestor(base, head)

    def _make_offer(self, spec: RefSpec, source: str, released: Released, head: Listing) -> Offer:
        """What differs from the released commit; forced, or where that is not here, what differs from the ledger."""
        if spec.is_forced or (released.commit and not self._find_base(released)):
            files = self._ledger.state(self._target.environment).files
            return self._read_offer(head, compare_with_ledger(files, source, head))
        if not released.commit:
            return self._read_offer(head, compare_with_ledger({}, source, head))
        return self._read_offer(head, compare_with_base(self._list(released.commit), head))

    def _read_offer(self, head: Listing, comparison: Comparison) -> Offer:
        keys = {path: head.files[path].key for path in comparison.candidates}
        blobs = self._repository.read_blobs(keys.values(), DEFAULT_LIMITS.max_unpacked_bytes)
        contents: dict[ReleasePath, bytes] = {path: blobs[key] for path, key in keys.items()}
        return make_offer(head, comparison, contents)

    def _list(self, commit: str) -> Listing:
        tree = self._repository.list_tree(commit)
        return map_files(tree.files, tree.strange, self._target.prefix)

    def _find_base(self, released: Released) -> str:
        """The released commit where this repository has it, else empty."""
        return self._repository.find_commit(released.commit) if released.commit else ""

    def _find_released(self, source: str) -> Released:
        if source not in self._released:
            self._released[source] = find_released(self._ledger, self._target.environment, source)
        return self._released[source]

    def _name_source(self, commit: str) -> str:
        return self._target.source or name_source(self._repository, commit, self._target.prefix)

    def _tell_verdict(self, verdict: Verdict, released: Released) -> Answer:
        self._screen.tell(verdict_lines(verdict, is_coloured=self._screen.is_coloured))
        if verdict.outcome is not Outcome.ALLOWED:
            return Answer(f"{verdict.outcome}: {count_findings(verdict.findings)}")
        return Answer() if verdict.files_changed else self._stay(released)


def name_source(repository: Repository, commit: str, prefix: str = "") -> str:
    """What a repository is called that nobody named: by its first commit's id, the same in every clone, and the prefix.

    Raises:
        InvalidInput: the first commit is not here.
    """
    if repository.is_shallow():
        raise InvalidInput(
            "this clone is shallow, so the repository's first commit is not here to name it by",
            operation="name source",
            hint="run git fetch --unshallow, or name the source: git config dagwarden.source NAME",
        )
    name = f"git:{repository.find_root(commit)[:12]}"
    return f"{name}/{prefix}" if prefix else name
