"""What the gate asks the validator, and what it is told: the bodies of one HTTP call."""

from __future__ import annotations

import msgspec

from dagwarden.events.objects import ObjectEvent
from dagwarden.lint.finding import Finding
from dagwarden.names import EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.push.archive import UnpackLimits
from dagwarden.validate.model import FileModel
from dagwarden.validate.report import ValidateSettings


def audience_of(project: str) -> str:
    """Whom the caller's token is for."""
    return f"dagwarden-validate:{project}"


class ValidateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Validate the tree that a push would make."""

    environment: EnvironmentName
    base: ReleaseNumber
    """The head that the push would be put on; 0 is the empty tree."""
    event: ObjectEvent
    """Of the push, or of the raw drop."""
    limits: UnpackLimits
    settings: ValidateSettings


class ValidateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the files that the push affects."""

    base: ReleaseNumber
    imported: tuple[ReleasePath, ...] = ()
    findings: tuple[Finding, ...] = ()
    models: tuple[FileModel, ...] = ()
    """Of the files that the push puts or affects, as far as is known."""
    import_seconds: dict[ReleasePath, float] = {}  # msgspec copies mutable defaults
    """What each import took."""
    is_whole: bool = False
    """Whether every DAG file of the tree is known, so that duplicates and missing targets were looked for in all."""
    stages_ms: dict[str, float] = {}  # msgspec copies mutable defaults
