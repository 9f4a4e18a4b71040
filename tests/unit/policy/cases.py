"""What tests of the policy decide on: a policy from a few lines, a push from a few words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import Digest, EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest, push_id

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
HEAD = """apiVersion: dagwarden/v1
kind: Policy
pushers:
  - name: all
    principals: ["*@acme.example"]
    paths: ["dags/**"]
    may: [push, rollback]
"""
"""Eight lines: what a test adds starts on line 8."""


def make_policy(more: str = "") -> Policy:
    return load_policy((HEAD + more).encode())


def make_finding(rule: str, severity: Severity = Severity.ERROR, path: str = "dags/team/a.py") -> Finding:
    return Finding(rule=rule, severity=severity, message="found", path=path)


def make_facts(
    *,
    who: str = "ann@acme.example",
    paths: Sequence[str] = ("dags/team/a.py",),
    findings: Sequence[Finding] = (),
    now: dt.datetime = NOW,
    rollback_to: int | None = None,
    authors: Sequence[str] = (),
    break_glass: str = "",
) -> PushFacts:
    return PushFacts(
        principal=Principal(name=who, attested_by="jwt"),
        manifest=PushManifest(
            environment=EnvironmentName("prod"),
            source="git",
            created_at=NOW,
            changes=(),
            authors=tuple(authors),
            rollback_to=None if rollback_to is None else ReleaseNumber(rollback_to),
        ),
        is_raw_drop=False,
        state=empty_state(EnvironmentName("prod")),
        changes=tuple(
            PutFile(path=ReleasePath(path), sha256=Digest("0" * 64), md5="", size_bytes=1, mode="0644")
            for path in paths
        ),
        findings=tuple(findings),
        break_glass=break_glass,
        offered_at=NOW,
        now=now,
    )


def approve(policy: Policy, facts: PushFacts, who: str, given_at: dt.datetime = NOW) -> Approval:
    return Approval(
        principal=Principal(name=who, attested_by="jwt"),
        push_id=push_id(facts.manifest),
        policy_digest=policy.digest,
        given_at=given_at,
    )
