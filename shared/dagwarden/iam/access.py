"""The access matrix: what each principal can in effect do around an environment, and by which way."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from dagwarden.iam.holders import Holder, list_holders
from dagwarden.iam.members import parse_member
from dagwarden.iam.roles import list_unknown
from dagwarden.iam.snapshot import Snapshot, list_grants, name_account, name_bucket, name_project
from dagwarden.names import EnvironmentName, approval_audience, audience
from dagwarden.policy.globs import match_name
from dagwarden.policy.model import Action, Policy

MOST_WAYS = 6
"""Of one ability of one principal; the shortest are told."""
MOST_STEPS = 4
"""Service accounts taken one from another; longer chains are left out."""


class Ability(enum.StrEnum):
    """Something that one can do around an environment."""

    PUSH = "push"
    APPROVE = "approve"
    ROLL_BACK = "roll_back"
    WRITE_BUCKET = "write_bucket"
    RUN_CODE = "run_code"
    READ_SOURCE = "read_source"
    SEE_WEBSERVER = "see_webserver"
    CHANGE_POLICY = "change_policy"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One principal."""

    principal: str
    ways: dict[Ability, tuple[str, ...]]
    """Ability -> the ways to it, the shortest first; what is not there it cannot do."""
    component: str = ""
    """Which component runs as it; empty: none that the policy names."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody who can do anything."""

    environment: str
    rows: tuple[Row, ...]
    direct_writers: tuple[str, ...]
    """Who can write the environment's bucket past the gate: people and accounts that can run code as it."""
    unread: tuple[str, ...]
    """What Cloud Composer did not tell: DAGs may run as an account that nobody knows here."""
    unreadable_roles: tuple[str, ...]
    """Roles of which nobody knows what they permit: their holders may be able to do more than is told."""


class Gain(msgspec.Struct, frozen=True):
    """What one member gains by one step."""

    ability: Ability
    member: str
    way: str


TAKES_OVER: tuple[tuple[str, str], ...] = (
    ("iam.serviceAccounts.getAccessToken", "gets its tokens"),
    ("iam.serviceAccounts.signJwt", "signs as it"),
    ("iam.serviceAccounts.signBlob", "signs as it"),
    ("iam.serviceAccountKeys.create", "makes itself a key"),
    ("iam.serviceAccounts.setIamPolicy", "grants itself its tokens"),
)
"""Permissions on a service account by which one becomes it."""

DEPLOYS = (
    "cloudbuild.builds.create",
    "cloudfunctions.functions.create",
    "composer.environments.create",
    "compute.instances.create",
    "dataflow.jobs.create",
    "dataproc.clusters.create",
    "run.services.create",
)
"""With one of these on the project, who may act as a service account runs code as it."""


def make_matrix(policy: Policy, snapshot: Snapshot) -> Matrix:
    """What each principal can in effect do, from roles, bindings and the policy."""
    direct: dict[str, dict[Ability, list[str]]] = defaultdict(lambda: defaultdict(list))
    for gain in _list_gains(policy, snapshot):
        direct[gain.member][gain.ability].append(gain.way)
    takeovers = _list_takeovers(policy, snapshot)
    everybody = {grant.member for grant in list_grants(snapshot.policies)} | direct.keys()
    rows = (_make_row(policy, member, direct, takeovers) for member in sorted(everybody))
    unreadable = {role for role, held in snapshot.roles.items() if held is None} | set(list_unknown(snapshot))
    kept = tuple(row for row in rows if row.ways)
    return Matrix(
        environment=snapshot.places.environment,
        rows=kept,
        direct_writers=tuple(row.principal for row in kept if Ability.WRITE_BUCKET in row.ways and not row.component),
        unread=snapshot.composer.faults if snapshot.composer else (),
        unreadable_roles=tuple(sorted(unreadable)),
    )


def _make_row(
    policy: Policy,
    member: str,
    direct: Mapping[str, Mapping[Ability, list[str]]],
    takeovers: Mapping[str, list[Holder]],
) -> Row:
    ways: dict[Ability, list[str]] = defaultdict(list)
    for account, path in _reach(member, takeovers).items():
        for ability, found in direct.get(account, {}).items():
            ways[ability] += [" -> ".join((*path, way)) for way in found]
    name = parse_member(member).name
    components = {getattr(policy.iam.service_accounts, key): key for key in _COMPONENTS} if "@" in name else {}
    return Row(
        principal=member,
        ways={
            each: tuple(dict.fromkeys(sorted(ways[each], key=_by_length)))[:MOST_WAYS] for each in Ability if ways[each]
        },
        component=components.get(name, ""),
    )


