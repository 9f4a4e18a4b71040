"""A gate and those who come to it: pushes made, events of them, deliveries, and what came of them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Mapping

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.storage import ObjectInfo
from dagwarden.errors import Transient
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.handlers.gate import Gate
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import SignedRelease
from dagwarden.ledger.state import LedgerState
from dagwarden.ledger.verify import verify_archives, verify_chain
from dagwarden.names import (
    EnvironmentName,
    PushId,
    ReleaseNumber,
    ReleasePath,
    policy_object,
    push_object,
    verdict_object,
)
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.archive import pack
from dagwarden.push.attest import ATTESTATION, make_claims
from dagwarden.push.manifest import Change, Delete, PushManifest, Put, push_id
from dagwarden.wire import decode, digest

PROD = EnvironmentName("prod")
TEAM = "https://git.example.com/team.git"
DELIVERIES = 12
"""How often an event is delivered before a test gives up."""

POLICY = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
pushers:
  - name: this project's accounts
    principals: ["*@{project}.iam.gserviceaccount.com"]
    paths: ["dags/**", "plugins/**"]
    may: [push, force, rollback]
raw_drops:
  allowed: true
limits:
  max_deletes_percent: 100
"""


class Desk:
    """One environment, its pushers and its gate."""

    def __init__(self, cloud: Cloud, environment: EnvironmentName = PROD, policy: str = POLICY) -> None:
        self.cloud = cloud
        self.environment = environment
        self.gate = Gate(cloud)
        self._nonces = itertools.count(1)
        self.write_policy(policy.format(project=cloud.settings.project))

    def write_policy(self, text: str) -> None:
        """The platform team applies another policy."""
        self.cloud.store.write(
            policy_object(self.environment), text.encode(), generation=None, content_type="application/yaml"
        )

    def remove_policy(self) -> None:
        """Nobody knows any more who may push."""
        info = self.cloud.store.stat(policy_object(self.environment))
        assert info is not None
        self.cloud.store.delete(info.name, generation=info.generation)

    # ---- what pushers do ------------------------------------------------------------------------------------------

    def make_manifest(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        deletes: tuple[str, ...] = (),
        source: str = TEAM,
        base: str = "",
        head: str = "",
        **fields: object,
    ) -> PushManifest:
        """A push of these files, not yet sent; unlike every other one by its nonce."""
        changes: list[Change] = [
            Put(path=ReleasePath(path), sha256=digest(content), size_bytes=len(content))
            for path, content in to_contents(files).items()
        ]
        changes += [Delete(path=ReleasePath(path)) for path in deletes]
        nonce = str(next(self._nonces))
        values: dict[str, object] = {
            "environment": self.environment,
            "source": source,
            "created_at": dt.datetime.now(dt.UTC),
            "changes": tuple(changes),
            "base_commit": base,
            "head_commit": head or f"commit-{nonce}",
            "ref": "refs/heads/main",
            "nonce": nonce,
            **fields,
        }
        return PushManifest(**values)  # type: ignore[arg-type]

    def push(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        is_signed: bool = True,
        signed_for: PushId | None = None,
        **fields: object,
    ) -> ObjectEvent:
        """Offer a push; the event of its arrival is returned and not yet delivered."""
        manifest = self.make_manifest(files, **fields)  # type: ignore[arg-type]
        contents = to_contents(files)
        named = push_id(manifest)
        token = self.sign(signed_for or named) if is_signed else ""
        return self.put_push(named, pack(manifest, contents), token)

    def sign(self, named: PushId) -> str:
        """An attestation for a push."""
        claims = make_claims(self.cloud.service_account, named, self.environment, dt.datetime.now(dt.UTC))
        return self.cloud.signer.sign_jwt(claims)

    def put_push(self, named: PushId, content: bytes, token: str = "") -> ObjectEvent:
        """Lay bytes into the inbox under a push's name."""
        metadata = {ATTESTATION: token} if token else {}
        return event_of(
            self.cloud.inbox.write(
                push_object(self.environment, named),
                content,
                generation=None,
                content_type="application/gzip",
                metadata=metadata,
            )
        )

    def drop(self, path: str, text: str) -> ObjectEvent:
        """Drop one file into the inbox."""
        name = f"{self.environment}/{path}"
        return event_of(self.cloud.inbox.write(name, text.encode(), generation=None, content_type="text/x-python"))

    # ---- deliveries -----------------------------------------------------------------------------------------------

    def deliver(self, event: ObjectEvent, gate: Gate | None = None) -> Verdict | None:
        """Deliver an event until it is acknowledged."""
        for _ in range(DELIVERIES):
            try:
                return (gate or self.gate).handle(event)
            except Transient:
                continue
        raise AssertionError(f"never acknowledged: {event.name}")

    def allow(self, event: ObjectEvent) -> ReleaseNumber:
        """Deliver; it must become a release."""
        verdict = self.deliver(event)
        assert verdict is not None
        assert verdict.outcome is Outcome.ALLOWED, verdict.findings
        assert verdict.release is not None
        return verdict.release

    def deny(self, event: ObjectEvent) -> set[str]:
        """Deliver; it must be denied, nothing is released; which rules say so."""
        before = self.head()
        verdict = self.deliver(event)
        assert verdict is not None
        assert verdict.outcome is Outcome.DENIED
        assert verdict.release is None
        assert self.head() == before
        assert find_standing(self.cloud, verdict.push_id, self.environment) == verdict
        return {finding.rule for finding in verdict.findings}

    def restart(self) -> None:
        """The function's process starts anew, with nothing in memory."""
        self.gate = Gate(self.cloud)

    # ---- what came of it ------------------------------------------------------------------------------------------

    def head(self) -> ReleaseNumber:
        """The head's number, as somebody reads it who knows nothing yet."""
        return Ledger(self.cloud).find_head_number(self.environment)

    def state(self) -> LedgerState:
        """The head's state, read from nothing."""
        return Ledger(self.cloud).state(self.environment)

    def tree(self) -> dict[str, str]:
        """The head's files, restored from nothing."""
        ledger = Ledger(self.cloud)
        head = ledger.find_head(self.environment)
        if head is None:
            return {}
        return {path: file.content.decode() for path, file in ledger.restore(self.environment, head).items()}

    def releases(self) -> list[SignedRelease]:
        """All releases, in order."""
        return list(Ledger(self.cloud).releases(self.environment, ReleaseNumber(1), self.head()))

    def verdicts(self) -> dict[PushId, Verdict]:
        """Every verdict in the store."""
        return {
            verdict.push_id: verdict
            for info in self.cloud.store.list(f"{self.environment}/verdicts/")
            for verdict in [decode(Verdict, self.cloud.store.read(info.name))]
        }

    def audit(self, kind: Kind, push: PushId | None = None) -> list[AuditEntry]:
        """The audit entries of a kind, oldest first."""
        return list(read_entries(self.cloud.audit_log, AuditQuery(kind=kind, push=push, environment=self.environment)))

    def check(self) -> None:
        """What must hold at every moment at which no event is under way."""
        check_ledger(self.cloud, self.environment)
        releases = {signed.release.push_id: signed for signed in self.releases()}
        audited = {entry.push_id: entry for entry in self.audit(Kind.RELEASE_COMMITTED)}
        decided = Counter((entry.push_id, str(entry.outcome)) for entry in self.audit(Kind.PUSH_VERDICT))
        for push, verdict in self.verdicts().items():
            assert decided[(push, str(verdict.outcome))], "a verdict without an audit entry"
            released = releases.get(push)
            assert (None if released is None else released.release.number) == verdict.release
        for push, signed in releases.items():
            assert self.verdicts()[push].outcome is Outcome.ALLOWED
            assert audited[push].release == signed.release.number
        assert len(self.audit(Kind.RELEASE_COMMITTED)) == len(releases), "an audit entry without its release"


