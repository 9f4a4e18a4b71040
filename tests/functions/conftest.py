"""What tests of handlers share beside the local cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.functions.house import House

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger
from dagwarden.settings import Settings
from localcloud.testing import RunningCloud

FUNCTIONS = Path(__file__).parents[2] / "functions"

Post = tuple[dict[str, str], str]
Boot = Callable[..., dict[str, Any]]


@pytest.fixture
def ledger(cloud: Cloud) -> Ledger:
    """The ledger of the test's project."""
    return Ledger(cloud)


@pytest.fixture
def audit(cloud: Cloud) -> AuditWriter:
    """Writes to the audit log of the test's project."""
    return AuditWriter(cloud)


@pytest.fixture
def house(cloud: Cloud, cloud_server: RunningCloud) -> House:
    """A guard of IAM, and what it guards."""
    return House(cloud, cloud_server)


@pytest.fixture
def notices(cloud: Cloud) -> None:
    """A subscription to all notices, called like their topic."""
    topic = cloud.settings.notices_topic
    cloud.subscription(topic).ensure(topic, "", expires_after_s=8 * 86400)


@pytest.fixture
def boot(settings: Settings, cloud_environ: dict[str, str], credentials: object, tmp_path: Path) -> Boot:
    """Boots a function in a process of its own and posts events to it."""

    def post(name: str, *posts: Post, **variables: str) -> dict[str, Any]:
        environ = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            **cloud_environ,
            **settings.to_environ(),
            "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gate-key.json"),
            "DAGWARDEN_CALLER": name,
            **variables,
        }
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / "boot.py"), name, str(FUNCTIONS / name / "main.py")],
            input=json.dumps(posts),
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return post
