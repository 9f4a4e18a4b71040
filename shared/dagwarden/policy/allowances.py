"""What a file's teams let one identity fact be: pure, and asked once for each value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import msgspec

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page
from dagwarden.policy import identity_pages as pages
from dagwarden.policy.globs import match_name
from dagwarden.policy.mentions import SENSITIVE
from dagwarden.policy.model import Policy
from dagwarden.policy.teams import Ruling, find_teams
from dagwarden.validate.identity_table import POWERS, snake_case
from dagwarden.validate.model import FactKind, IdentityFact, Known
from dagwarden.validate.rules.identities import (
    DEFAULT_SERVICE_ACCOUNT,
    ENVIRONMENT_IDENTITY,
    IDENTITY_UNREADABLE,
    PUBLIC_ADDRESS,
    SHARED_ACCOUNT,
    TEMPLATED_IDENTITY,
)

Kind = FactKind | str
"""Of a fact, or `pool`, `queue` and `executor`, which are attributes of a task."""
POOL, QUEUE, EXECUTOR = "pool", "queue", "executor"

LISTS: dict[Kind, tuple[str, ...]] = {
    FactKind.SERVICE_ACCOUNT: ("service_accounts",),
    FactKind.IMPERSONATION: ("impersonation",),
    FactKind.DELEGATE: ("delegates",),
    FactKind.MENTION: ("service_accounts", "impersonation", "delegates"),
    FactKind.CONNECTION: ("connections",),
    FactKind.KUBERNETES_SERVICE_ACCOUNT: ("kubernetes_service_accounts",),
    FactKind.NAMESPACE: ("namespaces",),
    FactKind.IMAGE: ("images",),
    FactKind.SECRET: ("secrets",),
    FactKind.KUBERNETES_SETTING: ("pod_settings",),
    FactKind.ENVIRONMENT_VARIABLE: ("environment_variables",),
    FactKind.ENCRYPTION_KEY: ("encryption_keys",),
    FactKind.USER: ("users",),
    POOL: ("pools",),
    QUEUE: ("queues",),
    EXECUTOR: ("executors",),
}
"""Which lists under `may_use` decide on a kind; a value in any of them may be used."""

PAGES: dict[Kind, Page] = {
    FactKind.SERVICE_ACCOUNT: pages.ACCOUNT_NOT_ALLOWED,
    FactKind.IMPERSONATION: pages.IMPERSONATION_NOT_ALLOWED,
    FactKind.DELEGATE: pages.IMPERSONATION_NOT_ALLOWED,
    FactKind.MENTION: pages.ACCOUNT_NOT_ALLOWED,
    FactKind.CONNECTION: pages.CONNECTION_NOT_ALLOWED,
    FactKind.KUBERNETES_SERVICE_ACCOUNT: pages.POD_IDENTITY_NOT_ALLOWED,
    FactKind.NAMESPACE: pages.POD_IDENTITY_NOT_ALLOWED,
    FactKind.IMAGE: pages.IMAGE_NOT_ALLOWED,
    FactKind.SECRET: pages.POD_IDENTITY_NOT_ALLOWED,
    FactKind.KUBERNETES_SETTING: pages.POD_SETTING_NOT_ALLOWED,
    FactKind.ENVIRONMENT_VARIABLE: pages.VARIABLE_NOT_ALLOWED,
    FactKind.ENCRYPTION_KEY: pages.KEY_NOT_ALLOWED,
    FactKind.USER: pages.PLACE_NOT_ALLOWED,
    POOL: pages.PLACE_NOT_ALLOWED,
    QUEUE: pages.PLACE_NOT_ALLOWED,
    EXECUTOR: pages.PLACE_NOT_ALLOWED,
}

ACCOUNTS = frozenset({FactKind.SERVICE_ACCOUNT, FactKind.IMPERSONATION, FactKind.DELEGATE, FactKind.MENTION})
ALWAYS_RESOLVED = frozenset(
    {*ACCOUNTS, *(FactKind.CONNECTION, FactKind.KUBERNETES_SERVICE_ACCOUNT, FactKind.POD_TEMPLATE)}
    | {FactKind.ARGUMENTS, FactKind.ENVIRONMENT_VARIABLE}
)
"""Kinds whose value must be known even where no team has a list of them: it may be an identity nobody may use."""
POD_SETTINGS = (POWERS | {"in_cluster"}) - {"automount_service_account_token", "run_as_root"}
"""Settings of a pod that lead to another identity than its own; an account that may be used may be mounted."""
UNSAID = "default"
"""What Kubernetes calls a service account or a namespace that nobody named."""
FREE: dict[Kind, str] = {POOL: "default_pool", QUEUE: "default"}
"""What Airflow gives a task that names none."""

_EMAIL = re.compile(r"[^@\s,/]+@[^@\s,/]+")
_RESOURCE = re.compile(r"projects/[^/]+/serviceAccounts/([^/]+)")
_PROJECT = re.compile(r"[^@]+@([^@]+)\.iam\.gserviceaccount\.com")
_REACHED = {
    Known.TEMPLATED: "who reaches what it creates is known at run time only",
    Known.UNREADABLE: "who reaches what it creates cannot be read",
    Known.ABSENT: "the service gives it a public address, or lets everybody connect, unless this says otherwise",
}
RULINGS = {Ruling.DENY: Severity.ERROR, Ruling.WARN: Severity.WARNING, Ruling.ALLOW: Severity.INFO}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why something may not be, and where the policy says so."""

    page: Page
    why: str
    clause: str
    severity: Severity = Severity.ERROR


