"""The gate: one object in the inbox becomes one verdict and, if allowed, one release."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import msgspec

from dagwarden.audit.entries import (
    history_tampered,
    push_received,
    push_verdict,
    release_committed,
    release_rolled_back,
)
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.errors import (
    AccessDenied,
    Contended,
    InvalidInput,
    NotFound,
    Permanent,
    PreconditionFailed,
    Tampered,
    Unavailable,
)
from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.approvals import find_push_event, read_approvals
from dagwarden.handlers.claim import Claim, take_claim
from dagwarden.handlers.head_imports import HeadImports
from dagwarden.handlers.judge import Judgement, changes_python, judge, make_verdict, may_be_imported, weigh
from dagwarden.handlers.offer import (
    REMOVALS,
    Offer,
    arrival_of,
    check_newest,
    limits_of,
    may_offer,
    offered_push_id,
    read_offer,
    stands_again,
    withdraw,
)
from dagwarden.handlers.offer_lint import OfferLinter, versions_of
from dagwarden.handlers.rollbacks import spell_out
from dagwarden.handlers.stages import Stages
from dagwarden.handlers.turns import Turns
from dagwarden.handlers.validation import Validation
from dagwarden.ledger.commit import Committed, Draft, commit
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import Release
from dagwarden.ledger.rollback import read_files
from dagwarden.ledger.snapshot import Proof, adopt_newest, is_due, write_snapshot
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import (
    Digest,
    EnvironmentName,
    PushId,
    PushObject,
    RawDrop,
    ReleaseNumber,
    parse_inbox_object,
    policy_object,
    verdict_object,
)
from dagwarden.policy.environment import Environment
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.held import note_held
from dagwarden.push.rules import find
from dagwarden.validate.request import ValidateAnswer
from dagwarden.validate.settings import settings_of
from dagwarden.wire import decode, encode

VERDICT_TYPE = "application/json"


def random_attempt() -> str:
    """An id no other attempt has."""
    return uuid.uuid4().hex


class Gate:
    """Decides on pushes. One for each process; what it keeps in memory is only ever a cache of the ledger."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        now: Callable[[], dt.datetime] = utc_now,
        new_attempt: Callable[[], str] = random_attempt,
    ) -> None:
        self._cloud = cloud
        self._ledger = Ledger(cloud)
        self._linter = OfferLinter(cloud, now=now)
        self._imports = HeadImports(self._ledger)
        self._validation = Validation(cloud)
        self._audit = AuditWriter(cloud, now=now)
        self._turns = Turns()
        self._snapshot_turns = Turns(patience_s=0.0)
        self._proofs: dict[EnvironmentName, Proof] = {}
        self._now = now
        self._new_attempt = new_attempt

    def handle(self, event: ObjectEvent) -> Verdict | None:
        """There is exactly one verdict on what the event tells of afterwards, and its release if it was allowed.

        Safe at every delivery, in any order, after a crash anywhere.

        Returns:
            The verdict; None when the event is of nothing that can be offered: another bucket, another kind of event, a
            name of no push and no raw drop, or a generation that is gone or overwritten (its successor has an event of
            its own).

        What is wrong with a push is a finding, never an error: an error is about everything else, so the push is
        delivered again until that is mended, and lands among the dead letters rather than being lost.

        Raises:
            Transient: something does not answer, others kept winning, or what the store and ledger hold cannot be
                trusted: deliver the event again.
            AccessDenied: a grant is missing: the same.
        """
        found = find_push_event(self._cloud, event)
        named = None if found is None else parse_inbox_object(found.name)
        event = found or event
        if event.bucket != self._cloud.inbox.name or named is None or not may_offer(event, named):
            return None
        try:
            return self._handle(event, named)
        except AccessDenied:
            raise
        except Permanent as error:
            if isinstance(error, Tampered):
                at, resource = event.time, error.subject or event.resource
                self._audit.write(history_tampered(error, environment=named.environment, resource=resource, at=at))
            raise Unavailable(
                str(error), operation="decide", subject=event.resource, hint="mend that; the push is delivered again"
            ) from error

    def _handle(self, event: ObjectEvent, named: PushObject | RawDrop) -> Verdict | None:
        stages = Stages()
        push_id = offered_push_id(event, named)
        standing = self._find_verdict(named.environment, push_id)
        if standing is not None:
            return standing
        policy, policy_findings = self._read_policy(named.environment)
        if event.kind in REMOVALS:
            if policy is not None and policy.raw_drops.deletes:
                self._handle(arrival_of(event), named)  # a drop is decided before its end, whichever is told first
            if stands_again(self._cloud, event):
                return None
        try:
            with stages.time("read"):
                offer = read_offer(self._cloud, event, named, limits_of(policy), policy.signers if policy else ())
        except NotFound:
            return None
        with stages.time("lint"):
            contents = {path: file.content for path, file in offer.files.items()}
            findings = [*policy_findings, *offer.findings, *self._linter.lint(offer.environment, contents, policy)]
        return self._decide(offer, policy, findings, stages)

    def _decide(self, offer: Offer, policy: Policy | None, findings: list[Finding], stages: Stages) -> Verdict:
        for _ in range(self._cloud.settings.commit_attempts):
            with self._turns.take(offer.environment):
                finish = self._attempt(offer, policy, findings, stages)
            if finish is not None:
                return finish()
        raise Contended(
            f"{self._cloud.settings.commit_attempts} other releases came first",
            operation="commit release",
            subject=f"{offer.environment}/{offer.push_id}",
        )

    def _attempt(
        self, offer: Offer, policy: Policy | None, findings: list[Finding], stages: Stages
    ) -> Callable[[], Verdict] | None:
        """Judge the offer on the present head and commit it there; returns what is left to do, None on a lost race."""
        with stages.time("head"):
            state = self._ledger.state(offer.environment)
        if offer.is_removal and stands_again(self._cloud, offer.event):  # asked after the head is read: no newer drop
            offer = withdraw(offer)  # can be in it unseen
        released = state.pushes.get(offer.push_id)
        if released is not None:
            return lambda: self._finish_released(offer, policy, findings, released, stages)
        findings = [*findings, *check_newest(self._cloud, offer)]
        with stages.time("imports"):
            imports = self._imports.at(state) if changes_python(offer) else None
        target = self._find_target(offer)
        if target is not None and policy is not None and policy.validate.rollbacks == "imported":
            with stages.time("read"):
                offer = msgspec.structs.replace(offer, files=spell_out(self._ledger, offer, state, target).files)
        with stages.time("decide"):
            case = weigh(
                offer, policy, findings, state, target,
                environment=self._describe(offer.environment), imports=imports, now=self._now(),
            )  # fmt: skip
            judgement = judge(case)
        validated = None
        if policy is not None and may_be_imported(offer, policy, judgement):
            try:
                with stages.time("validate"):
                    validated = self._ask_validator(offer, policy, state.number)
            except PreconditionFailed:
                return None
            with stages.time("decide"):
                judgement = judge(case, validated=validated)
        if judgement.waits:
            approvals = read_approvals(self._cloud, offer.environment, offer.push_id, policy.signers if policy else ())
            judgement = judge(case, validated=validated, approvals=approvals)
        verdict = self._make_verdict(offer, policy, judgement, state.number, stages)
        releases = verdict.outcome is Outcome.ALLOWED and not verdict.dry_run and bool(judgement.changes)
        claim = Claim(verdict=verdict, releases=releases)
        if not verdict.is_waiting:
            with stages.time("claim"):
                claim = take_claim(self._cloud.store, claim, attempt=self._new_attempt())
        if claim.releases and claim.verdict.head > state.number:
            return None
        with stages.time("audit"):
            self._audit_verdict(offer, claim.verdict)
        if not claim.releases:
            return lambda: self._publish(offer, claim.verdict)
        with stages.time("commit"):
            committed = self._commit(offer, claim.verdict, judgement, state)
        if committed is None:
            return None
        self._ledger.remember(committed.state)
        if judgement.imports is not None:
            self._imports.remember(committed.state, judgement.imports)
        return lambda: self._finish(offer, claim.verdict, committed, stages)

    def _describe(self, environment: EnvironmentName) -> Environment | None:
        """What environment.yaml says; None where it says nothing that can be read, of which lint has told."""
        try:
            return self._linter.describe(environment)
        except InvalidInput:
            return None

    def _ask_validator(self, offer: Offer, policy: Policy, base: ReleaseNumber) -> ValidateAnswer:
        _, airflow = versions_of(self._linter.describe(offer.environment))
        settings = settings_of(policy, airflow)
        return self._validation.ask(offer, base, limits=limits_of(policy), settings=settings)

    def _commit(self, offer: Offer, verdict: Verdict, judgement: Judgement, state: LedgerState) -> Committed | None:
        manifest = offer.manifest
        if verdict.policy_digest is None or not judgement.changes:
            raise Contended(
                "another gate allowed this push by another policy",
                operation="commit release",
                subject=f"{offer.environment}/{offer.push_id}",
                hint="wait: it is delivered again until that gate has released it, or another release comes first",
            )
        base = state
        if is_due(state, self._cloud.settings.snapshot_every):
            base = adopt_newest(self._cloud, self._ledger, state, self._proofs.get(state.environment))
        draft = Draft(
            changes=judgement.changes,
            files=read_files(self._ledger, judgement.changes, offer.files, judgement.target),
            push_id=offer.push_id,
            source=manifest.source,
            base_commit=manifest.base_commit,
            head_commit=manifest.head_commit,
            ref=manifest.ref,
            authors=manifest.authors,
            message=manifest.message,
            principal=offer.principal,
            policy_digest=verdict.policy_digest,
            warnings=sum(finding.severity is Severity.WARNING for finding in verdict.findings),
            forced=manifest.force,
            break_glass=manifest.break_glass,
            rollback_to=manifest.rollback_to,
            sources=None if judgement.target is None else judgement.target.sources,
            pushed_at=offer.event.time,
        )
        return commit(self._cloud, base, draft, attempt=self._new_attempt(), now=self._now())

    def _finish(self, offer: Offer, verdict: Verdict, committed: Committed, stages: Stages) -> Verdict:
        self._audit_release(committed.release, committed.digest)
        final = msgspec.structs.replace(verdict, release=committed.release.number, stages_ms=stages.to_ms())
        final = self._publish(offer, final)
        if is_due(committed.state, self._cloud.settings.snapshot_every):
            self._write_snapshot(committed.state)
        return final

    def _write_snapshot(self, state: LedgerState) -> None:
        """Nothing is done while another of the environment is being written: pushes meanwhile find it due as well."""
        with self._snapshot_turns.take(state.environment) as is_mine:
            if is_mine:
                proof = write_snapshot(self._cloud, self._ledger, state, attempt=self._new_attempt())
                self._proofs[state.environment] = proof

    def _finish_released(
        self,
        offer: Offer,
        policy: Policy | None,
        findings: list[Finding],
        number: ReleaseNumber,
        stages: Stages,
    ) -> Verdict:
        """A gate before us died between the release and its verdict: only the verdict is missing."""
        signed = self._ledger.read(offer.environment, number)
        self._audit_release(signed.release, signed.digest)
        judgement = Judgement(
            outcome=Outcome.ALLOWED,
            findings=tuple(finding for finding in findings if finding.severity is not Severity.ERROR),
            changes=signed.release.changes,
        )
        verdict = self._make_verdict(offer, policy, judgement, ReleaseNumber(number - 1), stages)
        return self._publish(offer, msgspec.structs.replace(verdict, release=number))

    def _audit_verdict(self, offer: Offer, verdict: Verdict) -> None:
        received = push_received(
            offer.event,
            environment=offer.environment,
            push_id=offer.push_id,
            principal=offer.principal,
            source=offer.manifest.source,
        )
        self._audit.write(received, push_verdict(verdict, pushed_at=offer.event.time))

    def _audit_release(self, release: Release, digest: Digest) -> None:
        entries = [release_committed(release, digest)]
        if release.rollback_to is not None:
            entries.append(release_rolled_back(release, digest))
        self._audit.write(*entries)

    def _make_verdict(
        self, offer: Offer, policy: Policy | None, judgement: Judgement, head: ReleaseNumber, stages: Stages
    ) -> Verdict:
        verdict = make_verdict(offer, policy, judgement, head, self._now())
        return msgspec.structs.replace(verdict, stages_ms=stages.to_ms())

    def _publish(self, offer: Offer, verdict: Verdict) -> Verdict:
        """The verdict is in the store afterwards, or the one that was there first.

        One that waits for approvals is none yet, and lies elsewhere: each approval makes a gate decide again.
        """
        if verdict.is_waiting:
            note_held(self._cloud, verdict, attempt=self._new_attempt())
            return verdict
        name = verdict_object(offer.environment, offer.push_id)
        created = self._cloud.store.create(
            name, encode(verdict), attempt=self._new_attempt(), content_type=VERDICT_TYPE
        )
        return verdict if created.is_ours else decode(Verdict, self._cloud.store.read(name), subject=name)

    def _find_verdict(self, environment: EnvironmentName, push_id: PushId) -> Verdict | None:
        name = verdict_object(environment, push_id)
        try:
            return decode(Verdict, self._cloud.store.read(name), subject=name)
        except NotFound:
            return None

    def _read_policy(self, environment: EnvironmentName) -> tuple[Policy | None, list[Finding]]:
        """The policy in force; without one, or with a broken one, nothing is allowed."""
        try:
            return load_policy(self._cloud.store.read(policy_object(environment))), []
        except NotFound:
            return None, [find("policy-missing")]
        except InvalidInput as error:
            return None, [find("policy-unreadable", message=error.message)]

    def _find_target(self, offer: Offer) -> LedgerState | None:
        """The state a rollback goes back to; None when it is no rollback, or there is no such release."""
        number = offer.manifest.rollback_to
        if number is None:
            return None
        try:
            return self._ledger.state(offer.environment, number)
        except NotFound:
            return None
