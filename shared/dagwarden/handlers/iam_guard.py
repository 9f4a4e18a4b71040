"""The guard of IAM: a change is looked into, the whole is looked at on a schedule; what policy says is put right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dagwarden.audit.entries import iam_checked, iam_found
from dagwarden.audit.entry import AuditEntry
from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.composer import read_state
from dagwarden.cloud.identity import utc_now
from dagwarden.cloud.snapshots import (
    ACTIVITY_LOG,
    find_bucket,
    find_policy,
    read_account,
    read_all,
    read_origins,
    read_roles,
)
from dagwarden.errors import InvalidInput, NotFound
from dagwarden.events.iam_changes import IamChange, Subject, read_iam_change
from dagwarden.events.messages import MESSAGE_PUBLISHED, PubsubEvent, read_pubsub_event
from dagwarden.handlers.iam_remedy import Deed, Remover
from dagwarden.iam.evaluate import evaluate
from dagwarden.iam.finding import IamFinding
from dagwarden.iam.origins import Origins, add_origins, index_origins
from dagwarden.iam.remedy import stands
from dagwarden.iam.snapshot import ACCOUNT, BUCKET, Binding, Places, ResourcePolicy, Snapshot, name_environment
from dagwarden.iam.watch import Judged, Watch
from dagwarden.names import EnvironmentName, environment_object, policy_object
from dagwarden.policy.environment import load_environment
from dagwarden.policy.load import load_policy

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud

ENVIRONMENT = "environment"
"""Attribute of a schedule's message that names the one environment to look at; without it, all are."""
REMEMBERED = dt.timedelta(days=400)
"""How long Cloud Logging keeps admin activity. Source: cloud.google.com/logging/quotas, `_Required` bucket."""
BATCH = 200
"""Audit entries written by one call."""


