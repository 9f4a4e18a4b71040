"""Puts IAM right where the policy says so: one member out of one binding, audited first, never the last key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from dagwarden.audit.entries import iam_remediated
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.snapshots import find_policy, read_roles
from dagwarden.errors import Contended, LimitExceeded, PreconditionFailed
from dagwarden.iam.finding import IamFinding, RemoveMember
from dagwarden.iam.remedy import explain_refusal, pick_removals, remedy_of, remove_member, stands, undone
from dagwarden.iam.snapshot import Places, ResourcePolicy, Snapshot, name_project
from dagwarden.iam.watch import Judged, Watch, is_agreed
from dagwarden.policy.iam import Remedy

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

ATTEMPTS = 4
"""How often a policy that somebody else sets at the same moment is read again."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What made the guard look: a call, or a message of the schedule."""

    name: str
    """The same for every delivery."""
    at: dt.datetime
    is_partial: bool = False
    """Whether some environment's policy could not be, or was not, asked."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put right for one environment, and why the rest is not."""

    removals: tuple[RemoveMember, ...]
    refusals: Mapping[RemoveMember, str]
    proposes: frozenset[str]
    """Rules whose fixes are proposed."""

    def say(self, found: IamFinding) -> str:
        """What becomes of a finding."""
        if isinstance(found.fix, RemoveMember) and found.fix in self.removals:
            return "the member is taken out"
        if isinstance(found.fix, RemoveMember) and found.fix in self.refusals:
            return f"not put right: {self.refusals[found.fix]}"
        return "proposed" if found.fix and found.finding.rule in self.proposes else "reported"


class Remover:
    """Takes members out of bindings."""

    def __init__(self, cloud: Cloud, audit: AuditWriter) -> None:
        self._cloud = cloud
        self._audit = audit

    def plan(self, judged: Judged, all_judged: tuple[Judged, ...], live: Sequence[ResourcePolicy], deed: Deed) -> Plan:
        """What to take out: what the policy wants, what stands, what every environment agrees to, within the limit."""
        policy = judged.watch.policy
        wanted = [fix for fix in pick_removals(policy, judged.findings) if stands(live, undone(fix))]
        refusals = {fix: reason for fix in wanted if (reason := self._explain(fix, judged.watch, all_judged, deed))}
        removals = tuple(fix for fix in wanted if fix not in refusals)
        most = policy.iam.remediation.max_removals
        if len(removals) > most:
            said = f"{len(removals)} members would go, at most {most} may: nothing is changed"
            refusals |= dict.fromkeys(removals, said)
            removals = ()
        proposes = (each.finding.rule for each in judged.findings if remedy_of(policy, each) is not Remedy.OFF)
        return Plan(removals=removals, refusals=refusals, proposes=frozenset(proposes))

    def carry_out(self, plan: Plan, judged: Judged, deed: Deed) -> None:
        """Each removal of the plan is on record, and made.

        Raises:
            Contended: others set the policy as often as it was read.
            LimitExceeded: meanwhile it would lock everybody out.
        """
        for fix in plan.removals:
            rules = sorted({each.finding.rule for each in judged.findings if each.fix == fix})
            entry = iam_remediated(
                fix,
                environment=judged.watch.environment,
                policy_digest=judged.watch.policy.digest,
                rules=rules,
                deed=deed.name,
                at=deed.at,
            )
            self._audit.write(entry)
            self._remove(fix, judged.watch)

    def _explain(self, fix: RemoveMember, watch: Watch, judged: tuple[Judged, ...], deed: Deed) -> str:
        if deed.is_partial and not watch.owns(fix.resource):
            return "another environment's policy was not asked"
        if not is_agreed(fix, watch, judged):
            return "another environment's policy finds it in order"
        return explain_refusal(fix, watch.policy, self._read_around(fix, watch.places), self._own())

    def _remove(self, fix: RemoveMember, watch: Watch) -> None:
        for _ in range(ATTEMPTS):
            snapshot = self._read_around(fix, watch.places)
            policy = next((each for each in snapshot.policies if each.resource == fix.resource), None)
            changed = remove_member(policy, fix) if policy else None
            if changed is None:
                return
            if reason := explain_refusal(fix, watch.policy, snapshot, self._own()):
                raise LimitExceeded(reason, operation="take member out", subject=fix.resource)
            try:
                self._cloud.iam.set_policy(changed, watch.places.project)
            except PreconditionFailed:
                continue
            return
        raise Contended(f"others set it {ATTEMPTS} times meanwhile", operation="set policy", subject=fix.resource)

    def _read_around(self, fix: RemoveMember, places: Places) -> Snapshot:
        """The policies on a resource and on its project, as they are now."""
        resources = dict.fromkeys((fix.resource, name_project(places.project)))
        policies = (find_policy(self._cloud.iam, resource, places.project) for resource in resources)
        now = dt.datetime.min.replace(tzinfo=dt.UTC)  # nothing of what is asked of it depends on the time
        snapshot = Snapshot(places=places, policies=tuple(each for each in policies if each), taken_at=now)
        return read_roles(self._cloud.iam, snapshot)

    def _own(self) -> frozenset[str]:
        settings = self._cloud.settings
        return frozenset({self._cloud.service_account, settings.gate_service_account}) - {""}
