"""What is found in IAM, each rule with its benign twin."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagwarden.errors import InvalidInput
from dagwarden.iam.composer_rules import COMPOSER_PAGES
from dagwarden.iam.evaluate import evaluate
from dagwarden.iam.rules import APPLIABLE, IAM_PAGES
from dagwarden.iam.snapshot import Account, AuditConfig, BucketSettings, Key, Snapshot
from dagwarden.lint.finding import Severity
from dagwarden.policy.model import Policy

from .facts import NOW, on, take, write_policy

ANNA = "user:anna@example.com"


def rules(policy: Policy, snapshot: Snapshot) -> set[str]:
    return {each.finding.rule for each in evaluate(policy, snapshot)}


CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())


def evaluate_case(case: dict[str, Any]) -> set[str]:
    said = case.get("iam", "")
    iam = "\n".join(f"  {line}" for line in (CASES["own"] if said == "own" else said).splitlines())
    return rules(write_policy(iam), take(on(case["at"], *(tuple(each) for each in case["bindings"]))))


@pytest.mark.parametrize("case", CASES["broken"], ids=lambda case: case["rule"])
def test_what_is_wrong_with_a_binding_is_found(case: dict[str, Any]) -> None:
    assert case["rule"] in evaluate_case(case)


@pytest.mark.parametrize("case", CASES["sound"], ids=lambda case: case["rule"])
def test_what_only_looks_wrong_is_let_be(case: dict[str, Any]) -> None:
    assert case["rule"] not in evaluate_case(case)


def test_a_finding_names_binding_fix_and_command() -> None:
    policy = write_policy("  forbidden: [{name: no one, members: ['user:*']}]\n")
    [found] = evaluate(policy, take(on("buckets/inbox", ("roles/browser", ANNA, 'x == "a;b"'))))[-1:]
    assert found.grant is not None
    assert found.grant.member == ANNA
    assert found.command == (
        "gcloud storage buckets remove-iam-policy-binding gs://inbox --member=user:anna@example.com "
        "--role=roles/browser '--condition=^~0~^expression=x == \"a;b\"'"
    )
    assert found.finding.clause == "policy.yaml:4"
    assert "no one" in found.finding.message


def test_a_role_that_was_read_is_judged_by_what_it_permits() -> None:
    custom = on("projects/p", ("projects/p/roles/ops", ANNA))
    harmless = take(custom, roles={"projects/p/roles/ops": frozenset({"storage.objects.get"})})
    assert rules(write_policy(), harmless) == set()
    harmful = take(custom, roles={"projects/p/roles/ops": frozenset({"iam.roles.update"})})
    assert rules(write_policy(), harmful) == {"escalation-permission"}


def key(days: int, **more: object) -> Key:
    return Key(key_id=f"k{days}", is_user_managed=True, created_at=NOW - dt.timedelta(days=days), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("iam", "held", "expected"),
    [
        ("", key(1), {"user-managed-key"}),
        ("  keys: {user_managed_on: ['a@*']}\n", key(90), set()),
        ("  keys: {user_managed_on: ['a@*']}\n", key(91), {"old-key"}),
        ("", key(91, is_disabled=True), set()),
        ("", key(91, expires_at=NOW), set()),
        ("", Key(key_id="s", is_user_managed=False, created_at=NOW - dt.timedelta(days=900)), set()),
    ],
)
def test_keys_that_people_hold_are_found(iam: str, held: Key, expected: set[str]) -> None:
    snapshot = take(accounts=(Account(email="a@p.iam.gserviceaccount.com", keys=(held,)),))
    found = evaluate(write_policy(iam), snapshot)
    assert {each.finding.rule for each in found} == expected
    assert all("keys delete k" in each.command for each in found)


def test_components_have_accounts_of_their_own_that_are_there() -> None:
    iam = """  service_accounts:
    gate: gate@p.iam.gserviceaccount.com
    notify: gate@p.iam.gserviceaccount.com
    mirror: 1-compute@developer.gserviceaccount.com
    record: gone@p.iam.gserviceaccount.com
    worker: asleep@p.iam.gserviceaccount.com
"""
    accounts = (
        Account(email="gate@p.iam.gserviceaccount.com"),
        Account(email="asleep@p.iam.gserviceaccount.com", is_disabled=True),
    )
    found = evaluate(write_policy(iam), take(accounts=accounts, is_whole=True))
    assert [each.finding.rule for each in found] == [
        "default-account",
        "account-missing",
        "shared-account",
        "account-missing",
    ]
    assert evaluate(write_policy(iam), take()) == ()


def test_settings_of_buckets_and_audit_logs_are_looked_at() -> None:
    bucket = BucketSettings(name="store", has_uniform_access=False, prevents_public_access=False, is_versioned=False)
    assert rules(write_policy(), take(buckets=(bucket,))) == {
        "bucket-access-not-uniform",
        "bucket-may-become-public",
        "bucket-not-versioned",
    }
    policy = write_policy("  audit_logs: {services: [storage.googleapis.com], log_types: [DATA_WRITE]}\n")
    kept = AuditConfig(service="allServices", log_types=("DATA_WRITE",), exempted=(ANNA,))
    for configs, count in (((), 1), ((kept,), 1), (None, 0)):
        project = on("projects/p")
        changed = project.__class__(resource="projects/p", bindings=(), audit_configs=configs)
        assert len(evaluate(policy, take(changed))) == count


def test_the_policy_levels_rules_on_iam_as_it_does_all_others() -> None:
    snapshot = take(on("projects/p", ("roles/editor", ANNA)))
    levels = "enforcement: {rules: {basic-role: enforce}}\n"
    [found] = evaluate(write_policy(rest=levels), snapshot)
    assert found.finding.severity is Severity.ERROR
    assert evaluate(write_policy(rest="enforcement: {rules: {basic-role: 'off'}}\n"), snapshot) == ()


@pytest.mark.parametrize(
    ("iam", "said"),
    [
        ("  remediation: {rules: {public-membr: apply}}\n", "did you mean `public-member`"),
        ("  remediation: {rules: {old-key: apply}}\n", "`propose` it"),
        ("  service_accounts: {gate: 'serviceAccount:gate@p'}\n", "no e-mail"),
        ("  service_accounts: {gte: gate@p}\n", "did you mean `gate`"),
        ("  holders: [{name: a, roles: [r], members: [anna@example.com]}]\n", "names no kind"),
        ("  domains: {allowed: ['*.example.com']}\n", "is no domain"),
        ("  audit_logs: {log_types: [DATA_WRIT]}\n", "did you mean `DATA_WRITE`"),
    ],
)
def test_what_the_section_cannot_mean_is_refused_with_its_line(iam: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=r"policy\.yaml:4: ") as caught:
        write_policy(iam)
    assert said in caught.value.message


def test_every_rule_can_be_found_and_what_is_applied_has_a_member_to_take_out() -> None:
    told = {case["rule"] for case in CASES["broken"]}
    others = {
        *("user-managed-key", "old-key", "shared-account", "account-missing", "audit-log-off"),
        *("bucket-access-not-uniform", "bucket-may-become-public", "bucket-not-versioned"),
    }
    assert {page.rule for page in IAM_PAGES} - {page.rule for page in COMPOSER_PAGES} == told | others
    assert not APPLIABLE & others
