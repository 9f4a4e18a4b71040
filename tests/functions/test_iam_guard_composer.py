"""The guard and Cloud Composer, on the local cloud: how the environment is set, who set it, and when nobody can say."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.functions.house import House

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.errors import InvalidInput, Unavailable
from localcloud.stack.blueprint import COMPOSER_SETTINGS
from localcloud.testing import RunningCloud

UPDATED = "google.cloud.orchestration.airflow.service.v1.Environments.UpdateEnvironment"
OVERRIDES = "config.softwareConfig.airflowConfigOverrides"
PROPOSE = "  remediation: {default: propose}\n"


class Place:
    """The house's environment in Cloud Composer."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.parent = f"projects/{house.project}/locations/europe-west1"
        self.name = f"{self.parent}/environments/etl"
        house.describe(PROPOSE, more=f"composer: {self.name}\n")

    def create(self, **config: Any) -> None:
        body = {"name": self.name, "config": {**COMPOSER_SETTINGS, **config}}
        self.house.http.post(f"/v1/{self.parent}/environments", json=body).raise_for_status()

    def patch(self, mask: str, config: dict[str, Any], name: str = "") -> httpx.Response:
        path = f"/v1/{name or self.name}?updateMask={mask}"
        return self.house.http.patch(path, json={"config": config}).raise_for_status()

    def override(self, key: str, value: str) -> None:
        self.patch(f"{OVERRIDES}.{key}", {"softwareConfig": {"airflowConfigOverrides": {key: value}}})

    def told(self) -> dict[str, AuditEntry]:
        """Rule -> what was told of the environment."""
        found = self.house.entries()
        return {each.what.action: each for each in found if each.what.resource.startswith("//composer")}


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


def test_a_setting_that_is_changed_is_told_with_who_when_and_the_fix(house: House, place: Place) -> None:
    place.create()
    place.override("webserver-expose_config", "True")
    house.tell(house.logged(UPDATED))
    assert list(place.told()) == ["unsafe-airflow-override"]
    told = place.told()["unsafe-airflow-override"]
    assert told.details["setting"] == {"path": f"{OVERRIDES}.webserver-expose_config", "value": "True"}
    assert told.details["set_by"] == "anonymous"
    assert told.details["set_at"]
    assert told.details["note"] == "proposed"
    assert told.details["command"] == (
        f"gcloud composer environments update etl --location=europe-west1 --project={house.project} "
        "--remove-airflow-configs=webserver-expose_config"
    )


def test_an_operation_is_looked_into_when_it_is_done_and_once(house: House, place: Place) -> None:
    place.create()
    place.override("core-test_connection", "Enabled")
    end = house.logged(UPDATED)
    begun = {**end, "insertId": "begun", "operation": {"id": end["operation"]["id"], "first": True}}
    house.tell(begun)
    assert place.told() == {}
    house.tell(end)
    house.tell(end)
    assert len(house.entries()) == 1


def test_who_is_told_is_who_changed_just_that(house: House, place: Place) -> None:
    """An older fault keeps its own author when somebody else changes another setting."""
    place.create(softwareConfig={"imageVersion": "composer-3-airflow-2.10.5-build.3"})
    place.override("core-test_connection", "Enabled")
    end = house.logged(UPDATED)
    by_bob = {
        "authenticationInfo": {"principalEmail": "bob@example.com"},
        "request": {"updateMask": "config.nodeCount"},
    }
    house.tell({**end, "insertId": "x", "protoPayload": {**end["protoPayload"], **by_bob}})
    assert {rule: told.details["set_by"] for rule, told in place.told().items()} == {
        "unsafe-airflow-override": "anonymous",
        "environment-version-differs": "anonymous",
    }


def test_the_schedule_looks_at_the_settings_too(house: House, place: Place) -> None:
    place.create(webServerNetworkAccessControl={"allowedIpRanges": [{"value": "0.0.0.0/0"}]})
    house.look("prod")
    assert list(place.told()) == ["web-server-open"]
    [checked] = house.entries(Kind.IAM_CHECKED)
    assert f"//composer.googleapis.com/{place.name}" in checked.details["looked_at"]


