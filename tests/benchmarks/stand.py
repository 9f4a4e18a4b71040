"""A real stack to measure on: pushes are made in this process by the product's own code, and every receipt is seen."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from google.auth.credentials import AnonymousCredentials

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.cloud.topics import Incoming
from dagwarden.names import PushId, ReleaseNumber, ReleasePath, policy_object, release_object
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.changes import Offer
from dagwarden.push.manifest import PushManifest, Put
from dagwarden.push.submit import attest, find_verdict, make_nonce, make_packed, submit
from dagwarden.settings import Settings
from dagwarden.sync.notice import Receipt, ReceiptOutcome
from dagwarden.wire import decode, digest
from localcloud.calls import CallKey
from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack, running_stack
from tests.benchmarks.timeline import Push

PATIENCE_S = 180.0
QUIET_S = 0.15
RECEIPTS = "benchmark-receipts"
OWN_CALLER = "benchmark"
MIRROR = "mirror"
CHOICE = "\n# Of the benchmark:\n"
T = TypeVar("T")
EVERYBODY = frozenset({*(agent.instance for agent in plan.AGENTS), MIRROR})


class Sent(msgspec.Struct, frozen=True):
    """A push on its way."""

    push_id: PushId
    begun_at: dt.datetime
    submitted_s: float
    """What the pusher's own part took."""


class Source:
    """One source of pushes: knows what it last released."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._name = name
        self._commit = 0

    def push(self, files: Mapping[ReleasePath, bytes]) -> Sent:
        """Pack, sign and send these files, as the pushing commands do."""
        begun_at, begun = utc_now(), time.perf_counter()
        manifest = PushManifest(
            environment=plan.ENVIRONMENT,
            source=self._name,
            created_at=begun_at,
            changes=tuple(
                Put(path=path, sha256=digest(content), size_bytes=len(content)) for path, content in files.items()
            ),
            base_commit=f"{self._commit:040x}" if self._commit else "",
            head_commit=f"{self._commit + 1:040x}",
            ref="refs/heads/main",
            authors=("Ada <ada@example.com>",),
            message="Change a DAG",
            nonce=make_nonce(),
        )
        offer = Offer(changes=manifest.changes, contents=files, findings=(), digests={})
        packed = make_packed(manifest, offer)
        submit(self._cloud, packed, attest(self._cloud, packed, begun_at))
        self._commit += 1
        return Sent(packed.push_id, begun_at, time.perf_counter() - begun)


class Stand:
    """What benchmarks act with."""

    def __init__(self, stack: Stack) -> None:
        """Makes Google's clients of this process speak to the stack's local cloud."""
        self.stack = stack
        self.settings = Settings.load(_ours(stack.environ("ada")))
        os.environ.update(stack.environ("ada"))
        self.cloud = Cloud(self.settings)
        self.owner = Cloud(msgspec.structs.replace(self.settings, caller=OWN_CALLER), AnonymousCredentials())
        self._seen: dict[ReleaseNumber, dict[str, Receipt]] = defaultdict(dict)
        self._news = threading.Condition()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Every receipt is seen within."""
        subscription = self.owner.subscription(RECEIPTS)
        subscription.ensure(self.settings.receipts_topic, "", expires_after_s=86_400)
        stream = subscription.stream(self._take)
        try:
            yield
        finally:
            stream.close()
            subscription.delete()

    def choose_imports(self, choice: str) -> None:
        """Whether the gate has DAG files imported from now on: `required` or `skipped`.

        The corpus has each example many times over, so DAG ids that are taken deny nothing here.
        """
        name = policy_object(plan.ENVIRONMENT)
        content, info = self.owner.store.read_with_info(name)
        kept = content.decode().partition(CHOICE)[0].replace("rules: {}", "rules: {duplicate-dag-id: warn}")
        text = f"{kept}{CHOICE}validate:\n  imports: {choice}\n"
        self.owner.store.write(name, text.encode(), generation=info.generation, content_type="application/yaml")

    def source(self, name: str) -> Source:
        """A new source of pushes."""
        return Source(self.cloud, name)

    def await_release(self, number: ReleaseNumber, who: frozenset[str] = EVERYBODY) -> dict[str, Receipt]:
        """The receipts of these instances for a release, once all are there."""
        with self._news:
            done = self._news.wait_for(lambda: who <= self._seen[number].keys(), PATIENCE_S)
            if not done:
                raise TimeoutError(f"release {number}: no receipt of {sorted(who - self._seen[number].keys())}")
            return {name: self._seen[number][name] for name in who}

    def await_head(self, number: ReleaseNumber) -> None:
        """Every agent shows release `number`, whichever ones it passed over."""
        with self._news:
            done = self._news.wait_for(lambda: EVERYBODY - {MIRROR} <= self._seen[number].keys(), PATIENCE_S)
            assert done, f"release {number} is not everywhere"

    def settle(self) -> None:
        """Nobody has anything left to do: every agent's spare tree lies ready, and no API is called any more."""
        roots = [self.stack.agent_root(agent.instance) for agent in plan.AGENTS]
        wait_until(lambda: all(_has_spare(root) for root in roots), "spare trees")
        counts = self.counts()
        while (later := wait(QUIET_S, self.counts)) != counts:
            counts = later

    def counts(self) -> Counter[CallKey]:
        """All API calls so far, but for the stand's own."""
        found: Counter[CallKey] = Counter()
        for each in self.stack.admin.counts():
            if each.caller != OWN_CALLER:
                found[CallKey(each.service, each.method, each.caller)] += each.count
        return found

    def verdict(self, sent: Sent) -> Verdict:
        """The gate's verdict on a push that must be allowed."""
        wait_until(lambda: find_verdict(self.cloud, plan.ENVIRONMENT, sent.push_id) is not None, "the verdict")
        found = find_verdict(self.cloud, plan.ENVIRONMENT, sent.push_id)
        assert found is not None
        assert found.outcome is Outcome.ALLOWED, found.findings[:3]
        return found

    def tell(self, sent: Sent, receipts: Mapping[str, Receipt]) -> Push:
        """What a push went through, looked up after the fact."""
        verdict = self.verdict(sent)
        assert verdict.release is not None
        info = self.cloud.ledger.stat(release_object(plan.ENVIRONMENT, verdict.release))
        assert info is not None
        agents = tuple(receipt for name, receipt in sorted(receipts.items()) if name != MIRROR)
        return Push(begun_at=sent.begun_at, verdict=verdict, committed_at=info.updated_at, receipts=agents)

    def _take(self, incoming: Incoming) -> None:
        receipt = decode(Receipt, incoming.data, subject="receipt")
        name = MIRROR if receipt.component == "bucket" else receipt.instance
        if receipt.outcome is ReceiptOutcome.APPLIED:
            with self._news:
                self._seen[receipt.release][name] = receipt
                self._news.notify_all()


@contextmanager
def running_stand(folder: Path, *, with_agents: bool = True) -> Iterator[Stand]:
    """A stack that runs within the block, with every receipt seen."""
    with running_stack(folder, with_agents=with_agents) as stack:
        stand = Stand(stack)
        stand.choose_imports("skipped")
        with stand.watching():
            yield stand


def wait(pause_s: float, look: Callable[[], T]) -> T:
    """What is seen after a pause."""
    time.sleep(pause_s)
    return look()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Return as soon as `holds`.

    Raises:
        TimeoutError: it does not, in time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE_S:.0f} s in vain for {what}")
        time.sleep(0.02)


def _has_spare(root: Path) -> bool:
    return (root / "spares" / (root / "current").resolve().name).exists()


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith("DAGWARDEN_")}
