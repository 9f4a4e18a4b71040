"""The judgement on an offer, on top of one head: pure, so that a lost race is simply judged again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from dagwarden.handlers.offer import Offer
from dagwarden.ledger.changes import changes_of_push, changes_of_rollback
from dagwarden.ledger.release import DeleteFile, FileChange, PutFile
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.lint.graph import PYTHON, ImportGraph
from dagwarden.lint.import_rules import check_change
from dagwarden.lint.imports import FileImports, read_imports
from dagwarden.names import Digest, ReleaseNumber, ReleasePath
from dagwarden.policy.decide import decide
from dagwarden.policy.environment import Environment
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.identities import judges_identities
from dagwarden.policy.mentions import Mention, find_mentions
from dagwarden.policy.model import Policy
from dagwarden.policy.rules import index_rules
from dagwarden.policy.verdict import Outcome, Verdict, Wait
from dagwarden.push.ancestry import check_ancestry
from dagwarden.push.manifest import Put
from dagwarden.push.paths import check_tree
from dagwarden.push.rules import find
from dagwarden.validate.request import ValidateAnswer
from dagwarden.validate.rules.table import drop_told


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of an offer."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    changes: tuple[FileChange, ...]
    """What it changes there, denied or not; nothing when it cannot be read."""
    switched_off: int = 0
    """Findings that the policy drops: counted, not told."""
    approved_by: tuple[str, ...] = ()
    """Whose approvals counted."""
    waits: tuple[Wait, ...] = ()
    """What it waits for, or has waited for in vain, where nothing else is against it."""
    facts_digest: Digest | None = None
    """Of what the policy was asked about; None where it was not asked."""
    target: LedgerState | None = None
    """For a rollback: the state it goes back to."""
    imports: ImportGraph | None = None
    """The import graph of the tree as it would be; None where it was not made."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An offer on top of one head, with all that is known of it before its code is run or anybody approves."""

    changes: tuple[FileChange, ...] = ()
    findings: tuple[Finding, ...]
    target: LedgerState | None = None
    imports: ImportGraph | None = None
    policy: Policy | None = None
    facts: PushFacts | None = None
    """What the policy is asked about; None where there is nothing to ask, or nobody."""


def weigh(
    offer: Offer,
    policy: Policy | None,
    findings: list[Finding],
    state: LedgerState,
    target: LedgerState | None,
    *,
    environment: Environment | None = None,
    imports: ImportGraph | None = None,
    now: dt.datetime,
) -> Case:
    """Make a case of an offer on top of `state`.

    Args:
        findings: what unpacking, attestation and lint found: none of it hangs on the head.
        target: for a rollback, the state it goes back to.
        environment: what it is pushed to; None where nobody described it.
        imports: the import graph of `state`; None when the push changes no Python.
    """
    manifest = offer.manifest
    is_whole = all(change.path in offer.files for change in manifest.changes if isinstance(change, Put))
    if not is_whole:
        return Case(findings=tuple(findings))
    changes: tuple[FileChange, ...]
    if manifest.rollback_to is not None:
        if target is None:
            return Case(findings=(*findings, find("rollback-target-missing")))
        changes = changes_of_rollback(state, target)
    else:
        changes = changes_of_push(state, manifest, offer.files)
        findings = [*findings, *check_ancestry(state, manifest, changes), *check_tree(manifest.changes, state.files)]
    after = None
    if imports is not None and manifest.rollback_to is None:
        after = _change_imports(imports, changes, offer)
        findings = [*findings, *check_change(imports, after, [change.path for change in changes])]
    if policy is None:
        return Case(findings=tuple(findings), changes=changes, target=target)
    facts = PushFacts(
        principal=offer.principal,
        manifest=manifest,
        is_raw_drop=offer.is_raw_drop,
        state=state,
        changes=changes,
        environment=environment,
        break_glass=manifest.break_glass,
        offered_at=offer.event.time,
        mentions=_find_mentions(changes, offer) if judges_identities(policy) else (),
        now=now,
    )
    return Case(findings=tuple(findings), changes=changes, target=target, imports=after, policy=policy, facts=facts)