class Allowances:
    """What the teams of one file let its tasks use.

    Args:
        own: e-mails of the environment's own service accounts.
    """

    def __init__(self, policy: Policy, path: str, own: Collection[str] = ()) -> None:
        self.policy, self.own = policy, frozenset(account.lower() for account in own)
        self.teams = find_teams(policy.teams, path)
        self._told: dict[tuple[Kind, str, Known, str], tuple[Refusal, ...]] = {}

    def judge(self, fact: IdentityFact) -> tuple[Refusal, ...]:
        """Every reason why a fact, absent ones aside, may not be."""
        name = fact.argument.rpartition(".")[2].partition("[")[0]
        key = (fact.kind, fact.value, fact.known, name)
        if key not in self._told:
            self._told[key] = tuple(self._judge(fact, snake_case(name)))
        return self._told[key]

    def judge_value(self, kind: Kind, value: str) -> Iterator[Refusal]:
        """Every reason why a value that is known may not be used."""
        if kind in ACCOUNTS:
            value = _resolve_account(value)
            shared = list(self._judge_account(value))
            yield from shared
            if any(refusal.page is DEFAULT_SERVICE_ACCOUNT for refusal in shared):
                return
        if FREE.get(kind) != value:
            yield from self.check_lists(kind, value, PAGES[kind])

    def check_lists(self, kind: Kind, value: str, page: Page) -> Iterator[Refusal]:
        """A refusal for each team whose lists do not cover the value; one where the file is of no team."""
        is_sensitive = kind is FactKind.ENVIRONMENT_VARIABLE and match_name(value, SENSITIVE)
        if not (is_sensitive or self.is_restricted(kind)):
            return
        lists = LISTS[kind]
        for index, team in self.teams:
            if not _covers(kind, value, [glob for each in lists for glob in getattr(team.may_use, each)]):
                clause = self.policy.clause("teams", index, "may_use", *(lists if len(lists) == 1 else ()))
                yield Refusal(page=page, why=f"team `{team.name}` may not use it", clause=clause)
        if not self.teams:
            yield Refusal(page=page, why="the file is of no team", clause=self.policy.clause("teams"))

    def is_restricted(self, kind: Kind) -> bool:
        """Whether some team has a list that decides on a kind, or the policy denies what none lists."""
        return self.policy.identities.default == "deny" or any(
            ("teams", index, "may_use", each) in self.policy.document.lines
            for index in range(len(self.policy.teams))
            for each in LISTS[kind]
        )

    def lists_some(self, kind: Kind) -> bool:
        """Whether a team of the file lists any value of a kind."""
        return any(getattr(team.may_use, each) for _, team in self.teams for each in LISTS[kind])

    def rule(self, page: Page, why: str, setting: str) -> Refusal:
        """What the policy's ruling under `identities` makes of something that no list decides."""
        ruling: Ruling = getattr(self.policy.identities, setting)
        clause = self.policy.clause("identities", setting)
        return Refusal(page=page, why=why, clause=clause, severity=RULINGS[ruling])

    def _judge(self, fact: IdentityFact, name: str) -> Iterator[Refusal]:
        if fact.kind is FactKind.PUBLIC_ADDRESS:
            why = _REACHED.get(fact.known, "strangers reach what it creates")
            yield self.rule(PUBLIC_ADDRESS, why, "public_addresses")
        elif fact.kind is FactKind.KUBERNETES_SETTING:
            if name in POD_SETTINGS:
                yield from self.judge_value(fact.kind, name)
        elif fact.known is Known.TEMPLATED:
            yield from self._leave_open(fact.kind, TEMPLATED_IDENTITY, "it is known at run time only")
        elif fact.known is Known.UNREADABLE or fact.kind is FactKind.ARGUMENTS:
            yield from self._leave_open(fact.kind, IDENTITY_UNREADABLE, "it cannot be read")
        elif fact.kind is FactKind.POD_TEMPLATE:
            yield from self._leave_open(fact.kind, IDENTITY_UNREADABLE, "what that file says is not read")
        elif fact.kind is FactKind.DELEGATE and name == "delegate_to":
            yield from self.check_lists(fact.kind, fact.value, pages.DOMAIN_WIDE_DELEGATION)
        else:
            for kind, value in _split_chain(fact):
                yield from self.judge_value(kind, value)

    def _leave_open(self, kind: FactKind, page: Page, why: str) -> Iterator[Refusal]:
        if kind in ALWAYS_RESOLVED or self.is_restricted(kind):
            yield self.rule(page, why, "unresolvable")

    def _judge_account(self, value: str) -> Iterator[Refusal]:
        """What no list of a team may allow."""
        projects = self.policy.identities.projects
        if SHARED_ACCOUNT.fullmatch(value):
            why, clause = "it is a default account of its project", self.policy.clause("teams")
            yield Refusal(page=DEFAULT_SERVICE_ACCOUNT, why=why, clause=clause)
        elif value in self.own:
            yield self.rule(ENVIRONMENT_IDENTITY, "it is the environment's own account", "environments_own")
        elif projects and not (owner := _PROJECT.fullmatch(value)):
            if value.endswith("gserviceaccount.com"):
                yield self._refuse_project("it is of no project that is listed")
        elif projects and owner and not match_name(owner[1], projects):
            yield self._refuse_project(f"the project `{owner[1]}` is not listed")

    def _refuse_project(self, why: str) -> Refusal:
        clause = self.policy.clause("identities", "projects")
        return Refusal(page=pages.ACCOUNT_OF_ANOTHER_PROJECT, why=why, clause=clause)


