"""Our answers are those of GoogleCloudPlatform/policy-library to its own samples (policy_library.json tells which)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from dagwarden.iam.evaluate import evaluate
from dagwarden.iam.snapshot import Account, AuditConfig, BucketSettings, Key, ResourcePolicy

from .facts import NOW, on, take, write_policy

LIBRARY: dict[str, Any] = json.loads((Path(__file__).parent / "policy_library.json").read_text())


@pytest.mark.parametrize("constraint", LIBRARY["constraints"], ids=lambda each: each["of"])
def test_constraints_on_bindings_find_the_same(constraint: dict[str, Any]) -> None:
    policy = write_policy("".join(f"  {line}\n" for line in constraint["iam"]))
    assets = LIBRARY["assets"][constraint["assets"]]
    snapshot = take(*(on(name, *(tuple(each) for each in held)) for name, held in assets.items()))
    grants = [
        each.grant for each in evaluate(policy, snapshot) if each.finding.rule == constraint["rule"] and each.grant
    ]
    if "members" in constraint:
        assert {grant.member for grant in grants} == set(constraint["members"])
    else:
        found = sorted([grant.resource, grant.role, grant.member] for grant in grants)
        assert found == sorted(constraint["violations"])


@pytest.mark.parametrize("max_age_days", LIBRARY["keys"]["max_age_days"])
def test_the_same_keys_are_too_old(max_age_days: str) -> None:
    policy = write_policy(f"  keys: {{user_managed_on: ['*'], max_age_days: {max_age_days}}}\n")
    keys = tuple(
        Key(
            key_id=name,
            is_user_managed=True,
            created_at=dt.datetime.fromisoformat(after),
            expires_at=dt.datetime.fromisoformat(before),
        )
        for name, (after, before) in LIBRARY["keys"]["held"].items()
    )
    found = evaluate(policy, take(accounts=(Account(email="1-compute@developer.gserviceaccount.com", keys=keys),)))
    old = {each.command.split()[5] for each in found if each.finding.rule == "old-key"}
    assert old == set(LIBRARY["keys"]["max_age_days"][max_age_days])


def test_the_same_keys_are_held_by_people() -> None:
    keys = tuple(
        Key(key_id=name, is_user_managed=kind == "USER_MANAGED", created_at=NOW)
        for name, kind in LIBRARY["keys"]["types"].items()
    )
    found = evaluate(write_policy(), take(accounts=(Account(email="a@p.iam.gserviceaccount.com", keys=keys),)))
    assert [each.command.split()[5] for each in found] == LIBRARY["keys"]["user_managed"]


def test_the_same_buckets_let_objects_have_access_lists() -> None:
    """The old name of the setting counts too; the client that reads buckets takes the new one, which is always set."""
    buckets = tuple(
        BucketSettings(
            name=name,
            has_uniform_access=any(bool(each.get("enabled")) for each in how.values()),
            prevents_public_access=True,
            is_versioned=True,
        )
        for name, how in LIBRARY["uniform_access"].items()
    )
    found = evaluate(write_policy(), take(buckets=buckets))
    assert sorted(each.resource.removeprefix("buckets/") for each in found) == LIBRARY["not_uniform"]


def test_the_same_projects_keep_too_few_logs() -> None:
    configs: dict[str, list[list[Any]]] = LIBRARY["audit_logs"]["configs"]
    policies = tuple(
        ResourcePolicy(
            resource=name,
            bindings=(),
            audit_configs=tuple(
                AuditConfig(service=service, log_types=tuple(kinds), exempted=tuple(exempted))
                for service, kinds, exempted in kept
            ),
        )
        for name, kept in configs.items()
    )
    found = evaluate(write_policy(f"  {LIBRARY['audit_logs']['iam']}\n"), take(*policies))
    assert {each.resource for each in found} == set(LIBRARY["audit_logs"]["violations"])
