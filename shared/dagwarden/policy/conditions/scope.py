"""What conditions can read, by variable: the model's own values, and views of what has no value of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from dagwarden.ledger.release import FileChange, PutFile
from dagwarden.ledger.state import FileEntry
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleasePath
from dagwarden.policy.conditions.section import On
from dagwarden.policy.environment import Environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.verdict import Principal
from dagwarden.validate.model import DagModel, FileModel, TaskModel

NOW = "now"
"""The variable that is a point in time and no structure."""


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the push; of a rollback, one of those that lead back."""

    path: str
    do: Literal["put", "delete"]
    size_bytes: int | None = None
    mode: str | None = None


class PushView(msgspec.Struct, frozen=True, kw_only=True):
    """The push: what its manifest says, and who signed it."""

    principal: Principal
    is_raw_drop: bool
    environment: str
    source: str
    ref: str
    base_commit: str
    head_commit: str
    authors: tuple[str, ...]
    message: str
    prefix: str
    created_at: str
    """As the pusher says: ISO 8601, UTC."""
    force: bool
    lease: bool
    dry_run: bool
    rollback_to: int | None
    changes: tuple[ChangeView, ...]
    break_glass: str


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """One finding on a file, as its rule rates it, before the policy does."""

    rule: str
    code: str
    severity: Severity
    line: int
    message: str


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """One file. Without `dags` it is no DAG file, or could not be imported."""

    path: str
    is_changed: bool
    """Whether the push puts it; the others have DAGs that change with what they import."""
    size_bytes: int | None
    mode: str | None
    findings: tuple[FindingView, ...]
    dags: tuple[DagModel, ...] | None
    impostors: tuple[str, ...] | None
    patched: tuple[str, ...] | None


STRUCTURES: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {"push": PushView, "file": FileView, "dag": DagModel, "task": TaskModel, "environment": Environment}
)
"""Variable -> what it is."""

SCOPES: Mapping[On, tuple[str, ...]] = MappingProxyType(
    {
        On.PUSH: ("push", "environment", NOW),
        On.FILE: ("push", "environment", NOW, "file"),
        On.DAG: ("push", "environment", NOW, "file", "dag"),
        On.TASK: ("push", "environment", NOW, "file", "dag", "task"),
    }
)
"""What a condition is asked about -> the variables it has."""


def view_push(facts: PushFacts) -> PushView:
    """The push as conditions see it."""
    manifest = facts.manifest
    return PushView(
        principal=facts.principal,
        is_raw_drop=facts.is_raw_drop,
        environment=manifest.environment,
        source=manifest.source,
        ref=manifest.ref,
        base_commit=manifest.base_commit,
        head_commit=manifest.head_commit,
        authors=manifest.authors,
        message=manifest.message,
        prefix=manifest.prefix,
        created_at=manifest.created_at.isoformat(),
        force=manifest.force,
        lease=manifest.lease,
        dry_run=manifest.dry_run,
        rollback_to=manifest.rollback_to,
        changes=tuple(map(_view_change, facts.changes)),
        break_glass=facts.break_glass,
    )


def view_files(facts: PushFacts) -> list[FileView]:
    """The files that the push puts, and those whose DAGs it changes, in the order of their paths."""
    puts = {str(change.path): change for change in facts.changes if isinstance(change, PutFile)}
    models = {file.path: file for file in facts.files}
    findings: dict[str, list[Finding]] = {}
    for finding in facts.findings:
        findings.setdefault(finding.path, []).append(finding)
    return [
        _view_file(facts, path, puts.get(path), models.get(path), findings.get(path, ()))
        for path in sorted({*puts, *models})
    ]


def _view_change(change: FileChange) -> ChangeView:
    if isinstance(change, PutFile):
        return ChangeView(path=change.path, do="put", size_bytes=change.size_bytes, mode=change.mode)
    return ChangeView(path=change.path, do="delete")


def _view_file(
    facts: PushFacts, path: str, put: PutFile | None, model: FileModel | None, findings: Iterable[Finding]
) -> FileView:
    entry: PutFile | FileEntry | None = put or facts.state.files.get(ReleasePath(path))
    return FileView(
        path=path,
        is_changed=put is not None,
        size_bytes=entry.size_bytes if entry else None,
        mode=entry.mode if entry else None,
        findings=tuple(_view_finding(finding) for finding in findings),
        dags=model.dags if model else None,
        impostors=model.impostors if model else None,
        patched=model.patched if model else None,
    )


def _view_finding(finding: Finding) -> FindingView:
    return FindingView(
        rule=finding.rule,
        code=finding.code,
        severity=finding.severity,
        line=finding.line,
        message=finding.message,
    )