def _covers(kind: Kind, value: str, globs: Sequence[str]) -> bool:
    """Whether globs cover a value. What is easily meant otherwise must be written out: no `*` stands for it."""
    if value in globs:
        return True
    if kind in ACCOUNTS and not _EMAIL.fullmatch(value):
        return False
    if kind is FactKind.ENVIRONMENT_VARIABLE and match_name(value, SENSITIVE):
        return False
    if kind in {FactKind.KUBERNETES_SERVICE_ACCOUNT, FactKind.NAMESPACE} and value == UNSAID:
        return False
    return match_name(value, globs)


def _split_chain(fact: IdentityFact) -> list[tuple[Kind, str]]:
    """A chain in one text, `a@…,b@…`: the last acts, those before it delegate. Source: GoogleBaseHook."""
    if fact.kind is not FactKind.IMPERSONATION or "," not in fact.value:
        return [(fact.kind, fact.value)]
    *before, last = (each.strip() for each in fact.value.split(","))
    return [*((FactKind.DELEGATE, each) for each in before), (FactKind.IMPERSONATION, last)]


def _resolve_account(value: str) -> str:
    """The e-mail in a full resource name; letters count alike in the e-mails of accounts.

    >>> _resolve_account("projects/-/serviceAccounts/ETL@acme.iam.gserviceaccount.com")
    'etl@acme.iam.gserviceaccount.com'
    """
    named = _RESOURCE.fullmatch(value)
    return (named[1] if named else value).strip().lower()
