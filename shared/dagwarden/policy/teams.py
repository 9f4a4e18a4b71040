"""Teams: whose a file is, and as whom and with what its tasks may run. What no list covers may not be used."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from dagwarden.documents import suggest
from dagwarden.policy.globs import match_path
from dagwarden.policy.section import Glob, Name, Paths, Section
from dagwarden.validate.rules.identities import SHARED_ACCOUNT
from dagwarden.yaml_nodes import Fault

Accounts = Annotated[tuple[Glob, ...], Meta(description="e-mails of service accounts; `*` stands for any text")]
Names = Annotated[tuple[Glob, ...], Meta(description="`*` stands for any text")]


class MayUse(Section, frozen=True, kw_only=True):
    """As whom, and with what, a team's tasks may run. Airflow's own default pool and queue are everybody's."""

    service_accounts: Annotated[Accounts, Meta(description="that clusters, jobs and services are started as")] = ()
    impersonation: Annotated[Accounts, Meta(description="the last of an impersonation chain: who acts")] = ()
    delegates: Annotated[Accounts, Meta(description="earlier links of a chain, users of domain-wide delegation")] = ()
    connections: Annotated[Names, Meta(description="Airflow's connection ids")] = ()
    kubernetes_service_accounts: Annotated[
        Names, Meta(description="of pods; `default` must be written out, no `*` covers it")
    ] = ()
    namespaces: Annotated[Names, Meta(description="that pods run in; `default` must be written out")] = ()
    images: Annotated[Names, Meta(description="of pods, jobs and services, with registry and tag or digest")] = ()
    pools: Names = ()
    queues: Names = ()
    executors: Annotated[Names, Meta(description="of those that the environment has, where a task names one")] = ()
    environment_variables: Annotated[
        Names, Meta(description="names; those that choose an identity must be written out, no `*` covers them")
    ] = ()
    secrets: Annotated[
        Names, Meta(description="names of Kubernetes secrets, and of maps that variables of pods come from")
    ] = ()
    encryption_keys: Annotated[
        Names, Meta(description="of Cloud KMS; where some are listed, whatever takes a key must name one")
    ] = ()
    pod_settings: Annotated[
        Names, Meta(description="powers of pods, as arguments have them: hostnetwork, privileged, config_file, …")
    ] = ()
    users: Annotated[Names, Meta(description="users of the operating system: `run_as_user` of a task")] = ()


class Team(Section, frozen=True, kw_only=True):
    """Whose files these are. A file that several teams' paths cover is bound by each of them, one of none by all."""

    name: Name
    paths: Paths
    may_use: MayUse = MayUse()


class Ruling(enum.StrEnum):
    """What is said to something that lists cannot decide."""

    DENY = "deny"
    WARN = "warn"
    ALLOW = "allow"


class Identities(Section, frozen=True, kw_only=True):
    """What is said to identities that no list of a team decides.

    Identities are looked at where there are `teams`, or this section.
    """

    default: Annotated[
        Literal["deny", "allow"], Meta(description="of a kind that no team's `may_use` has a list of")
    ] = "deny"
    unresolvable: Annotated[
        Ruling, Meta(description="values known at run time only, or not readable; `allow` notes them")
    ] = Ruling.DENY
    environments_own: Annotated[Ruling, Meta(description="tasks that act as the environment's own service account")] = (
        Ruling.DENY
    )
    grants: Annotated[Ruling, Meta(description="operators that change who has access to what")] = Ruling.DENY
    public_addresses: Annotated[
        Ruling, Meta(description="what tasks create with a public address, reachable from everywhere, or not said how")
    ] = Ruling.WARN
    projects: Annotated[
        Names, Meta(description="whose service accounts may be named at all, whatever teams list; empty: any")
    ] = ()


Line = Callable[..., int]
"""The line of the policy that a path of keys stands on."""

_ACCOUNT_LISTS = ("service_accounts", "impersonation", "delegates")
_EMAIL_GLOB = re.compile(r"[a-zA-Z0-9*?._+-]+@[a-zA-Z0-9*?.-]+")


def find_teams(teams: Sequence[Team], path: str) -> list[tuple[int, Team]]:
    """The teams whose a file is, with their place in the list."""
    return [(index, team) for index, team in enumerate(teams) if match_path(path, team.paths)]


def check_teams(teams: Sequence[Team], line: Line) -> Iterator[Fault]:
    """What is wrong with the meaning of `teams`: names told twice, and entries that can cover nothing."""
    seen: dict[str, int] = {}
    for index, team in enumerate(teams):
        where = line("teams", index, "name")
        if team.name in seen:
            yield Fault(where, f"`{team.name}` names two teams, the first on line {seen[team.name]}")
        seen.setdefault(team.name, where)
        for kind in _ACCOUNT_LISTS:
            for place, glob in enumerate(getattr(team.may_use, kind)):
                if reason := _explain_account(glob):
                    yield Fault(line("teams", index, "may_use", kind, place), f"`{glob}` {reason}")


def advise_teams(teams: Sequence[Team]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is allowed to say of teams and still hardly meant, each with its place in the policy."""
    for index, team in enumerate(teams):
        for kind in ("service_accounts", "impersonation"):
            if "*" in getattr(team.may_use, kind):
                yield ("teams", index, "may_use", kind), f"`{team.name}` may act as anybody whom the environment may"


def _explain_account(glob: str) -> str:
    """Why a glob can cover no account that may be used; empty when it can."""
    if glob == "*":
        return ""
    if not _EMAIL_GLOB.fullmatch(glob):
        return f"is no e-mail of a service account{suggest(glob, ['*'])}"
    if SHARED_ACCOUNT.fullmatch(glob.lower()):
        return "is a default account of its project, which everything there shares: make one for the workload"
    return ""