_COMPONENTS = ("environment", "worker", "mirror", "gate")
"""Those that are meant to write where code is, or to decide on it."""


def _by_length(way: str) -> tuple[int, int]:
    return way.count(" -> "), len(way)


def _reach(member: str, takeovers: Mapping[str, list[Holder]]) -> dict[str, tuple[str, ...]]:
    """Every member that one can become, itself first -> the shortest way there."""
    reached: dict[str, tuple[str, ...]] = {member: ()}
    front = [member]
    for _ in range(MOST_STEPS):
        further = []
        for at in front:
            for holder in takeovers.get(at, ()):
                if holder.member not in reached:
                    reached[holder.member] = (*reached[at], holder.step)
                    further.append(holder.member)
        front = further
    return reached


def _list_takeovers(policy: Policy, snapshot: Snapshot) -> dict[str, list[Holder]]:
    """Member -> the service accounts it can become, and how."""
    taken: dict[str, list[Holder]] = defaultdict(list)
    project = name_project(snapshot.places.project)
    deployers = {holder.member for permission in DEPLOYS for holder in list_holders(snapshot, permission, project)}
    for email in sorted(_list_accounts(policy, snapshot)):
        account, resource = f"serviceAccount:{email}", name_account(email)
        for permission, said in TAKES_OVER:
            for holder in list_holders(snapshot, permission, resource):
                taken[holder.member].append(Holder(account, f"{said}, {email}, by {holder.step}"))
        for holder in list_holders(snapshot, "iam.serviceAccounts.actAs", resource):
            if holder.member in deployers:
                taken[holder.member].append(Holder(account, f"deploys code as {email} by {holder.step}"))
    return taken


def _list_accounts(policy: Policy, snapshot: Snapshot) -> set[str]:
    accounts = policy.iam.service_accounts
    named = {getattr(accounts, name) for name in accounts.__struct_fields__} - {""}
    return named | _list_workers(policy, snapshot) | {account.email for account in snapshot.accounts}


def _list_workers(policy: Policy, snapshot: Snapshot) -> set[str]:
    """The accounts that DAGs run as, by policy.yaml, by environment.yaml and by what Cloud Composer says."""
    accounts, settings = policy.iam.service_accounts, snapshot.composer and snapshot.composer.settings
    live = settings.node_config.service_account if settings else ""
    return {accounts.environment, accounts.worker, live, *snapshot.places.accounts} - {""}


