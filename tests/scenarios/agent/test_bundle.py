"""ReleaseBundle under the real Airflow classes: pinned versions, live versions, versions long gone."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import Credentials

from dagwarden.errors import NotFound
from dagwarden.names import Component, EnvironmentName
from dagwarden.sync.instance import Instance
from dagwarden.sync.loop import Loop
from dagwarden.sync.metrics import Metrics
from dagwarden.sync.pins import is_pinned, prune
from tests.scenarios.agent.conftest import World

PROD = EnvironmentName("prod")


class House:
    """An agent's root and an Airflow configured to take its Dags from there."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.path = root
        self.loop = self._loop()

    def _loop(self) -> Loop:
        who = Instance(environment=PROD, component=Component.WORKER, name="one")
        metrics = Metrics(PROD, Component.WORKER)
        return Loop(self.world.cloud, self.path, who, now=_now, say=_say_nothing, metrics=metrics)

    def release(self, text: str) -> str:
        """One more release, live here; its number as text."""
        number = self.world.release({"dags/etl.py": text.encode(), "plugins/p.py": b"p"})
        self.bring()
        return str(number)

    def bring(self) -> None:
        """The newest release is live here."""
        self._loop().run_once()

    def prune(self) -> None:
        """Trees that nobody pinned are gone."""
        root = self.loop.agent.root
        prune(root, keep=0, keep_s=0.0, now_s=time.time() + 1)

    def bundle(self, version: str | None = None) -> Any:
        """The bundle as Airflow makes it."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        return DagBundlesManager().get_bundle("releases", version)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _say_nothing(message: str, *, severity: str = "INFO", **fields: object) -> None:
    """No line is written."""


@pytest.fixture
def house(world: World, credentials: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    root = tmp_path / "releases"
    kwargs = {"root": str(root), "wait_s": 5.0}
    bundles = [{"name": "releases", "classpath": "dagwarden.airflow.ReleaseBundle", "kwargs": kwargs}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gate-key.json"))
    if "AIRFLOW_HOME" not in os.environ:
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    from airflow.dag_processing.bundles import base

    monkeypatch.setattr(base, "STALE_BUNDLE_TRACKING_FOLDER", tmp_path / "bundles" / "_tracking")
    return House(world, root)


def test_it_follows_what_is_live_only_when_refreshed(house: House) -> None:
    house.release("one")
    bundle = house.bundle()
    bundle.initialize()
    assert bundle.supports_versioning
    assert bundle.get_current_version().version == "1"
    house.release("two")
    assert (bundle.path / "etl.py").read_text() == "one"
    assert bundle.get_current_version().version == "1"
    bundle.refresh()
    assert (bundle.path / "etl.py").read_text() == "two"
    current = bundle.get_current_version()
    assert (current.version, current.data["release"]) == ("2", 2)
    assert bundle.path == (house.path / "current" / "dags").resolve()
    assert bundle.refresh_interval == 5
    assert bundle.view_url_template() is None


def test_a_version_stays_while_a_task_uses_it(house: House) -> None:
    first = house.release("one")
    bundle = house.bundle(first)
    bundle.initialize()
    house.release("two")
    house.prune()
    assert (bundle.path / "etl.py").read_text() == "one"
    assert bundle.get_current_version().version == "1"
    assert str(bundle.path).startswith(str(house.path))
    assert is_pinned(house.loop.agent.root, 1)  # type: ignore[arg-type]
    del bundle
    house.prune()
    assert [name[:10] for name in house.loop.agent.root.names()] == ["0000000002"]


def test_a_version_no_longer_kept_comes_back_from_the_ledger_once(house: House) -> None:
    first = house.release("one")
    house.release("two")
    house.prune()
    bundle = house.bundle(first)
    bundle.initialize()
    place = bundle.path / "etl.py"
    assert place.read_text() == "one"
    assert place.stat().st_mode & 0o777 == 0o444
    assert place.is_relative_to(bundle.versions_dir)
    house.world.server.admin.reset_counts()
    again = house.bundle(first)
    again.initialize()
    assert again.path == bundle.path
    assert house.world.server.admin.count("storage", "objects.download") == 0


def test_a_version_that_never_was_is_not_found(house: House) -> None:
    house.release("one")
    with pytest.raises(NotFound):
        house.bundle("0").initialize()
    with pytest.raises(NotFound, match="is no release"):
        house.bundle("3f1c9a0b").initialize()


def test_a_version_this_instance_has_not_yet_is_awaited(house: House) -> None:
    house.release("one")
    number = house.world.release({"dags/etl.py": b"two"})
    bringing = threading.Timer(0.3, house.bring)
    bringing.start()
    bundle = house.bundle(str(number))
    bundle.initialize()
    bringing.join()
    assert (bundle.path / "etl.py").read_text() == "two"
    assert bundle.path.is_relative_to(house.path)


def test_finding_a_kept_version_speaks_to_nobody(house: House) -> None:
    first = house.release("one")
    house.release("two")
    house.world.server.admin.reset_counts()
    for version in (None, first, "2"):
        bundle = house.bundle(version)
        bundle.initialize()
        bundle.get_current_version()
    assert not house.world.server.admin.counts()


def test_airflows_own_cleaning_finds_what_it_expects(house: House) -> None:
    from airflow.dag_processing.bundles.base import BundleUsageTrackingManager, BundleVersionLock

    first = house.release("one")
    house.bundle(first).initialize()
    with BundleVersionLock("releases", first):
        pass
    manager = BundleUsageTrackingManager()
    found = manager._find_all_tracking_files("releases")
    assert found is not None
    assert [info.version for info in found] == [first]
    manager._remove_stale_bundle("releases", found[0])
    assert not manager._find_all_tracking_files("releases")
    assert (house.bundle(first).path / "etl.py").read_text() == "one"


def test_a_tree_made_anew_is_another_version_of_the_same_release(house: House) -> None:
    first = house.release("one")
    bundle = house.bundle()
    bundle.initialize()
    (bundle.path / "evil.py").write_text("evil")
    house.bring()
    assert bundle.get_current_version().version == "1"
    bundle.refresh()
    assert bundle.get_current_version().version == "1.1"
    assert not (bundle.path / "evil.py").exists()
    for version in (first, "1.1"):
        pinned = house.bundle(version)
        pinned.initialize()
        assert (pinned.path / "etl.py").read_text() == "one"


def test_a_pinned_bundle_does_not_move(house: House) -> None:
    bundle = house.bundle(house.release("one"))
    bundle.initialize()
    with pytest.raises(ValueError, match="cannot be refreshed"):
        bundle.refresh()


def test_before_the_first_release_there_is_no_version(house: House) -> None:
    bundle = house.bundle()
    assert bundle.get_current_version() is None
    assert not bundle.path.exists()
    house.bring()
    bundle.initialize()
    assert bundle.get_current_version().version == "0"
    assert list(bundle.path.iterdir()) == []


def test_where_pins_cannot_be_written_it_goes_without(house: House, caplog: pytest.LogCaptureFixture) -> None:
    first = house.release("one")
    shutil.rmtree(house.path / "pins")
    (house.path / "pins").write_text("as good as a read-only mount, to root, too")
    bundle = house.bundle(first)
    bundle.initialize()
    assert (bundle.path / "etl.py").read_text() == "one"
    assert "cannot pin release tree" in caplog.text
