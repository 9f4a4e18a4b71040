"""What is wrong with a binding: each member of each is looked at on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from dagwarden.iam import rules
from dagwarden.iam.conditions import may_hold
from dagwarden.iam.finding import IamFinding, say_command, undo
from dagwarden.iam.members import (
    CONSUMER_DOMAINS,
    CONVENIENCE,
    is_default_account,
    is_google_agent,
    is_of_domain,
    is_public,
    parse_member,
)
from dagwarden.iam.roles import BASIC_ROLES, ESCALATIONS, SERVICE_ACCOUNT_ROLES, find_permissions
from dagwarden.iam.snapshot import ACCOUNT, BUCKET, PROJECT, Grant, Snapshot, list_grants, name_bucket
from dagwarden.lint.page import Page, find
from dagwarden.policy.globs import match_name
from dagwarden.policy.iam import Components, ForbiddenBinding, RoleHolders
from dagwarden.policy.model import Policy

WRITES = "storage.objects.create"
"""What it takes to put a file where there was none; who holds it needs no more to run code."""


class Look(msgspec.Struct, frozen=True):
    """One member of one binding, and all that there is to judge it by."""

    policy: Policy
    snapshot: Snapshot
    grant: Grant
    permissions: frozenset[str] | None
    """Of its role; None where nobody knows."""
    is_named: bool
    """Whether `iam.holders` grants just this."""

    def tell(self, page: Page, message: str, *clause: str | int) -> IamFinding:
        """A finding on this member, with the change that takes it out."""
        fix = undo(self.grant)
        return IamFinding(
            finding=find(page, message, clause=self.policy.clause("iam", *clause)),
            resource=self.grant.resource,
            grant=self.grant,
            fix=fix,
            command=say_command(fix, self.snapshot.places.project),
        )

    @property
    def said(self) -> str:
        """`MEMBER holds ROLE on RESOURCE`."""
        condition = f" if {self.grant.condition.expression}" if self.grant.condition else ""
        return f"{self.grant.member} holds {self.grant.role} on {self.grant.resource}{condition}"


def check_bindings(policy: Policy, snapshot: Snapshot) -> Iterator[IamFinding]:
    """Everything wrong with the bindings that were read."""
    for grant in list_grants(snapshot.policies):
        look = Look(
            policy, snapshot, grant, find_permissions(grant.role, snapshot), is_named_holder(policy.iam.holders, grant)
        )
        for check in _CHECKS:
            yield from check(look)


def covers(entry: RoleHolders | ForbiddenBinding, grant: Grant) -> bool:
    """Whether an entry speaks of the role on the resource."""
    return match_name(grant.role, entry.roles) and match_name(grant.resource, entry.resources)


def is_named_holder(holders: Sequence[RoleHolders], grant: Grant) -> bool:
    """Whether an entry lets this member hold the role on the resource."""
    return any(covers(entry, grant) and match_name(grant.member, entry.members) for entry in holders)


def list_own(components: Components) -> dict[str, str]:
    """E-mail of each service account that the policy names -> which component runs as it."""
    names = Components.__struct_fields__
    return {email: name for name in reversed(names) if (email := getattr(components, name))}


def _check_public(look: Look) -> Iterator[IamFinding]:
    if is_public(look.grant.member):
        yield look.tell(rules.PUBLIC_MEMBER, look.said)


def _check_consumer(look: Look) -> Iterator[IamFinding]:
    if parse_member(look.grant.member).domain.lower() in CONSUMER_DOMAINS and not look.is_named:
        yield look.tell(rules.CONSUMER_MEMBER, look.said)


def _check_domain(look: Look) -> Iterator[IamFinding]:
    domains, member = look.policy.iam.domains, parse_member(look.grant.member)
    if not domains.allowed or member.kind in domains.exempt_kinds:
        return
    with_subdomains = domains.with_subdomains
    if not any(is_of_domain(look.grant.member, each, with_subdomains=with_subdomains) for each in domains.allowed):
        said = f"{look.said}; of {member.domain or 'no domain'}, and only {', '.join(domains.allowed)} may be"
        yield look.tell(rules.FOREIGN_DOMAIN, said, "domains", "allowed")


def _check_forbidden(look: Look) -> Iterator[IamFinding]:
    for index, entry in enumerate(look.policy.iam.forbidden):
        if covers(entry, look.grant) and match_name(look.grant.member, entry.members):
            said = f"{look.said}; `{entry.name}` forbids that"
            yield look.tell(rules.FORBIDDEN_BINDING, said, "forbidden", index)


def _check_holders(look: Look) -> Iterator[IamFinding]:
    if look.is_named:
        return
    for index, entry in enumerate(look.policy.iam.holders):
        if covers(entry, look.grant):
            said = f"{look.said}; `{entry.name}` gives it to others only"
            yield look.tell(rules.UNLISTED_HOLDER, said, "holders", index)
            return


def _check_basic(look: Look) -> Iterator[IamFinding]:
    if look.grant.role in BASIC_ROLES and not look.is_named:
        yield look.tell(rules.BASIC_ROLE, look.said)


def _check_convenience(look: Look) -> Iterator[IamFinding]:
    kind = parse_member(look.grant.member).kind
    if look.grant.resource.startswith(BUCKET) and kind in CONVENIENCE and not look.is_named:
        said = f"{look.said}: whoever holds {CONVENIENCE[kind]} on the project"
        yield look.tell(rules.CONVENIENCE_MEMBER, said)


def _check_escalation(look: Look) -> Iterator[IamFinding]:
    if look.is_named or is_google_agent(look.grant.member) or look.grant.role in BASIC_ROLES:
        return
    if look.permissions is None:
        yield look.tell(rules.ROLE_UNREADABLE, look.said)
        return
    if _is_own_signature(look.grant) or parse_member(look.grant.member).kind in CONVENIENCE:
        return
    if held := sorted(look.permissions & ESCALATIONS.keys()):
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        said = f"{look.said}; {held[0]} in it {ESCALATIONS[held[0]]}{more}"
        yield look.tell(rules.ESCALATION, said)


def _is_own_signature(grant: Grant) -> bool:
    """An account that may sign as itself comes to nothing more: so pushes and releases are signed."""
    return grant.resource == f"{ACCOUNT}{parse_member(grant.member).name}"


def _check_account_role(look: Look) -> Iterator[IamFinding]:
    on_project = look.grant.resource.startswith(PROJECT)
    if on_project and look.grant.role in SERVICE_ACCOUNT_ROLES and not look.is_named:
        yield look.tell(rules.ACCOUNT_ROLE_ON_PROJECT, look.said)


def _check_writer(look: Look) -> Iterator[IamFinding]:
    bucket = look.snapshot.places.environment_bucket
    reaches = look.grant.resource in (name_bucket(bucket), f"{PROJECT}{look.snapshot.places.project}")
    if not bucket or not reaches or look.is_named or WRITES not in (look.permissions or ()):
        return
    if is_google_agent(look.grant.member) or _is_meant_to_write(look):
        return
    folders = [folder for folder in ("dags/", "plugins/") if _reaches(look.grant, bucket, folder)]
    if folders:
        said = f"{look.said}: may write {' and '.join(folders)} in {bucket}, and so run code as the environment"
        yield look.tell(rules.DIRECT_WRITER, said, "service_accounts")


def _reaches(grant: Grant, bucket: str, folder: str) -> bool:
    return may_hold(grant.condition, f"projects/_/buckets/{bucket}/objects/{folder}")


def _is_meant_to_write(look: Look) -> bool:
    member = parse_member(look.grant.member)
    accounts = look.policy.iam.service_accounts
    return member.kind == "serviceAccount" and member.name in {accounts.mirror, accounts.environment} - {""}


def _check_default(look: Look) -> Iterator[IamFinding]:
    member = parse_member(look.grant.member)
    if member.kind == "serviceAccount" and is_default_account(member.name) and not look.is_named:
        yield look.tell(rules.DEFAULT_ACCOUNT, f"{look.said}: a default account")


def _check_admin(look: Look) -> Iterator[IamFinding]:
    member, role = parse_member(look.grant.member), look.grant.role
    component = list_own(look.policy.iam.service_accounts).get(member.name)
    is_admin = role in BASIC_ROLES[:2] or role.lower().endswith("admin")
    if component and is_admin and not look.is_named:
        said = f"{component} runs as {member.name}, which holds {role} on {look.grant.resource}"
        yield look.tell(rules.ADMIN_ACCOUNT, said, "service_accounts", component)


def _check_deleted(look: Look) -> Iterator[IamFinding]:
    if parse_member(look.grant.member).is_deleted:
        yield look.tell(rules.DELETED_MEMBER, look.said)


_CHECKS: tuple[Callable[[Look], Iterator[IamFinding]], ...] = (
    _check_public,
    _check_consumer,
    _check_domain,
    _check_forbidden,
    _check_holders,
    _check_basic,
    _check_convenience,
    _check_escalation,
    _check_account_role,
    _check_writer,
    _check_default,
    _check_admin,
    _check_deleted,
)
