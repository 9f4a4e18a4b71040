"""Policies held against cases: each case is decided as it says, for exactly the reasons and clauses it names."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from dagwarden.ledger.release import DeleteFile, PutFile
from dagwarden.ledger.state import FileEntry, LedgerState, empty_state
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import Digest, EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.policy.decide import decide
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Principal
from dagwarden.push import rules as push_rules
from dagwarden.push.manifest import PushManifest

HERE = Path(__file__).parent
LOCAL = HERE.parents[1] / "infra" / "local" / "localcloud" / "defaults" / "policy.yaml"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
NOTHING = Digest("0" * 64)
CASES = {file.parent.name: yaml.safe_load(file.read_text()) for file in sorted(HERE.glob("*/cases.yaml"))}
PARAMS = [pytest.param(name, case, id=f"{name}: {case['name']}") for name, cases in CASES.items() for case in cases]


def read_policy(name: str) -> Policy:
    own = HERE / name / "policy.yaml"
    return load_policy((own if own.exists() else LOCAL).read_bytes())


def read_facts(case: dict[str, Any]) -> PushFacts:
    push = case["push"]
    principal = push["principal"]
    if principal and "@" not in principal:
        principal += "@acme.iam.gserviceaccount.com"
    puts = [make_put(path, push.get("size_bytes", 10)) for path in push.get("put", ())]
    deletes = [DeleteFile(path=ReleasePath(path)) for path in push.get("delete", ())]
    return PushFacts(
        principal=Principal(name=principal or "unattested", attested_by="jwt" if principal else ""),
        manifest=PushManifest(
            environment=EnvironmentName("prod"),
            source=push["source"],
            ref=push.get("ref", ""),
            created_at=NOW,
            changes=(),
            force=push.get("force", False),
            rollback_to=push.get("rollback_to"),
        ),
        is_raw_drop=push.get("raw_drop", False),
        state=make_state(case.get("released", {})),
        changes=(*puts, *deletes),
        findings=tuple(make_finding(rule) for rule in case.get("findings", ())),
        now=NOW,
    )


def make_put(path: str, size_bytes: int) -> PutFile:
    return PutFile(path=ReleasePath(path), sha256=NOTHING, md5="", size_bytes=size_bytes, mode="0644")


def make_state(released: dict[str, str]) -> LedgerState:
    files = {
        ReleasePath(path): FileEntry(
            path=ReleasePath(path),
            sha256=NOTHING,
            md5="",
            size_bytes=10,
            mode="0644",
            release=ReleaseNumber(1),
            source=source,
        )
        for path, source in released.items()
    }
    return msgspec.structs.replace(empty_state(EnvironmentName("prod")), files=files)


def make_finding(rule: str) -> Finding:
    page = load_catalogue().pages.get(rule)
    if page is None:
        return push_rules.find(rule, "dags/a.py")
    return Finding(rule=rule, code=page.code, severity=page.severity, path="dags/a.py", line=1, message="found")


def test_each_policy_is_seen_to_allow_and_to_deny() -> None:
    assert set(CASES) == {"adoption", "local", "teams"}
    for name, cases in CASES.items():
        assert {case["expect"] for case in cases} == {"allowed", "denied"}, name


@pytest.mark.parametrize(("name", "case"), PARAMS)
def test_case_is_decided_as_it_says(name: str, case: dict[str, Any]) -> None:
    decision = decide(read_policy(name), read_facts(case))
    refusals = {
        finding.rule: int(finding.clause.partition(":")[2] or 0)
        for finding in decision.findings
        if finding.severity is Severity.ERROR
    }
    assert decision.outcome == case["expect"]
    assert refusals == case.get("refusals", {})


@pytest.mark.parametrize(("name", "case"), PARAMS)
def test_the_same_facts_get_the_same_decision(name: str, case: dict[str, Any]) -> None:
    once, facts = decide(read_policy(name), read_facts(case)), read_facts(case)
    reordered = msgspec.structs.replace(facts, findings=facts.findings[::-1], changes=facts.changes[::-1])
    assert decide(read_policy(name), reordered) == once
