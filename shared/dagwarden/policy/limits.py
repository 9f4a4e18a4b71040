"""How much one push may change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from dagwarden.ledger.release import DeleteFile, FileChange, PutFile
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.model import Policy
from dagwarden.policy.pages import IMPORT_TOO_SLOW, TOO_MANY_DELETES
from dagwarden.push import rules as push_rules


def check_limits(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """Every limit that the changes go past, each with limit, selected and population."""
    yield from _check_sizes(policy, facts.changes)
    yield from _check_deletes(policy, facts)
    yield from _check_imports(policy, facts)


def _check_sizes(policy: Policy, changes: Sequence[FileChange]) -> Iterator[Finding]:
    limits = policy.limits
    puts = [change for change in changes if isinstance(change, PutFile)]
    if len(changes) > limits.max_files:
        said = f"changes {len(changes)} files; at most {limits.max_files} may"
        yield _exceed(policy, "too-many-files", "max_files", said)
    if (total_bytes := sum(put.size_bytes for put in puts)) > limits.max_push_bytes:
        said = f"puts {total_bytes} bytes; at most {limits.max_push_bytes} may"
        yield _exceed(policy, "push-too-large", "max_push_bytes", said)
    for put in puts:
        if put.size_bytes > limits.max_file_bytes:
            said = f"has {put.size_bytes} bytes; a file may have at most {limits.max_file_bytes}"
            yield _exceed(policy, "file-too-large", "max_file_bytes", said, path=put.path)


def _exceed(policy: Policy, rule: str, limit: str, message: str, *, path: str = "") -> Finding:
    finding = push_rules.find(rule, path, message)
    return msgspec.structs.replace(finding, clause=policy.clause("limits", limit))


def _check_imports(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    most_s, clause = policy.limits.max_import_s, policy.clause("limits", "max_import_s")
    for path, took_s in sorted(facts.import_seconds.items()):
        if took_s > most_s:
            said = f"the import takes {took_s:.1f} s; at most {most_s:g} s are allowed"
            yield find(IMPORT_TOO_SLOW, said, path=path, clause=clause)


def _check_deletes(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """Deletes beyond the share of what each source has released here; of everything, when rolling back."""
    limits, files = policy.limits, facts.state.files
    is_rollback = facts.manifest.rollback_to is not None
    gone = (change.path for change in facts.changes if isinstance(change, DeleteFile))
    deleted = [files[path] for path in gone if path in files]
    if len(deleted) <= limits.always_allowed_deletes:
        return
    population = Counter("" if is_rollback else entry.source for entry in files.values())
    selected = Counter("" if is_rollback else entry.source for entry in deleted)
    for source, count in sorted(selected.items()):
        percent = 100 * count / population[source]
        if count > limits.always_allowed_deletes and percent > limits.max_deletes_percent:
            whose = f"files of {source}" if source else "files"
            allowed = f"at most {limits.max_deletes_percent} % may go at once"
            said = f"deletes {count} of {population[source]} {whose}; {allowed}"
            yield find(TOO_MANY_DELETES, said, clause=policy.clause("limits", "max_deletes_percent"))
