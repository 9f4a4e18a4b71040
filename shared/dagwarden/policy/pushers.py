"""Who may do what: a push held against the entries under `pushers` and `raw_drops`. What none covers is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from dagwarden.ledger.release import DeleteFile, FileChange
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import Page, find
from dagwarden.names import ReleasePath
from dagwarden.policy import pages
from dagwarden.policy.commits import explain_commit
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.globs import match_name, match_path
from dagwarden.policy.model import Action, Policy, Pusher
from dagwarden.policy.told import MAX_PATHS_TOLD
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest

Entries = Sequence[tuple[int, Pusher]]
"""Entries under `pushers` with their place in the list."""


def check_pushers(policy: Policy, facts: PushFacts) -> list[Finding]:
    """Every reason why nobody, or not this principal, may make these changes; none when one may."""
    if facts.is_raw_drop:
        return check_raw_drop(policy, facts.changes)
    if not facts.principal.attested_by:
        return [find(pages.UNATTESTED_PUSH, "nobody signed this push", clause=policy.clause("pushers"))]
    at = facts.offered_at or facts.now
    return check_pusher(policy, facts.principal, facts.manifest, facts.changes, at)


def check_pusher(
    policy: Policy, principal: Principal, manifest: PushManifest, changes: Iterable[FileChange], at: dt.datetime
) -> list[Finding]:
    """Every reason why this principal may not make these changes; none when one may.

    Each changed path must be covered by an entry that names the principal, its source and ref, and grants what is done:
    `push`, and `force` too when the push is forced. A rollback needs `rollback` for each path that it changes; it comes
    from no source and no ref. An entry that wants signed commits covers only what one of the signers has signed.

    Args:
        at: when the push arrived: by then keys must count.
    """
    paths = sorted({change.path for change in changes})
    named = [(i, pusher) for i, pusher in enumerate(policy.pushers) if match_name(principal.name, pusher.principals)]
    if not named:
        said = f"no pusher is called {principal.name}"
        return [find(pages.PUSHER_UNKNOWN, said, clause=policy.clause("pushers"))]
    if manifest.rollback_to is not None:
        return list(_check_grant(policy, named, paths, Action.ROLLBACK, pages.ROLLBACK_NOT_ALLOWED))
    entries, refusal = _narrow(policy, principal, manifest, named)
    if refusal is None:
        entries, refusal = _narrow_by_commit(policy, manifest, entries, at)
    if refusal is not None:
        return [refusal]
    findings = list(_check_grant(policy, entries, paths, Action.PUSH, pages.PATH_NOT_ALLOWED))
    if manifest.force:
        findings += _check_grant(policy, entries, paths, Action.FORCE, pages.FORCE_NOT_ALLOWED)
    return findings


def check_raw_drop(policy: Policy, changes: Iterable[FileChange]) -> list[Finding]:
    """Every reason why a file that somebody dropped may not be taken; none when it may."""
    drops = policy.raw_drops
    if not drops.allowed:
        said, clause = "raw drops are not taken here", policy.clause("raw_drops", "allowed")
        return [find(pages.RAW_DROP_NOT_ALLOWED, said, path=change.path, clause=clause) for change in changes]
    findings = []
    for change in changes:
        if not match_path(change.path, drops.paths):
            clause = policy.clause("raw_drops", "paths")
            findings.append(find(pages.RAW_DROP_NOT_ALLOWED, "not taken here", path=change.path, clause=clause))
        if isinstance(change, DeleteFile) and not drops.deletes:
            clause = policy.clause("raw_drops", "deletes")
            said = "deleting a dropped object takes nothing away"
            findings.append(find(pages.RAW_DROP_DELETE_NOT_ALLOWED, said, path=change.path, clause=clause))
    return findings


def _narrow(
    policy: Policy, principal: Principal, manifest: PushManifest, named: Entries
) -> tuple[Entries, Finding | None]:
    """The entries that cover source and ref as well, or why there are none."""
    by_source = [(i, pusher) for i, pusher in named if match_name(manifest.source, pusher.sources)]
    if not by_source:
        said = f"{principal.name} may not push from the source {manifest.source}"
        return [], find(pages.SOURCE_NOT_ALLOWED, said, clause=policy.clause("pushers", named[0][0], "sources"))
    by_ref = [(i, pusher) for i, pusher in by_source if match_path(manifest.ref, pusher.refs)]
    if not by_ref:
        said = f"{principal.name} may not push {manifest.ref or 'without a ref'}"
        return [], find(pages.REF_NOT_ALLOWED, said, clause=policy.clause("pushers", by_source[0][0], "refs"))
    return by_ref, None


def _narrow_by_commit(
    policy: Policy, manifest: PushManifest, entries: Entries, at: dt.datetime
) -> tuple[Entries, Finding | None]:
    """The entries that take the commit, signed or not, or why none does."""
    wanting = [index for index, pusher in entries if pusher.commits == "signed"]
    if not wanting or not (why := explain_commit(manifest, policy.signers, at)):
        return entries, None
    if left := [(index, pusher) for index, pusher in entries if index not in wanting]:
        return left, None
    return [], find(pages.COMMIT_NOT_SIGNED, why, clause=policy.clause("pushers", wanting[0], "commits"))


def _check_grant(
    policy: Policy, entries: Entries, paths: Sequence[ReleasePath], action: Action, refusal: Page
) -> Iterator[Finding]:
    """What these entries do not let be done: one finding when none grants the action, else one for each path."""
    granting = [(i, pusher) for i, pusher in entries if action in pusher.may]
    if not granting:
        index, pusher = entries[0]
        page = pages.PUSH_NOT_ALLOWED if action is Action.PUSH else refusal
        said = f"`{pusher.name}` may {', '.join(pusher.may)}, not {action}"
        yield find(page, said, clause=policy.clause("pushers", index, "may"))
        return
    index, pusher = granting[0]
    clause = policy.clause("pushers", index, "paths")
    uncovered = [path for path in paths if not any(match_path(path, pusher.paths) for _, pusher in granting)]
    for path in uncovered[:MAX_PATHS_TOLD]:
        yield find(refusal, f"`{pusher.name}` may not {action} this path", path=path, clause=clause)
    if (more := len(uncovered) - MAX_PATHS_TOLD) > 0:
        yield find(refusal, f"`{pusher.name}` may not {action} {more} more paths", clause=clause)
