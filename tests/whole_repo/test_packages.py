"""Each packed function boots from its folder and the packages it names alone, and does its work."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from infra.ci.package import FUNCTIONS, closure, package, read_names

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.commit import Committed
from dagwarden.settings import Settings
from tests.whole_repo.repository import ROOT

HEADERS: dict[str, dict[str, str]] = json.loads((ROOT / "tests/events/headers.json").read_text())
STATUSES = {"validate": 403}
"""What else than 200 answers a call that bears no signature."""
IAM_CHANGE = ROOT / "tests" / "events" / "audit" / "LogEntryData-storageSetIamPermissions.json"
BOOT = ROOT / "tests" / "functions" / "boot.py"


def lay_out(function: str, folder: Path) -> Path:
    """A folder that holds exactly the packages a function carries, as links."""
    site = folder / "site"
    for name in closure(read_names(function)):
        for file in distribution(name).files or ():
            source = Path(str(file.locate()))
            is_script = file.parts[-2:-1] == ("bin",)  # above site-packages; `pip install --target` puts it in bin/
            if (".." in file.parts and not is_script) or "__pycache__" in file.parts or not source.is_file():
                continue
            place = site / "bin" / file.name if is_script else site / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source.resolve())
    return site


@pytest.fixture
def environ(settings: Settings, cloud_environ: dict[str, str], credentials: object, tmp_path: Path) -> dict[str, str]:
    """What a function of this test's project runs with."""
    key = str(tmp_path / "gate-key.json")
    base = {"PATH": os.environ["PATH"], "GOOGLE_APPLICATION_CREDENTIALS": key}
    return {**base, **cloud_environ, **settings.to_environ()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_packed_function_works_from_its_folder_alone(
    function: str,
    tmp_path: Path,
    cloud: Cloud,
    environ: dict[str, str],
    release_files: Callable[..., Committed],
) -> None:
    committed = release_files({"dags/a.py": "a = 1\n"})
    folder = package(function, tmp_path / "functions")
    site = lay_out(function, tmp_path)
    events = {
        "gate": raw_drop(cloud),
        "notify": released(cloud, committed),
        "mirror": released(cloud, committed),
        "record": (HEADERS["pubsub_messagePublished"], json.dumps({"message": {"data": "e30=", "messageId": "1"}})),
        "iam_guard": (HEADERS["audit_storage_setIamPermissions"], IAM_CHANGE.read_text()),
        "validate": ({"content-type": "application/json"}, "{}"),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-P", str(BOOT), function, str(folder / "main.py")],
        input=json.dumps([events[function]]),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
        env={**environ, "PYTHONPATH": os.pathsep.join((str(site), str(folder)))},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["statuses"] == [STATUSES.get(function, 200)], done.stderr


def test_a_packed_function_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = package("gate", tmp_path / "one"), package("gate", tmp_path / "two")
    read: Callable[[Path], dict[str, bytes]] = lambda folder: {  # noqa: E731
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert read(first) == read(second)
    assert "main.py" in read(first)
    assert not [path for path in read(first) if "/cli/" in path or "__pycache__" in path]


def released(cloud: Cloud, committed: Committed) -> tuple[dict[str, str], str]:
    name = f"prod/releases/{committed.release.number:010d}.json"
    return HEADERS["storage_finalized"], json.dumps(describe(cloud.ledger, name))


def raw_drop(cloud: Cloud) -> tuple[dict[str, str], str]:
    cloud.inbox.write("prod/dags/b.py", b"b = 1\n", generation=0, content_type="text/x-python")
    return HEADERS["storage_finalized"], json.dumps(describe(cloud.inbox, "prod/dags/b.py"))


def describe(bucket: Any, name: str) -> dict[str, str]:
    info = bucket.stat(name)
    assert info is not None
    return {
        "bucket": info.bucket,
        "name": info.name,
        "generation": str(info.generation),
        "size": str(info.size_bytes),
        "timeCreated": dt.datetime.isoformat(info.updated_at),
    }
