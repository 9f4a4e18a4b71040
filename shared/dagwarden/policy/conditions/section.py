"""The section `conditions` of policy.yaml."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from dagwarden.policy.section import Level, Name, Section


class On(enum.StrEnum):
    """What a condition is asked about, each one in turn."""

    PUSH = "push"
    FILE = "file"
    """Each file that the push puts."""
    DAG = "dag"
    """Each DAG of the files that the push changes, and of those that change with them."""
    TASK = "task"
    """Each task of those DAGs."""


class Condition(Section, frozen=True, kw_only=True):
    """What must hold, in CEL, the language of IAM's conditions. What cannot be known does not hold."""

    name: Name
    on: Annotated[On, Meta(description="what it is asked about: the push, each file put, each DAG, each task")]
    when: Annotated[str, Meta(description="CEL: which of them it is about; empty: all")] = ""
    require: Annotated[str, Meta(min_length=1, description="CEL: what must hold of them")]
    message: Annotated[str, Meta(min_length=1, description="what whoever breaks it is told")]
    level: Annotated[Level, Meta(description="what a breach does")] = Level.ENFORCE
