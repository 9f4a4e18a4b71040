"""Emergencies: a few may push past the policy's own rules, with a reason, loudly."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from dagwarden.lint.finding import Finding
from dagwarden.lint.page import find
from dagwarden.policy import pages
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.globs import match_name, match_path
from dagwarden.policy.section import Count, Glob, Section
from dagwarden.policy.told import find_in_paths

if TYPE_CHECKING:
    from dagwarden.policy.model import Policy


class Lifted(enum.StrEnum):
    """A kind of rule that an emergency may lift."""

    APPROVALS = "approvals"
    CONDITIONS = "conditions"
    IDENTITIES = "identities"
    LIMITS = "limits"
    WINDOWS = "windows"


KINDS = {
    "approval": Lifted.APPROVALS,
    "conditions": Lifted.CONDITIONS,
    "identity": Lifted.IDENTITIES,
    "limits": Lifted.LIMITS,
    "window": Lifted.WINDOWS,
}
"""What a rule's category is called here. Who may push which paths, attestations and broken pushes are never lifted."""


class BreakGlass(Section, frozen=True, kw_only=True):
    """Who may push past which of the policy's own rules in an emergency: what would deny or hold then only warns."""

    principals: Annotated[tuple[Glob, ...], Meta(description="e-mails; `*` stands for any text; none: nobody")] = ()
    paths: Annotated[tuple[Glob, ...], Meta(description="which such a push may change")] = ("**",)
    lifts: Annotated[tuple[Lifted, ...], Meta(description="what is let through; `identities` only where listed")] = (
        Lifted.APPROVALS,
        Lifted.CONDITIONS,
        Lifted.LIMITS,
        Lifted.WINDOWS,
    )
    min_reason_characters: Annotated[Count, Meta(description="a shorter reason is none")] = 10


def check_break_glass(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """Every reason why this may not be an emergency; nothing when it is none."""
    if not facts.break_glass:
        return
    section = policy.break_glass
    if not facts.principal.attested_by or not match_name(facts.principal.name, section.principals):
        said = f"{facts.principal.name} may not push past the policy"
        yield find(pages.EMERGENCY_NOT_ALLOWED, said, clause=policy.clause("break_glass", "principals"))
    if len(facts.break_glass.strip()) < section.min_reason_characters:
        said = f"`{facts.break_glass}` is too short a reason: give {section.min_reason_characters} characters or more"
        yield find(pages.EMERGENCY_NOT_ALLOWED, said, clause=policy.clause("break_glass", "min_reason_characters"))
    beyond = [change.path for change in facts.changes if not match_path(change.path, section.paths)]
    clause = policy.clause("break_glass", "paths")
    yield from find_in_paths(pages.EMERGENCY_NOT_ALLOWED, "not in an emergency either", beyond, clause=clause)
