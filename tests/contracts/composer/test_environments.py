"""The local Cloud Composer: environments made, shown, changed by masks and deleted, as its API has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from localcloud.testing import RunningCloud, running_cloud

_PROJECTS = itertools.count(1)
SOFTWARE = "config.softwareConfig"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("state")) as cloud:
        yield cloud


class Composer:
    """One environment's place and name."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.project = f"proj-{next(_PROJECTS)}"
        self.place = f"/v1/projects/{self.project}/locations/europe-west1"
        self.name = f"projects/{self.project}/locations/europe-west1/environments/etl"

    def create(self, **config: Any) -> httpx.Response:
        return self.http.post(f"{self.place}/environments", json={"name": self.name, "config": config})

    def patch(self, mask: str, config: dict[str, Any]) -> httpx.Response:
        return self.http.patch(f"/v1/{self.name}?updateMask={mask}", json={"config": config})

    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/v1/{self.name}").raise_for_status().json()["config"]
        return found

    def logged(self) -> list[dict[str, Any]]:
        asked = {"resourceNames": [f"projects/{self.project}"], "filter": 'protoPayload.serviceName:"composer"'}
        entries: list[dict[str, Any]] = self.http.post("/v2/entries:list", json=asked).json().get("entries", [])
        return entries


@pytest.fixture
def composer(running: RunningCloud) -> Iterator[Composer]:
    with httpx.Client(base_url=running.url, timeout=30.0) as http:
        yield Composer(http)


def test_an_environment_is_made_shown_listed_and_deleted(composer: Composer) -> None:
    made = composer.create(nodeConfig={"serviceAccount": "a@b"}).json()
    assert made["done"]
    assert made["name"].startswith(f"{composer.place.removeprefix('/v1/')}/operations/")
    assert made["response"]["name"] == composer.name
    [listed] = composer.http.get(f"{composer.place}/environments").json()["environments"]
    assert listed == composer.http.get(f"/v1/{composer.name}").json()
    assert listed["state"] == "RUNNING"
    assert composer.create().status_code == 409
    assert composer.http.delete(f"/v1/{composer.name}").json()["done"]
    assert composer.http.get(f"/v1/{composer.name}").status_code == 404
    assert composer.http.get(f"{composer.place}/environments").json() == {}


@pytest.mark.parametrize(
    ("mask", "config", "after"),
    [
        (f"{SOFTWARE}.pypiPackages.b", {"softwareConfig": {"pypiPackages": {"b": "==2"}}}, {"a": "==1", "b": "==2"}),
        (f"{SOFTWARE}.pypiPackages.a", {}, {}),
        (f"{SOFTWARE}.pypiPackages", {"softwareConfig": {"pypiPackages": {"c.d": ""}}}, {"c.d": ""}),
        (f"{SOFTWARE}.pypiPackages.c.d", {"softwareConfig": {"pypiPackages": {"c.d": ""}}}, {"a": "==1", "c.d": ""}),
        (f"{SOFTWARE}.envVariables.X", {"softwareConfig": {"envVariables": {"X": "1"}}}, {"a": "==1"}),
    ],
)
def test_a_mask_says_what_changes(composer: Composer, mask: str, config: dict[str, Any], after: dict[str, str]) -> None:
    composer.create(softwareConfig={"pypiPackages": {"a": "==1"}}, nodeCount=3)
    composer.patch(mask, config).raise_for_status()
    assert composer.config()["softwareConfig"].get("pypiPackages", {}) == after
    assert composer.config()["nodeCount"] == 3


@pytest.mark.parametrize("mask", ["", "config.nodeCount.x"])
def test_a_mask_that_means_nothing_changes_nothing(composer: Composer, mask: str) -> None:
    composer.create(nodeCount=3)
    assert composer.patch(mask, {"nodeCount": 4}).status_code == 400
    assert composer.config() == {"nodeCount": 3}
    assert len(composer.logged()) == 2


def test_every_change_is_logged_when_it_begins_and_when_it_is_done(composer: Composer) -> None:
    composer.create()
    composer.patch("config.nodeCount", {"nodeCount": 4})
    composer.http.delete(f"/v1/{composer.name}")
    entries = composer.logged()
    methods = [entry["protoPayload"]["methodName"].rpartition(".")[2] for entry in entries]
    assert methods == [f"{verb}Environment" for verb in ("Create", "Create", "Update", "Update", "Delete", "Delete")]
    begun, done = entries[2:4]
    assert begun["operation"]["first"]
    assert done["operation"]["last"]
    assert begun["operation"]["id"] == done["operation"]["id"]
    assert begun["protoPayload"]["request"]["updateMask"] == "config.nodeCount"
    assert "request" not in done["protoPayload"]
    assert {entry["protoPayload"]["resourceName"] for entry in entries} == {composer.name}
    assert begun["resource"]["labels"]["environment_name"] == "etl"


@pytest.mark.parametrize("name", ["", "etl", "{}/E", "{}/a/b", "projects/x/locations/europe-west1/environments/etl"])
def test_a_name_that_is_none_of_the_place_is_refused(composer: Composer, name: str) -> None:
    wished = name.format(composer.name.rpartition("/")[0])
    assert composer.http.post(f"{composer.place}/environments", json={"name": wished}).status_code == 400


def test_old_image_versions_are_told_when_asked_for(composer: Composer) -> None:
    url = f"{composer.place}/imageVersions"
    for query, has_old in (("", False), ("?includePastReleases=true", True)):
        found = composer.http.get(f"{url}{query}").json()["imageVersions"]
        assert any(each.get("creationDisabled") for each in found) is has_old


def test_environments_outlive_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kept")
    for is_new in (True, False):
        with running_cloud(folder) as cloud, httpx.Client(base_url=cloud.url, timeout=30.0) as http:
            place = "projects/p/locations/l/environments"
            if is_new:
                http.post(f"/v1/{place}", json={"name": f"{place}/etl", "config": {"nodeCount": 3}}).raise_for_status()
            assert http.get(f"/v1/{place}/etl").json()["config"] == {"nodeCount": 3}
