"""The levels at which rules are held, in general, per path and per team: the `enforcement` section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from dagwarden.policy.section import Glob, Level, Section


class Override(Section, frozen=True, kw_only=True):
    """Other levels for some files, named by their paths or by the team whose they are.

    Of several that cover a file, the first that says something of the rule wins: by its `rules`, else by its `default`.
    """

    paths: tuple[Glob, ...] = ()
    team: Annotated[str, Meta(description="name of an entry under `teams`: its paths")] = ""
    default: Level | None = None
    rules: dict[str, Level] = msgspec.field(default_factory=dict)


class Enforcement(Section, frozen=True, kw_only=True):
    """How strictly rules are held.

    `default` is a ceiling: `enforce` lets each rule act as it is rated, `warn` lets none deny, `audit` only notes,
    `off` drops. A level under `rules` is exact: that rule denies, warns, notes or is dropped, whatever its rating.
    """

    default: Level = Level.ENFORCE
    rules: dict[str, Level] = msgspec.field(default_factory=dict)
    unsuppressable: Annotated[
        tuple[str, ...], Meta(description="rules that no `# dagwarden: allow` comment in the code lets through")
    ] = ()
    overrides: Annotated[
        tuple[Override, ...], Meta(description="other levels for some files, which win over those above")
    ] = ()


def list_levels(enforcement: Enforcement) -> Iterator[tuple[tuple[str | int, ...], str, Level]]:
    """Every level said of a rule: where it stands, the rule, the level."""
    for rule, level in enforcement.rules.items():
        yield ("enforcement", "rules", rule), rule, level
    for index, override in enumerate(enforcement.overrides):
        for rule, level in override.rules.items():
            yield ("enforcement", "overrides", index, "rules", rule), rule, level