class IamGuard:
    """Takes the guard's events. Nothing is remembered between them."""

    def __init__(self, cloud: Cloud, *, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._cloud = cloud
        self._now = now
        self._audit = AuditWriter(cloud, now=now)
        self._remover = Remover(cloud, self._audit)

    def take(self, attributes: Mapping[str, str], data: object) -> None:
        """A change of IAM is looked into; a message of the schedule makes the guard look at everything.

        Raises:
            InvalidInput: the event means nothing here, or a policy cannot be read.
            LimitExceeded: a remediation would lock everybody out.
            Transient: delivered again, it may go better.
        """
        if attributes.get("type") == MESSAGE_PUBLISHED:
            self._take_schedule(read_pubsub_event(attributes, data))
        else:
            self._take_change(read_iam_change(attributes, data))

    def _take_change(self, change: IamChange) -> None:
        told = change.change
        if (
            not change.call.succeeded
            or change.is_under_way
            or (told.deltas is not None and not told.added and change.subject is Subject.POLICY)
        ):
            return
        resource = told.resource
        all_watches, fault = self._read_watches()
        watches = [watch for watch in all_watches if watch.concerns(resource, change.project)]
        if not watches:
            _refuse_foreign(change, self._cloud.settings.project)
        live = self._read_live(change)
        seen = [(watch, read_roles(self._cloud.iam, self._see(watch, change, live))) for watch in watches]
        origins = self._read_origins(change)
        judged = tuple(
            Judged(watch=watch, findings=add_origins(evaluate(watch.policy, snapshot), origins))
            for watch, snapshot in seen
        )
        self._settle(judged, live, Deed(name=change.deed, at=change.call.time, is_partial=fault is not None))
        _raise(fault)

    def _take_schedule(self, message: PubsubEvent) -> None:
        wanted = message.attributes.get(ENVIRONMENT, "")
        all_watches, fault = self._read_watches()
        watches = [watch for watch in all_watches if wanted in ("", watch.environment)]
        if wanted and not watches:
            raise fault or InvalidInput("there is no such environment", operation="look at IAM", subject=wanted)
        is_partial = fault is not None or len(watches) < len(all_watches)
        deed = Deed(name=message.message_id, at=message.published_at, is_partial=is_partial)
        log = self._cloud.log(ACTIVITY_LOG)
        origins = read_origins(log, self._now() - REMEMBERED) if watches else index_origins([])
        snapshots = [read_all(self._cloud, watch, self._now()) for watch in watches]
        judged = tuple(
            Judged(watch=watch, findings=add_origins(evaluate(watch.policy, snapshot), origins))
            for watch, snapshot in zip(watches, snapshots, strict=True)
        )
        for each, snapshot in zip(judged, snapshots, strict=True):
            names = [policy.resource for policy in snapshot.policies]
            names += [name_environment(each.watch.places.composer)] if snapshot.composer else []
            self._audit.write(_checked(each, deed, names))
        self._settle(judged, tuple(policy for snapshot in snapshots for policy in snapshot.policies), deed)
        _raise(fault)

    def _settle(self, judged: tuple[Judged, ...], live: Sequence[ResourcePolicy], deed: Deed) -> None:
        """What was found is told; then what the policies want put right is put right."""
        plans = [self._remover.plan(each, judged, live, deed) for each in judged]
        for each, plan in zip(judged, plans, strict=True):
            entries = [
                iam_found(
                    found,
                    environment=each.watch.environment,
                    policy_digest=each.watch.policy.digest,
                    deed=deed.name,
                    at=deed.at,
                    note=plan.say(found) if _stands(found, live) else "it no longer stands",
                )
                for found in each.findings
            ]
            for start in range(0, len(entries), BATCH):
                self._audit.write(*entries[start : start + BATCH])
        for each, plan in zip(judged, plans, strict=True):
            self._remover.carry_out(plan, each, deed)

    def _read_origins(self, change: IamChange) -> Origins:
        """Of settings the log is asked: what is wrong with them need not be this change's doing."""
        if change.subject is not Subject.ENVIRONMENT:
            return index_origins([change.change])
        return read_origins(self._cloud.log(ACTIVITY_LOG), self._now() - REMEMBERED, change.change)

    def _read_live(self, change: IamChange) -> tuple[ResourcePolicy, ...]:
        if change.subject is not Subject.POLICY:
            return ()
        found = find_policy(self._cloud.iam, change.change.resource, self._cloud.settings.project)
        return (found,) if found else ()

    def _see(self, watch: Watch, change: IamChange, live: tuple[ResourcePolicy, ...]) -> Snapshot:
        """As much as the change is about: what came, where the log tells; else the resource as it is now."""
        told, iam, now = change.change, self._cloud.iam, self._now()
        if change.subject is Subject.KEYS:
            account = read_account(iam, told.resource.removeprefix(ACCOUNT), watch.places.project)
            return Snapshot(places=watch.places, accounts=(account,), taken_at=now)
        if change.subject is Subject.SETTINGS:
            buckets = find_bucket(iam, told.resource.removeprefix(BUCKET))
            return Snapshot(places=watch.places, buckets=buckets, taken_at=now)
        if change.subject is Subject.ENVIRONMENT:
            state = read_state(self._cloud.composer, watch.described)
            return Snapshot(places=watch.places, composer=state, taken_at=now)
        if told.deltas is None:
            return Snapshot(places=watch.places, policies=live, taken_at=now)
        came = tuple(
            Binding(role=grant.role, members=(grant.member,), condition=grant.condition) for grant in told.added
        )
        policy = ResourcePolicy(resource=told.resource, bindings=came)
        return Snapshot(places=watch.places, policies=(policy,), taken_at=now)

    def _read_watches(self) -> tuple[list[Watch], InvalidInput | None]:
        """Every environment that the store describes and has a policy of; and what is wrong with one that has none.

        One that cannot be read does not hide the others from the guard.
        """
        watches, fault = [], None
        for folder in self._cloud.store.list_folders():
            try:
                watch = read_watch(self._cloud, EnvironmentName(folder))
            except InvalidInput as error:
                fault = error
                continue
            watches += [watch] if watch else []
        return watches, fault


def read_watch(cloud: Cloud, environment: EnvironmentName) -> Watch | None:
    """What is watched for an environment; None where the store does not describe it.

    Raises:
        InvalidInput: its environment.yaml or policy.yaml is none.
    """
    try:
        described = cloud.store.read(environment_object(environment))
        policy = cloud.store.read(policy_object(environment))
    except NotFound:
        return None
    settings = cloud.settings
    known = load_environment(described, environment_object(environment))
    places = Places(
        environment=environment,
        project=settings.project,
        inbox=settings.inbox_bucket,
        ledger=settings.ledger_bucket,
        store=settings.store_bucket,
        environment_bucket=known.bucket,
        composer=known.composer,
        accounts=known.service_accounts,
    )
    return Watch(environment=environment, places=places, policy=load_policy(policy), described=known)


def _refuse_foreign(change: IamChange, project: str) -> None:
    """A change to something of our project's that nobody watches is nobody's business; one of another's is no event.

    Raises:
        InvalidInput: the log of another project tells of it.
    """
    if change.project != project:
        raise InvalidInput(
            f"the log of {change.project} tells of it", operation="look into IAM", subject=change.change.resource
        )


def _raise(fault: InvalidInput | None) -> None:
    """What could be done is done; now what could not is on record."""
    if fault is not None:
        raise fault


def _stands(found: IamFinding, live: Sequence[ResourcePolicy]) -> bool:
    return found.grant is None or stands(live, found.grant)


def _checked(judged: Judged, deed: Deed, looked_at: list[str]) -> AuditEntry:
    return iam_checked(
        judged.findings,
        environment=judged.watch.environment,
        policy_digest=judged.watch.policy.digest,
        deed=deed.name,
        at=deed.at,
        looked_at=looked_at,
    )
