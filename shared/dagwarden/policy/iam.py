"""The `iam` section of policy.yaml: who may hold which roles, as whom components run, and what is put right."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Collection, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from dagwarden.documents import suggest
from dagwarden.policy.section import Glob, Name, Section
from dagwarden.yaml_nodes import Fault

ResourceGlobs = Annotated[
    tuple[Glob, ...],
    Meta(min_length=1, description="`projects/P`, `buckets/B`, `serviceAccounts/E-MAIL`; `*` stands for any text"),
]
Members = Annotated[
    tuple[Glob, ...],
    Meta(min_length=1, description="as IAM writes them, e.g. `group:data@example.com`; `*` stands for any text"),
]
Roles = Annotated[tuple[Glob, ...], Meta(min_length=1, description="`roles/composer.worker`; `*` stands for any text")]
Email = Annotated[str, Meta(description="e-mail of a service account; empty: it is not said")]


class Remedy(enum.StrEnum):
    """What becomes of a finding."""

    OFF = "off"
    PROPOSE = "propose"
    APPLY = "apply"


class RoleHolders(Section, frozen=True, kw_only=True):
    """Who may hold some roles. A role that an entry covers on a resource is held by nobody but its entries' members."""

    name: Name
    roles: Roles
    members: Annotated[tuple[Glob, ...], Meta(description="as IAM writes them; none: nobody may hold the roles")] = ()
    resources: ResourceGlobs = ("*",)


class ForbiddenBinding(Section, frozen=True, kw_only=True):
    """Roles that some members may never hold."""

    name: Name
    members: Members
    roles: Roles = ("*",)
    resources: ResourceGlobs = ("*",)


class Domains(Section, frozen=True, kw_only=True):
    """Of which domains members must be."""

    allowed: Annotated[tuple[str, ...], Meta(description="e.g. `example.com`; none: every domain is fine")] = ()
    with_subdomains: Annotated[bool, Meta(description="whether `a@sub.example.com` is of `example.com`")] = True
    exempt_kinds: Annotated[tuple[str, ...], Meta(description="kinds of members that are of no domain")] = (
        *("projectOwner", "projectEditor", "projectViewer"),
    )


class Components(Section, frozen=True, kw_only=True):
    """As whom each part runs: no two as the same, none as a default account."""

    environment: Annotated[str, Meta(description="of a Composer environment, whose components share one")] = ""
    scheduler: Email = ""
    dag_processor: Email = ""
    worker: Email = ""
    triggerer: Email = ""
    webserver: Email = ""
    gate: Email = ""
    validate: Email = ""
    notify: Email = ""
    mirror: Email = ""
    record: Email = ""
    iam_guard: Email = ""
    console: Email = ""


class Keys(Section, frozen=True, kw_only=True):
    """Which keys service accounts may have."""

    user_managed_on: Annotated[
        tuple[Glob, ...], Meta(description="e-mails of accounts that may have keys people hold; `*`: any text")
    ] = ()
    max_age_days: Annotated[int, Meta(ge=1, description="days after which a key that people hold is too old")] = 90


class AuditLogs(Section, frozen=True, kw_only=True):
    """Which Data Access logs the project must keep."""

    services: Annotated[tuple[str, ...], Meta(description="e.g. `storage.googleapis.com`; `allServices` for all")] = ()
    log_types: tuple[str, ...] = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
    exempted: Annotated[tuple[Glob, ...], Meta(description="members whose calls may be left out")] = ()


class Separation(Section, frozen=True, kw_only=True):
    """Roles that no one may hold together."""

    name: Name
    roles: Annotated[tuple[str, ...], Meta(min_length=2)]


class ComposerLimits(Section, frozen=True, kw_only=True):
    """What the environment in Cloud Composer must keep to, beside what its rules ask of each."""

    encryption_keys: Annotated[
        tuple[Glob, ...],
        Meta(description="keys of Cloud KMS, one of which must encrypt it; none: Google's own are fine"),
    ] = ()
    web_server_ranges: Annotated[
        tuple[str, ...],
        Meta(description="addresses that its web server may let in, as `10.0.0.0/8`; none: any but all there are"),
    ] = ()


