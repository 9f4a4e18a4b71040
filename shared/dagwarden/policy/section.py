"""What every section of policy.yaml is made of. Each section stands in a module of its own, beside its check."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

Glob = Annotated[str, Meta(min_length=1)]
Bytes = Annotated[int, Meta(ge=1, description="bytes")]
Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Name = Annotated[str, Meta(min_length=1, description="what messages call this entry")]
Identity = Annotated[str, Meta(pattern=r"^[^\s*?,!]{1,200}$(?!\n)")]
Principals = Annotated[tuple[Glob, ...], Meta(min_length=1, description="e-mails; `*` stands for any text")]
Paths = Annotated[tuple[Glob, ...], Meta(min_length=1, description="`*` stays within a folder, `**` crosses folders")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file: unknown keys are faults."""


class Level(enum.StrEnum):
    """What a rule's findings do."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"
    OFF = "off"
