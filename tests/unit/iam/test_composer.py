"""How an environment of Cloud Composer is set, held against rules, policy and environment.yaml."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from dagwarden.errors import InvalidInput
from dagwarden.iam.composer import ComposerEnvironment, ComposerState
from dagwarden.iam.composer_check import MOST_CHARACTERS
from dagwarden.iam.composer_rules import COMPOSER_PAGES
from dagwarden.iam.evaluate import evaluate
from dagwarden.iam.finding import IamFinding, Origin
from dagwarden.iam.origins import PolicyChange, add_origins, index_origins
from dagwarden.iam.rules import APPLIABLE
from dagwarden.policy.environment import load_environment

from .facts import NOW, take, write_policy

CASES = yaml.safe_load((Path(__file__).parent / "composer_cases.yaml").read_text())
NAME = "projects/p/locations/europe-west1/environments/etl"
RESOURCE = f"//composer.googleapis.com/{NAME}"
OVERRIDES = "config.softwareConfig.airflowConfigOverrides"
SOUND: dict[str, Any] = {
    "nodeConfig": {"serviceAccount": "etl@p.iam.gserviceaccount.com"},
    "softwareConfig": {"imageVersion": "composer-3-airflow-3.3.2-build.1"},
    "privateEnvironmentConfig": {"enablePrivateEnvironment": True, "enablePrivateBuildsOnly": True},
    "webServerNetworkAccessControl": {"allowedIpRanges": [{"value": "10.0.0.0/8"}]},
    "maintenanceWindow": {"recurrence": "FREQ=DAILY"},
    "recoveryConfig": {"scheduledSnapshotsConfig": {"enabled": True}},
}


def find(case: dict[str, Any]) -> tuple[IamFinding, ...]:
    """Everything wrong in a case."""
    config = {**SOUND, **case.get("config", {})}
    fields = {"overrides": "airflowConfigOverrides", "variables": "envVariables", "packages": "pypiPackages"}
    more = {field: case[name] for name, field in fields.items() if name in case}
    config["softwareConfig"] = {**config["softwareConfig"], **more}
    said = {"apiVersion": "dagwarden/v1", "kind": "Environment", "name": "prod", "bucket": "b", "composer": NAME}
    described = load_environment(yaml.safe_dump({**said, **case.get("environment", {})}).encode())
    answer = {"name": NAME, "config": {key: value for key, value in config.items() if value is not None}}
    state = ComposerState(
        described=described,
        settings=msgspec.convert(answer, ComposerEnvironment).config,
        is_image_current=case.get("is_image_current", True),
        faults=tuple(case.get("faults", ())),
    )
    iam = f"  {case['iam']}\n" if "iam" in case else ""
    return evaluate(write_policy(iam), take(composer=state))


@pytest.mark.parametrize("case", CASES["broken"], ids=lambda case: case["rule"])
def test_what_is_wrong_with_a_setting_is_found(case: dict[str, Any]) -> None:
    assert case["rule"] in {each.finding.rule for each in find(case)}


@pytest.mark.parametrize("case", CASES["sound"])
def test_what_only_looks_wrong_is_let_be(case: dict[str, Any]) -> None:
    assert find(case) == ()


def test_every_rule_is_seen_and_none_takes_members_out() -> None:
    assert {page.rule for page in COMPOSER_PAGES} <= {case["rule"] for case in CASES["broken"]}
    assert not APPLIABLE & {page.rule for page in COMPOSER_PAGES}


@pytest.mark.parametrize(
    ("case", "flags"),
    [
        ({"config": {"webServerNetworkAccessControl": None}}, ["--web-server-deny-all"]),
        (
            {"config": {"webServerNetworkAccessControl": {"allowedIpRanges": [{"value": "x"}, {"value": "10.0.0.1"}]}}},
            ["--update-web-server-allow-ip=ip_range=10.0.0.1"],
        ),
        ({"config": {"webServerNetworkAccessControl": None}, "iam": "composer: {web_server_ranges: [10.0.0.0/8]}"},
         ["--update-web-server-allow-ip=ip_range=10.0.0.0/8"]),
        ({"environment": {"airflow": "3.3.3"}}, ["--airflow-version=3.3.3"]),
        ({"environment": {"packages": ["a >=2"]}, "packages": {"a": "==1"}}, ["'--update-pypi-package=a>=2'"]),
        ({"packages": {"b": "", "a": "==1"}}, ["--remove-pypi-packages=a,b"]),
        ({"variables": {"DB_PASSWORD": "x"}}, ["--remove-env-variables=DB_PASSWORD"]),
        ({"config": {"nodeConfig": {}}}, []),
    ],
)  # fmt: skip
def test_the_smallest_fix_is_one_command(case: dict[str, Any], flags: list[str]) -> None:
    [found] = find(case)
    head = "gcloud composer environments update etl --location=europe-west1 --project=p"
    assert found.command == (" ".join([head, *flags]) if flags else "")
    assert found.resource == RESOURCE


def test_a_finding_names_the_setting_its_value_and_the_clause() -> None:
    [found] = find({"iam": "composer: {web_server_ranges: [10.0.0.0/16]}"})
    assert found.setting is not None
    assert (found.setting.path, found.setting.value) == ("config.webServerNetworkAccessControl", "10.0.0.0/8")
    assert found.finding.clause == "policy.yaml:4"


def test_secrets_are_told_nowhere() -> None:
    found = find({"overrides": {"smtp-smtp_password": "hunter2"}, "variables": {"AIRFLOW_CONN_X": "hunter2"}})
    assert len(found) == 2
    assert b"hunter2" not in msgspec.json.encode(found)


def test_what_is_huge_is_cut_and_told_once() -> None:
    ranges = [{"value": "x" * 100_000}, *({"value": f"bad-{number}"} for number in range(5_000))]
    found = find({
        "config": {"webServerNetworkAccessControl": {"allowedIpRanges": ranges}},
        "packages": {f"p{number}": "" for number in range(5_000)},
        "overrides": {"secrets-backend": "y" * 100_000},
    })  # fmt: skip
    assert len(found) == 3
    assert all(len(each.finding.message) < 12 * MOST_CHARACTERS for each in found)
    assert all(len(each.setting.value) <= MOST_CHARACTERS for each in found if each.setting)
    assert len(msgspec.json.encode(found)) < 20_000


def origin(name: str, minute: int) -> Origin:
    return Origin(principal=name, at=NOW + dt.timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("masks", "by"),
    [
        ([[""], [f"{OVERRIDES}.core-test_connection"]], "1"),
        ([[f"{OVERRIDES}.core-test_connection"], [f"{OVERRIDES}.core-parallelism"]], "0"),
        ([["config.software_config"], ["config.node_count"]], "0"),
        ([["config.softwareConfig.airflow_config_overrides"], [""]], "1"),
        ([["config.softwareConfig.airflowConfigOverrides"], [f"{OVERRIDES}.core-test_connection.x"]], "1"),
        ([["config.soft"]], ""),
        ([[]], ""),
    ],
)
def test_who_set_it_is_the_last_whose_mask_covers_it_or_a_part(masks: list[list[str]], by: str) -> None:
    changes = [
        PolicyChange(resource=RESOURCE, origin=origin(str(index), index), deltas=None, settings=tuple(mask))
        for index, mask in enumerate(masks)
    ]
    elsewhere = PolicyChange(resource=f"{RESOURCE}2", origin=origin("x", 9), deltas=None, settings=("",))
    [found] = add_origins(
        find({"overrides": {"core-test_connection": "Enabled"}}), index_origins([*changes, elsewhere])
    )  # fmt: skip
    assert (found.origin.principal if found.origin else "") == by


def test_nobody_is_to_blame_for_settings_that_cannot_be_read() -> None:
    change = PolicyChange(resource=RESOURCE, origin=origin("ann", 0), deltas=None, settings=("config.nodeCount",))
    [found] = add_origins(find({"faults": ["refused"]}), index_origins([change]))
    assert found.origin is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("composer: {web_server_ranges: [10.0.0.1/8]}", "is no range"),
        ("composer: {web_server_range: []}", "did you mean `web_server_ranges`"),
    ],
)
def test_limits_that_mean_nothing_are_refused_with_their_line(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=r"policy\.yaml:4: ") as caught:
        write_policy(f"  {text}\n")
    assert said in caught.value.message


@pytest.mark.parametrize("name", ["etl", "projects/p/locations/l/environments/", f"{NAME}/x", f"https://x/{NAME}"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"environment\.yaml:4: "):
        load_environment(f"apiVersion: dagwarden/v1\nkind: Environment\nname: prod\ncomposer: {name}\n".encode())