def test_a_deleted_environment_is_one_that_nobody_can_read(house: House, place: Place) -> None:
    place.create()
    house.http.delete(f"/v1/{place.name}").raise_for_status()
    house.tell(house.logged(UPDATED.replace("Update", "Delete")))
    assert "not found" in place.told()["environment-settings-unreadable"].why.reason


def test_a_created_environment_is_looked_into(house: House, place: Place) -> None:
    place.create(recoveryConfig={})
    house.tell(house.logged(UPDATED.replace("Update", "Create")))
    assert place.told()["environment-snapshots-off"].details["set_by"] == "anonymous"


@pytest.mark.parametrize(
    ("method", "rules"),
    [
        ("environments.get", {"environment-settings-unreadable"}),
        ("imageVersions.list", {"environment-settings-unreadable", "environment-snapshots-off"}),
    ],
)
def test_an_api_that_refuses_is_told_and_the_rest_is_looked_at(
    house: House, place: Place, cloud_server: RunningCloud, method: str, rules: set[str]
) -> None:
    place.create(recoveryConfig={})
    cloud_server.admin.plan("composer", "fail", method=method, status=403, times=1)
    house.look("prod")
    assert place.told().keys() == rules
    assert house.entries(Kind.IAM_CHECKED)


def test_an_api_that_is_down_is_asked_again_later(house: House, place: Place, cloud_server: RunningCloud) -> None:
    place.create()
    cloud_server.admin.plan("composer", "fail", status=503, times=1000)
    with pytest.raises(Unavailable):
        house.look("prod")
    cloud_server.admin.forget_faults()
    house.look("prod")
    assert house.entries(Kind.IAM_CHECKED)


def test_an_environment_that_composer_does_not_run_has_no_settings_to_judge(
    house: House, cloud_server: RunningCloud
) -> None:
    house.describe(PROPOSE)
    cloud_server.admin.plan("composer", "fail", status=500, times=1000)
    house.look("prod")
    cloud_server.admin.forget_faults()
    assert house.entries(Kind.IAM_CHECKED)
    assert not [each for each in house.entries() if each.what.action.startswith("environment-")]


def test_other_peoples_environments_are_nobodys_business(house: House, place: Place) -> None:
    place.create()
    place.override("core-test_connection", "Enabled")
    entry = house.logged(UPDATED)
    name = f"{place.parent}/environments/other"
    labels = {**entry["resource"]["labels"], "environment_name": "other"}
    house.tell({**entry, "resource": {**entry["resource"], "labels": labels},
                "protoPayload": {**entry["protoPayload"], "resourceName": name}})  # fmt: skip
    assert place.told() == {}
    with pytest.raises(InvalidInput, match="the log of evil"):
        house.tell({**entry, "logName": "projects/evil/logs/cloudaudit.googleapis.com%2Factivity"})


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/projects/{}/topics/dagwarden-iam", "google.iam.v1.IAMPolicy.SetIamPolicy"),
        ("/v1/projects/{}/subscriptions/s", "google.iam.v1.IAMPolicy.SetIamPolicy"),
        ("/v1/projects/{}/secrets/s", "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy"),
        ("/v2/projects/{}/locations/europe-west1/services/validate", "google.cloud.run.v2.Services.SetIamPolicy"),
        ("/v2/projects/{}/locations/europe-west1/jobs/j", "google.cloud.run.v2.Jobs.SetIamPolicy"),
    ],
)
def test_policies_of_other_services_are_judged_and_put_right(house: House, path: str, method: str) -> None:
    """With the delta where the log has one; else by the policy as it is, as for Cloud Run."""
    house.describe("  remediation: {rules: {public-member: apply}}\n")
    url = path.format(house.project)
    kept = {"role": "roles/run.invoker", "members": ["user:anna@example.com"]}
    bindings = [kept, {"role": "roles/viewer", "members": ["allUsers"]}]
    house.http.post(f"{url}:setIamPolicy", json={"policy": {"bindings": bindings}}).raise_for_status()
    house.tell(house.logged(method))
    [told] = [each for each in house.entries() if each.what.action == "public-member"]
    assert told.what.resource.startswith("//")
    assert told.details["note"] == "the member is taken out"
    assert "remove-iam-policy-binding" in told.details["command"]
    assert house.http.get(f"{url}:getIamPolicy").json()["bindings"] == [kept]
    assert len(house.entries(Kind.IAM_REMEDIATED)) == 1
