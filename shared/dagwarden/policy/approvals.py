"""Which pushes wait for whose word: what is missing, and what does not count."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.policy import pages
from dagwarden.policy.durations import Duration, read_duration
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.globs import match_name, match_path
from dagwarden.policy.people import find_person
from dagwarden.policy.section import Glob, Name, Principals, Section
from dagwarden.policy.verdict import Wait
from dagwarden.policy.windows import Moment, moment_of
from dagwarden.push.manifest import push_id

if TYPE_CHECKING:
    from dagwarden.policy.model import Policy

CLOCK_SKEW = dt.timedelta(seconds=60)
"""How much clocks may differ."""
_EMAIL = re.compile(r"[^\s<>]+@[^\s<>]+")


class Approvals(Section, frozen=True, kw_only=True):
    """Pushes that wait until some have approved them; whoever pushed, or wrote a commit of it, is never among them.

    It applies to a push that changes a path of `paths`. Where `tags` or `rules` are listed, it applies instead if a DAG
    there that the push changes, be it by what it imports, has one of the tags (or cannot be read), or if there is a
    finding of one of the rules there.
    """

    name: Name
    paths: tuple[Glob, ...] = ("**",)
    tags: Annotated[tuple[Glob, ...], Meta(description="of DAGs; `*` stands for any text")] = ()
    rules: Annotated[tuple[str, ...], Meta(description="ids of rules, at whatever level")] = ()
    needs: Annotated[int, Meta(ge=1, le=20, description="how many have to approve")] = 1
    approvers: Principals = msgspec.field(name="from")
    expires_after: Duration = "3d"
    applies_to: Annotated[tuple[Moment, ...], Meta(min_length=1)] = (Moment.PUSH, Moment.ROLLBACK)


def check_approvals(policy: Policy, facts: PushFacts, findings: Sequence[Finding]) -> Iterator[Finding]:
    """What the push still waits for, or has waited for too long.

    Args:
        findings: all that is told of the push, rated and waived.
    """
    for index, entry in enumerate(policy.approvals):
        if not _applies(entry, facts, findings):
            continue
        good, poor = count_approvals(policy, entry, facts)
        if len(good) >= entry.needs:
            continue
        page, said = pages.APPROVAL_MISSING, _say_missing(entry, good, poor)
        if facts.is_raw_drop:
            page = pages.APPROVAL_IMPOSSIBLE
        elif facts.now >= _find_end(entry, facts):
            page, said = pages.APPROVAL_EXPIRED, f"`{entry.name}` was not given within {entry.expires_after}"
        yield find(page, said, clause=policy.clause("approvals", index))


def list_waits(policy: Policy, facts: PushFacts, findings: Sequence[Finding]) -> tuple[Wait, ...]:
    """What the push still waits for: whose word, and until when."""
    counted = (
        (index, entry, count_approvals(policy, entry, facts)[0])
        for index, entry in enumerate(policy.approvals)
        if _applies(entry, facts, findings)
    )
    return tuple(
        Wait(
            name=entry.name,
            clause=policy.clause("approvals", index),
            needs=entry.needs,
            approvers=entry.approvers,
            approved_by=tuple(good),
            until=_find_end(entry, facts),
        )
        for index, entry, good in counted
        if len(good) < entry.needs
    )


def list_approvers(policy: Policy, facts: PushFacts, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Whose approvals count for something that the push waits, or has waited, for."""
    asked = (entry for entry in policy.approvals if _applies(entry, facts, findings))
    return tuple(sorted({who for entry in asked for who in count_approvals(policy, entry, facts)[0]}))


def _find_end(entry: Approvals, facts: PushFacts) -> dt.datetime:
    return (facts.offered_at or facts.now) + read_duration(entry.expires_after)


def count_approvals(policy: Policy, entry: Approvals, facts: PushFacts) -> tuple[list[str], list[str]]:
    """Who has approved, and who has in vain: `WHO (why)`."""
    good: dict[str, str] = {}
    poor: dict[str, str] = {}
    for approval in sorted(facts.approvals, key=lambda each: each.principal.name):
        who = approval.principal.name
        person = find_person(policy.people, who)
        if reason := _explain(policy, entry, facts, approval):
            poor[person] = f"{who} ({reason})"
        else:
            good.setdefault(person, who)
    return sorted(good.values()), sorted(said for who, said in poor.items() if who not in good)


def _explain(policy: Policy, entry: Approvals, facts: PushFacts, approval: Approval) -> str:
    """Why an approval does not count; empty when it does."""
    who = approval.principal.name
    for holds, reason in (
        (not approval.principal.attested_by, "signed by nobody"),
        (approval.push_id != push_id(facts.manifest), "of another push"),
        (find_person(policy.people, who) in list_authors(policy, facts), "it is their own push"),
        (not match_name(who, entry.approvers), "not asked"),
        (approval.policy_digest != policy.digest, "given under another policy"),
        (approval.given_at > _find_end(entry, facts), "given too late"),
        (approval.given_at > facts.now + CLOCK_SKEW, "from the future"),
    ):
        if holds:
            return reason
    return ""


def list_authors(policy: Policy, facts: PushFacts) -> frozenset[str]:
    """Who pushed and who wrote its commits, as far as it says: one name for each person."""
    written = (found for author in facts.manifest.authors for found in _EMAIL.findall(author))
    return frozenset(find_person(policy.people, who) for who in (facts.principal.name, *written))


def _say_missing(entry: Approvals, good: Sequence[str], poor: Sequence[str]) -> str:
    said = f"`{entry.name}` needs {entry.needs} of {', '.join(entry.approvers)}"
    has = f"; approved by {', '.join(good)}" if good else ""
    return f"{said}{has}" + (f"; not counted: {', '.join(poor)}" if poor else "")


def _applies(entry: Approvals, facts: PushFacts, findings: Sequence[Finding]) -> bool:
    if moment_of(facts) not in entry.applies_to:
        return False
    if entry.tags or entry.rules:
        return _has_tag(entry, facts) or _has_finding(entry, findings)
    return any(match_path(change.path, entry.paths) for change in facts.changes)


def _has_tag(entry: Approvals, facts: PushFacts) -> bool:
    """Whether a DAG that the push changes, be it by what it imports, has a tag that asks for it.

    A file whose DAGs nobody could read, or read all of, may have any; and so may what imports a file that nobody read.
    """
    if not entry.tags:
        return False
    if facts.unread:
        return True
    files = [file for file in facts.files if match_path(file.path, entry.paths)]
    if any(file.cuts for file in files):
        return True
    dags = (dag for file in files for dag in file.dags)
    return any("tags" in dag.unreadable or any(match_name(tag, entry.tags) for tag in dag.tags) for dag in dags)


def _has_finding(entry: Approvals, findings: Sequence[Finding]) -> bool:
    asked = (finding for finding in findings if finding.rule in entry.rules and not finding.waived)
    return any(not finding.path or match_path(finding.path, entry.paths) for finding in asked)