class Remediation(Section, frozen=True, kw_only=True):
    """What is done about findings: nothing, a proposal, or taking the member out of the binding."""

    default: Remedy = Remedy.PROPOSE
    rules: Annotated[dict[str, Remedy], Meta(description="a rule's own")] = msgspec.field(default_factory=dict)
    max_removals: Annotated[int, Meta(ge=1, description="members one event or look may take out of bindings")] = 5


class Iam(Section, frozen=True, kw_only=True):
    """How the IAM around the environment has to be."""

    holders: Annotated[
        tuple[RoleHolders, ...], Meta(description="what an entry grants by name is meant, and never found fault with")
    ] = ()
    forbidden: tuple[ForbiddenBinding, ...] = ()
    domains: Domains = Domains()
    service_accounts: Components = Components()
    keys: Keys = Keys()
    audit_logs: AuditLogs = AuditLogs()
    composer: ComposerLimits = ComposerLimits()
    separate: tuple[Separation, ...] = (
        Separation(
            name="who makes accounts does not run as them",
            roles=("roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser"),
        ),
    )
    remediation: Remediation = Remediation()


LOG_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")


Line = Callable[..., int]
"""The line of a key path of the document."""


def check_iam(iam: Iam, line: Line, *, known: Collection[str], appliable: Collection[str]) -> Iterator[Fault]:
    """What the section says that it cannot mean.

    Args:
        known: all rules on IAM.
        appliable: those whose findings are put right by taking a member out of a binding.
    """
    for rule, remedy in iam.remediation.rules.items():
        where = line("iam", "remediation", "rules", rule)
        if rule not in known:
            yield Fault(where, f"`{rule}` is no rule on IAM{suggest(rule, list(known))}; see `dagwarden rules`")
        elif remedy is Remedy.APPLY and rule not in appliable:
            yield Fault(
                where, f"what `{rule}` finds is not put right by taking a member out of a binding: `propose` it"
            )
    yield from _check_components(iam.service_accounts, line)
    yield from _check_members(iam, line)
    yield from _check_words(iam, line)


def _check_components(components: Components, line: Line) -> Iterator[Fault]:
    for name in Components.__struct_fields__:
        email = getattr(components, name)
        if email and ("@" not in email or ":" in email):
            yield Fault(line("iam", "service_accounts", name), f"`{email}` is no e-mail of a service account")


def _check_members(iam: Iam, line: Line) -> Iterator[Fault]:
    entries: tuple[tuple[str, tuple[RoleHolders | ForbiddenBinding, ...]], ...] = (
        ("holders", iam.holders),
        ("forbidden", iam.forbidden),
    )
    for key, listed in entries:
        for index, entry in enumerate(listed):
            for place, member in enumerate(entry.members):
                if not any(mark in member for mark in (":", "*", "allUsers", "allAuthenticatedUsers")):
                    where = line("iam", key, index, "members", place)
                    yield Fault(where, f"`{member}` names no kind: write e.g. `user:{member}`")


def _check_words(iam: Iam, line: Line) -> Iterator[Fault]:
    for index, kind in enumerate(iam.audit_logs.log_types):
        if kind not in LOG_TYPES:
            where = line("iam", "audit_logs", "log_types", index)
            yield Fault(where, f"`{kind}` is none of {', '.join(LOG_TYPES)}{suggest(kind, LOG_TYPES)}")
    for index, text in enumerate(iam.composer.web_server_ranges):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield Fault(line("iam", "composer", "web_server_ranges", index), f"`{text}` is no range: {error}")
    for index, domain in enumerate(iam.domains.allowed):
        if not domain or "@" in domain or "*" in domain:
            yield Fault(line("iam", "domains", "allowed", index), f"`{domain}` is no domain: write e.g. `example.com`")