def judge(case: Case, *, validated: ValidateAnswer | None = None, approvals: tuple[Approval, ...] = ()) -> Judgement:
    """Judge a case; it is asked again as more becomes known.

    Args:
        validated: what importing found on top of the same head; None before that, and where nothing is imported.
        approvals: of the push, those whose signatures hold; read once it is known to need some.
    """
    if case.policy is None or case.facts is None:
        return _deny(case)
    findings = case.findings
    if validated is not None:
        findings = (*findings, *drop_told(validated.findings, findings))
    facts = msgspec.structs.replace(
        case.facts,
        findings=findings,
        files=() if validated is None else validated.models,
        unread=find_unread([change.path for change in case.changes if isinstance(change, PutFile)], validated),
        import_seconds={} if validated is None else validated.import_seconds,
        approvals=approvals,
    )
    decision = decide(case.policy, facts)
    return Judgement(
        outcome=decision.outcome,
        findings=decision.findings,
        switched_off=decision.switched_off,
        approved_by=decision.approved_by,
        waits=decision.waits,
        facts_digest=decision.facts_digest,
        changes=case.changes,
        target=case.target,
        imports=case.imports,
    )


def may_be_imported(offer: Offer, policy: Policy, judgement: Judgement) -> bool:
    """Whether the code of an offer is to be run, given what is known without: only that of a push which is whole and
    of somebody who may push, and what a rollback brings back only where the policy wants that."""
    if policy.validate.imports == "skipped" or not judgement.changes:
        return False
    if offer.manifest.rollback_to is not None and policy.validate.rollbacks == "skipped":
        return False
    fixed = index_rules()
    return not any(finding.severity is Severity.ERROR and fixed.get(finding.rule) for finding in judgement.findings)


def make_verdict(
    offer: Offer, policy: Policy | None, judgement: Judgement, head: ReleaseNumber, decided_at: dt.datetime
) -> Verdict:
    """The verdict that a judgement on top of `head` is."""
    return Verdict(
        push_id=offer.push_id,
        environment=offer.environment,
        outcome=judgement.outcome,
        principal=offer.principal,
        source=offer.manifest.source,
        head_commit=offer.manifest.head_commit,
        policy_digest=None if policy is None else policy.digest,
        facts_digest=judgement.facts_digest,
        approved_by=judgement.approved_by,
        waits=judgement.waits if judgement.outcome is Outcome.HELD else (),
        break_glass=offer.manifest.break_glass,
        head=head,
        dry_run=offer.manifest.dry_run,
        findings=judgement.findings,
        files_changed=len(judgement.changes),
        switched_off=judgement.switched_off,
        decided_at=decided_at,
    )


def changes_python(offer: Offer) -> bool:
    """Whether what an offer changes can change what imports find. A rollback goes where all was found once."""
    manifest = offer.manifest
    return manifest.rollback_to is None and any(change.path.endswith(PYTHON) for change in manifest.changes)


def find_unread(put: Iterable[ReleasePath], validated: ValidateAnswer | None) -> tuple[ReleasePath, ...]:
    """What was imported to no avail; all Python that is put, where nothing was imported."""
    if validated is not None:
        read = {file.path for file in validated.models}
        return tuple(path for path in validated.imported if path not in read)
    return tuple(path for path in put if path.endswith(".py"))


def _find_mentions(changes: tuple[FileChange, ...], offer: Offer) -> tuple[Mention, ...]:
    """What the texts that the push puts name; of a rollback, where it has been spelt out."""
    put = [change.path for change in changes if isinstance(change, PutFile) and change.path in offer.files]
    return tuple(mention for path in put for mention in find_mentions(path, offer.files[path].content))


def _change_imports(imports: ImportGraph, changes: tuple[FileChange, ...], offer: Offer) -> ImportGraph:
    put: dict[str, FileImports | None] = {}
    for change in changes:
        if isinstance(change, PutFile):
            is_python = change.path.endswith(".py")
            put[change.path] = read_imports(change.path, offer.files[change.path].content) if is_python else None
    return imports.replace(put, [change.path for change in changes if isinstance(change, DeleteFile)])


def _deny(case: Case) -> Judgement:
    """Refuse what no policy can be asked about: at least one of the findings is an error and says why."""
    findings = tuple(sort_findings([*case.findings]))
    return Judgement(outcome=Outcome.DENIED, findings=findings, changes=case.changes, target=case.target)