def to_contents(files: Mapping[str, str | bytes] | None) -> dict[ReleasePath, bytes]:
    """The bytes of files, as a push brings them."""
    return {
        ReleasePath(path): said if isinstance(said, bytes) else said.encode() for path, said in (files or {}).items()
    }


def check_ledger(cloud: Cloud, environment: EnvironmentName = PROD) -> None:
    """The chain is whole, no push is in it twice, and every archive is there."""
    chain = verify_chain(cloud, Ledger(cloud), environment)
    assert {str(check.result) for check in chain.checks} == {"holds"}, chain.checks
    assert str(verify_archives(cloud, environment, chain.releases).result) == "holds"
    pushes = Counter(signed.release.push_id for signed in chain.releases)
    assert not [push for push, count in pushes.items() if count > 1], "released twice"


def find_standing(cloud: Cloud, push: PushId, environment: EnvironmentName = PROD) -> Verdict:
    """The verdict that lies in the store."""
    return decode(Verdict, cloud.store.read(verdict_object(environment, push)))


def event_of(info: ObjectInfo, kind: ObjectEventKind = ObjectEventKind.FINALIZED) -> ObjectEvent:
    """The event of an object's arrival."""
    return ObjectEvent(
        bucket=info.bucket,
        name=info.name,
        generation=info.generation,
        kind=kind,
        size_bytes=info.size_bytes,
        md5=info.md5,
        metadata=info.metadata,
        time=info.updated_at,
        event_id=str(info.generation),
    )


def push_of(event: ObjectEvent) -> PushId:
    """Which push an event tells of."""
    return PushId(event.name.rpartition("/")[2].removesuffix(".tar.gz"))
