"""The evaluation: a policy and a snapshot in, everything that is wrong out. Same in, same out."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from dagwarden.iam import rules
from dagwarden.iam.bindings import check_bindings
from dagwarden.iam.composer_check import check_composer
from dagwarden.iam.finding import DeleteKey, Fix, IamFinding, SetBucket, say_command
from dagwarden.iam.members import is_default_account
from dagwarden.iam.snapshot import Account, Key, Snapshot, list_grants, name_account, name_bucket
from dagwarden.lint.page import Page, find
from dagwarden.policy.enforcement import rate_finding
from dagwarden.policy.globs import match_name
from dagwarden.policy.iam import Components
from dagwarden.policy.model import Policy


def evaluate(policy: Policy, snapshot: Snapshot) -> tuple[IamFinding, ...]:
    """Everything wrong with what was read, each rated as the policy says; what it switches off is left out."""
    found = (finding for check in CHECKS for finding in check(policy, snapshot))
    rated = ((each, rate_finding(policy, each.finding)) for each in found)
    kept = [msgspec.structs.replace(each, finding=finding) for each, finding in rated if finding is not None]
    return tuple(sorted(kept, key=lambda each: (each.resource, each.finding.code, each.finding.message)))


def _check_duties(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for grant in list_grants(snapshot.policies):
        held[grant.resource, grant.member].add(grant.role)
    for (resource, member), roles in held.items():
        for index, entry in enumerate(policy.iam.separate):
            if roles.issuperset(entry.roles):
                said = f"{member} holds {' and '.join(entry.roles)} on {resource}; `{entry.name}`"
                yield _tell(policy, rules.DUTIES_NOT_SEPARATE, said, resource, "separate", index)


def _check_components(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    if not snapshot.is_whole:
        return
    runs: dict[str, list[str]] = defaultdict(list)
    for name in Components.__struct_fields__:
        if email := getattr(policy.iam.service_accounts, name):
            runs[email].append(name)
    known = {account.email: account for account in snapshot.accounts}
    for email, names in runs.items():
        where = (name_account(email), "service_accounts", names[-1])
        if len(names) > 1:
            yield _tell(policy, rules.SHARED_ACCOUNT, f"{' and '.join(names)} run as {email}", *where)
        if is_default_account(email):
            yield _tell(policy, rules.DEFAULT_ACCOUNT, f"{names[0]} runs as {email}: a default account", *where)
        elif email not in known and email.endswith(f"@{snapshot.places.project}.iam.gserviceaccount.com"):
            yield _tell(policy, rules.ACCOUNT_MISSING, f"{names[0]} runs as {email}: there is none", *where)
        elif email in known and known[email].is_disabled:
            yield _tell(policy, rules.ACCOUNT_MISSING, f"{names[0]} runs as {email}: it is disabled", *where)


def _check_keys(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    for account in snapshot.accounts:
        for key in account.keys:
            if key.is_user_managed and not _is_over(key, snapshot.taken_at):
                yield from _check_key(policy, snapshot, account, key)


def _is_over(key: Key, now: dt.datetime) -> bool:
    return key.is_disabled or (key.expires_at is not None and key.expires_at <= now)


def _check_key(policy: Policy, snapshot: Snapshot, account: Account, key: Key) -> Iterator[IamFinding]:
    keys, resource = policy.iam.keys, name_account(account.email)
    fix = DeleteKey(account=account.email, key_id=key.key_id)
    age_days = (snapshot.taken_at - key.created_at).days
    said = f"{account.email} has the key {key.key_id}, made on {key.created_at:%Y-%m-%d}"
    if not match_name(account.email, keys.user_managed_on):
        told = _tell(policy, rules.USER_MANAGED_KEY, said, resource, "keys", "user_managed_on")
        yield _mend(told, fix, snapshot)
    if snapshot.taken_at - key.created_at > dt.timedelta(days=keys.max_age_days):
        message = f"{said}: {age_days} days old, at most {keys.max_age_days} may pass"
        yield _mend(_tell(policy, rules.OLD_KEY, message, resource, "keys", "max_age_days"), fix, snapshot)


_SETTINGS: tuple[tuple[str, Page, str, str], ...] = (
    ("has_uniform_access", rules.BUCKET_NOT_UNIFORM, "--uniform-bucket-level-access", "lets objects have access lists"),
    ("prevents_public_access", rules.BUCKET_MAY_BE_PUBLIC, "--public-access-prevention", "may be opened to everybody"),
    ("is_versioned", rules.BUCKET_NOT_VERSIONED, "--versioning", "keeps no versions"),
)
"""What a bucket must have, the rule that says so, the flag that brings it, and what is said where it is not there."""


def _check_buckets(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    for bucket in snapshot.buckets:
        for field, page, flag, said in _SETTINGS:
            if not getattr(bucket, field):
                told = _tell(policy, page, f"{bucket.name} {said}", name_bucket(bucket.name))
                yield _mend(told, SetBucket(bucket=bucket.name, flag=flag), snapshot)


def _check_audit_logs(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    wanted = policy.iam.audit_logs
    for each in snapshot.policies:
        if each.audit_configs is None:
            continue
        configs = each.audit_configs
        for index, service in enumerate(wanted.services):
            counting = [config for config in configs if config.service in (service, "allServices")]
            kept = {kind for config in counting for kind in config.log_types}
            clause = ("audit_logs", "services", index)
            if missing := sorted(set(wanted.log_types) - kept):
                said = f"{each.resource} keeps no {', '.join(missing)} of {service}"
                yield _tell(policy, rules.AUDIT_LOG_OFF, said, each.resource, *clause)
            exempted = {member for config in counting for member in config.exempted}
            if left_out := sorted(member for member in exempted if not match_name(member, wanted.exempted)):
                said = f"{each.resource} leaves {', '.join(left_out)} out of the logs of {service}"
                yield _tell(policy, rules.AUDIT_LOG_OFF, said, each.resource, *clause)


CHECKS: tuple[Callable[[Policy, Snapshot], Iterable[IamFinding]], ...] = (
    check_bindings,
    _check_duties,
    _check_components,
    _check_keys,
    _check_buckets,
    _check_audit_logs,
    check_composer,
)
"""All that IAM is held to; each names the clause that says so."""


def _tell(policy: Policy, page: Page, message: str, resource: str, *clause: str | int) -> IamFinding:
    return IamFinding(finding=find(page, message, clause=policy.clause("iam", *clause)), resource=resource)


def _mend(told: IamFinding, fix: Fix, snapshot: Snapshot) -> IamFinding:
    return msgspec.structs.replace(told, fix=fix, command=say_command(fix, snapshot.places.project))
