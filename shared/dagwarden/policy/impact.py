"""What another policy would have said to past releases, and would say to what is live."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set

import msgspec

from dagwarden.ledger.release import PutFile, Release, SignedRelease
from dagwarden.ledger.state import LedgerState, advance
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleaseNumber, ReleasePath, owner_of
from dagwarden.policy.decide import decide
from dagwarden.policy.environment import Environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.mentions import Mention
from dagwarden.policy.model import Policy
from dagwarden.policy.rules import index_categories, index_rules, list_pages
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import FileModel

OF_THE_MOMENT = frozenset({"window", "approval", "emergency", "limits"})
"""Categories that are about a push, not about what it leaves behind."""
_OWN = frozenset({"pusher", "identity", "conditions", *OF_THE_MOMENT})


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One release, and what the policy would have said to its push at its time."""

    release: ReleaseNumber
    principal: str
    pushed_at: dt.datetime
    outcome: Outcome
    findings: tuple[Finding, ...]
    """Those that would have denied or held it."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is found of all files that are live, looked at anew as the gate looks at a push."""

    findings: tuple[Finding, ...] = ()
    """Of lint and of the imports."""
    files: tuple[FileModel, ...] = ()
    unread: tuple[ReleasePath, ...] = ()
    mentions: tuple[Mention, ...] = ()
    environment: Environment | None = None


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one release that are live, and what the policy would say to them now."""

    release: ReleaseNumber
    principal: str
    files: int
    findings: tuple[Finding, ...]
    """Those that would deny it."""


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would change.

    Of past pushes lint and imports count as what they found then, and what their tasks ran as is known no more; what is
    live was looked at anew.
    """

    past: tuple[Past, ...]
    live: tuple[Live, ...]
    """Releases with live files that it would refuse."""

    def count(self, outcome: Outcome) -> int:
        """How many past pushes would have come to this."""
        return sum(each.outcome is outcome for each in self.past)


def replay(
    policy: Policy, state: LedgerState, releases: Iterable[tuple[SignedRelease, Verdict | None]]
) -> Iterator[Past]:
    """What the policy would have said to each push that became a release.

    Args:
        state: before the first of them.
        releases: in order, with what was said then where that is known.
    """
    for signed, verdict in releases:
        release = signed.release
        facts = make_facts(release, state, verdict, now=release.pushed_at)
        decision = decide(policy, facts)
        yield Past(
            release=release.number,
            principal=release.principal.name,
            pushed_at=release.pushed_at,
            outcome=decision.outcome,
            findings=_list_errors(decision.findings),
        )
        state = advance(state, release, signed.digest)


def judge_live(
    policy: Policy, head: LedgerState, releases: Iterable[SignedRelease], seen: Seen, now: dt.datetime
) -> Iterator[Live]:
    """What the policy would refuse of what is live, if it were pushed now by whom it was then; windows, approvals and
    limits aside."""
    categories = index_categories()
    live: dict[ReleaseNumber, set[str]] = defaultdict(set)
    for entry in head.files.values():
        live[entry.release].add(entry.path)
    for signed in releases:
        release, paths = signed.release, live[signed.release.number]
        kept = tuple(change for change in release.changes if change.path in paths)
        facts = make_facts(msgspec.structs.replace(release, changes=kept), head, None, now=now)
        found = _list_errors(decide(policy, _add_seen(facts, seen, paths)).findings)
        lasting = tuple(each for each in found if categories.get(each.rule) not in OF_THE_MOMENT)
        if kept and lasting:
            puts = sum(isinstance(change, PutFile) for change in kept)
            yield Live(release=release.number, principal=release.principal.name, files=puts, findings=lasting)


def _add_seen(facts: PushFacts, seen: Seen, paths: Set[str]) -> PushFacts:
    """The facts with what is known of some files; a finding of none of them is not told of them."""
    return msgspec.structs.replace(
        facts,
        findings=tuple(finding for finding in seen.findings if owner_of(finding.path) in paths),
        files=tuple(file for file in seen.files if owner_of(file.path) in paths),
        unread=tuple(path for path in seen.unread if owner_of(path) in paths),
        mentions=tuple(mention for mention in seen.mentions if mention.path in paths),
        environment=seen.environment,
    )


def make_facts(release: Release, state: LedgerState, verdict: Verdict | None, *, now: dt.datetime) -> PushFacts:
    """The facts of a push, as far as its release and its verdict still tell."""
    return PushFacts(
        principal=release.principal,
        manifest=PushManifest(
            environment=release.environment,
            source=release.source,
            created_at=release.pushed_at,
            changes=(),
            base_commit=release.base_commit,
            head_commit=release.head_commit,
            ref=release.ref,
            authors=release.authors,
            force=release.forced,
            rollback_to=release.rollback_to,
        ),
        is_raw_drop=not release.principal.attested_by,
        state=state,
        changes=release.changes,
        findings=tuple(_restore_findings(release, verdict)),
        break_glass=release.break_glass,
        offered_at=now,
        now=now,
    )


def _restore_findings(release: Release, verdict: Verdict | None) -> Iterator[Finding]:
    """What was found besides the policy's own rules, rated as the rules rate it and not as the policy of then did."""
    categories, fixed = index_categories(), index_rules()
    ratings = {page.rule: page.severity for page in list_pages()}
    paths = {change.path for change in release.changes}
    for finding in () if verdict is None else verdict.findings:
        if categories.get(finding.rule) in _OWN or (finding.path and owner_of(finding.path) not in paths):
            continue
        touched = (finding.clause or finding.waived) and not fixed.get(finding.rule)
        severity = ratings.get(finding.rule, finding.severity) if touched else finding.severity
        yield msgspec.structs.replace(finding, severity=severity, clause="", waived="")


def _list_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)
