"""What may be put right by the guard itself: one member out of one binding, and never the one who holds the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dagwarden.iam.bindings import list_own
from dagwarden.iam.finding import IamFinding, RemoveMember
from dagwarden.iam.members import CONVENIENCE, is_google_agent, is_public, parse_member
from dagwarden.iam.origins import key_of
from dagwarden.iam.roles import find_permissions
from dagwarden.iam.snapshot import ACCOUNT, BUCKET, Binding, Grant, ResourcePolicy, Snapshot, list_grants, name_project
from dagwarden.policy.iam import Remedy
from dagwarden.policy.model import Policy

SETTERS = {
    BUCKET: ("storage.buckets.setIamPolicy", "resourcemanager.projects.setIamPolicy"),
    ACCOUNT: ("iam.serviceAccounts.setIamPolicy", "resourcemanager.projects.setIamPolicy"),
    "": ("resourcemanager.projects.setIamPolicy",),
}
"""Kind of resource -> the permissions of which somebody must go on holding one, on it or on its project."""


def remedy_of(policy: Policy, finding: IamFinding) -> Remedy:
    """What the policy wants done about a finding; what it cannot want done is proposed."""
    remediation = policy.iam.remediation
    wanted = remediation.rules.get(finding.finding.rule, remediation.default)
    if wanted is Remedy.APPLY and not isinstance(finding.fix, RemoveMember):
        return Remedy.PROPOSE
    return wanted


def pick_removals(policy: Policy, findings: Iterable[IamFinding]) -> tuple[RemoveMember, ...]:
    """The changes that the policy wants made, each once."""
    wanted = (each.fix for each in findings if remedy_of(policy, each) is Remedy.APPLY)
    return tuple(dict.fromkeys(fix for fix in wanted if isinstance(fix, RemoveMember)))


def explain_refusal(fix: RemoveMember, policy: Policy, snapshot: Snapshot, own: frozenset[str]) -> str:
    """Why the guard does not make a change although it is wanted; empty: it may.

    Args:
        snapshot: holds the policies on the resource and on its project as they are now.
        own: e-mails of the accounts that the guard and the gate run as.
    """
    name = parse_member(fix.member).name
    if name in own or name in list_own(policy.iam.service_accounts):
        return f"{name} is an account that Dagwarden or the environment runs as: it would stop working"
    if is_google_agent(fix.member):
        return f"{name} is an agent of Google's: a service would stop working"
    if not _is_settable(fix, snapshot):
        return f"nobody could set the policy of {fix.resource} any more"
    return ""


def remove_member(policy: ResourcePolicy, fix: RemoveMember) -> ResourcePolicy | None:
    """The policy without exactly that member in exactly that binding; None where it is not there (any more)."""
    bindings = tuple(_without(binding, fix) for binding in policy.bindings)
    if bindings == policy.bindings:
        return None
    return msgspec.structs.replace(policy, bindings=tuple(each for each in bindings if each.members))


def stands(policies: Sequence[ResourcePolicy], grant: Grant) -> bool:
    """Whether the grant is in the policies as they are now."""
    return key_of(grant) in {key_of(each) for each in list_grants(tuple(policies))}


def _without(binding: Binding, fix: RemoveMember) -> Binding:
    expression = fix.condition.expression if fix.condition else ""
    if binding.role != fix.role or (binding.condition.expression if binding.condition else "") != expression:
        return binding
    return msgspec.structs.replace(binding, members=tuple(each for each in binding.members if each != fix.member))


def _is_settable(fix: RemoveMember, snapshot: Snapshot) -> bool:
    """Whether the change leaves somebody who can set the policy, if there is anybody before it."""
    project = name_project(snapshot.places.project)
    before = [each for each in snapshot.policies if each.resource in (fix.resource, project)]
    after = [remove_member(each, fix) or each if each.resource == fix.resource else each for each in before]
    return _has_setter(after, fix.resource, snapshot) or not _has_setter(before, fix.resource, snapshot)


def _has_setter(policies: Sequence[ResourcePolicy], resource: str, snapshot: Snapshot) -> bool:
    setters = next(names for kind, names in SETTERS.items() if resource.startswith(kind))
    return any(
        _is_somebody(grant) and (find_permissions(grant.role, snapshot) or frozenset()).intersection(setters)
        for grant in list_grants(tuple(policies))
    )


def _is_somebody(grant: Grant) -> bool:
    """Whether it is certain that a person or account of ours holds it, at all times."""
    member = parse_member(grant.member)
    is_stranger = is_public(grant.member) or is_google_agent(grant.member) or member.kind in CONVENIENCE
    return grant.condition is None and not member.is_deleted and not is_stranger


def undone(fix: RemoveMember) -> Grant:
    """The grant that a change takes back."""
    return Grant(resource=fix.resource, role=fix.role, member=fix.member, condition=fix.condition)