def _list_gains(policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    for find in (_find_pushers, _find_approvers, _find_writers, _find_runners, _find_readers, _find_rulers):
        yield from find(policy, snapshot)


def _find_pushers(policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    environment, inbox = snapshot.places.environment, snapshot.places.inbox
    creators = _create(snapshot, inbox, f"{environment}/pushes/")
    for holder in (*creators, *_list_signers(policy, audience(EnvironmentName(environment)), creators)):
        name = parse_member(holder.member).name
        for index, pusher in enumerate(policy.pushers):
            if match_name(name, pusher.principals):
                way = f"{holder.step}; `{pusher.name}` ({policy.clause('pushers', index)})"
                if Action.PUSH in pusher.may:
                    yield Gain(Ability.PUSH, holder.member, way)
                if Action.ROLLBACK in pusher.may:
                    yield Gain(Ability.ROLL_BACK, holder.member, way)
    if policy.raw_drops.allowed:
        for holder in _create(snapshot, inbox, f"{environment}/dags/", f"{environment}/plugins/"):
            way = f"{holder.step}; raw drops ({policy.clause('raw_drops', 'allowed')})"
            yield Gain(Ability.PUSH, holder.member, way)


def _find_approvers(policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    environment, inbox = snapshot.places.environment, snapshot.places.inbox
    creators = _create(snapshot, inbox, f"{environment}/approvals/")
    for holder in (*creators, *_list_signers(policy, approval_audience(EnvironmentName(environment)), creators)):
        for index, entry in enumerate(policy.approvals):
            if match_name(parse_member(holder.member).name, entry.approvers):
                way = f"{holder.step}; `{entry.name}` ({policy.clause('approvals', index)})"
                yield Gain(Ability.APPROVE, holder.member, way)


def _list_signers(policy: Policy, namespace: str, creators: Sequence[Holder]) -> Iterator[Holder]:
    """Who signs by an SSH key, dates aside: what they sign counts whoever uploads it, if there is anybody who can."""
    for index, signer in enumerate(policy.signers if creators else ()):
        if match_name(namespace, signer.namespaces):
            kind = "serviceAccount" if signer.principal.endswith(".gserviceaccount.com") else "user"
            yield Holder(f"{kind}:{signer.principal}", f"an SSH key ({policy.clause('signers', index)})")


def _find_writers(_policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    if bucket := snapshot.places.environment_bucket:
        for holder in (*_create(snapshot, bucket, "dags/", "plugins/"), *_grant_itself(snapshot, bucket)):
            yield Gain(Ability.WRITE_BUCKET, holder.member, holder.step)


def _find_runners(policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    """Past the gate: a push that a verdict allows runs code too, and is told as a push."""
    for gain in _find_writers(policy, snapshot):
        yield Gain(Ability.RUN_CODE, gain.member, f"writes the bucket by {gain.way}")
    project = name_project(snapshot.places.project)
    for permission in ("composer.environments.update", "composer.environments.executeAirflowCommand"):
        for holder in list_holders(snapshot, permission, project):
            yield Gain(Ability.RUN_CODE, holder.member, f"{permission} by {holder.step}")
    for email in sorted(_list_workers(policy, snapshot)):
        yield Gain(Ability.RUN_CODE, f"serviceAccount:{email}", "is what the worker runs as")


def _find_readers(_policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    places, environment = snapshot.places, snapshot.places.environment
    wanted = (
        (places.environment_bucket, ("dags/", "plugins/")),
        (places.store, (f"{environment}/deltas/", f"{environment}/snapshots/")),
        (places.inbox, (f"{environment}/pushes/", f"{environment}/dags/")),
    )
    for bucket, prefixes in wanted:
        if bucket:
            for holder in _list_on_objects(snapshot, "storage.objects.get", bucket, prefixes):
                yield Gain(Ability.READ_SOURCE, holder.member, holder.step)
    project = name_project(places.project)
    for holder in list_holders(snapshot, "composer.dags.getSourceCode", project):
        yield Gain(Ability.READ_SOURCE, holder.member, f"composer.dags.getSourceCode by {holder.step}")
    for holder in list_holders(snapshot, "composer.environments.get", project):
        yield Gain(Ability.SEE_WEBSERVER, holder.member, holder.step)


def _find_rulers(_policy: Policy, snapshot: Snapshot) -> Iterator[Gain]:
    store, file = snapshot.places.store, f"{snapshot.places.environment}/policy.yaml"
    may_delete = {each.member for each in _list_on_objects(snapshot, "storage.objects.delete", store, (file,))}
    for holder in _create(snapshot, store, file):
        if holder.member in may_delete:  # a standing object is replaced only by who may delete it
            yield Gain(Ability.CHANGE_POLICY, holder.member, holder.step)
    for holder in _grant_itself(snapshot, store):
        yield Gain(Ability.CHANGE_POLICY, holder.member, holder.step)


def _create(snapshot: Snapshot, bucket: str, *prefixes: str) -> list[Holder]:
    return _list_on_objects(snapshot, "storage.objects.create", bucket, prefixes)


def _grant_itself(snapshot: Snapshot, bucket: str) -> Iterable[Holder]:
    resource, project = name_bucket(bucket), name_project(snapshot.places.project)
    for permission, where in (
        ("storage.buckets.setIamPolicy", resource),
        ("resourcemanager.projects.setIamPolicy", project),
    ):
        for holder in list_holders(snapshot, permission, where):
            yield Holder(holder.member, f"may grant it to itself by {holder.step}")


def _list_on_objects(snapshot: Snapshot, permission: str, bucket: str, prefixes: Iterable[str]) -> list[Holder]:
    names = tuple(f"projects/_/buckets/{bucket}/objects/{prefix}" for prefix in prefixes)
    return list_holders(snapshot, permission, name_bucket(bucket), names)
