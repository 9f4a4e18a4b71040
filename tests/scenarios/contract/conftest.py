"""A plant for each test: a project in which each run has an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwarden.cloud.clients import Cloud
from localcloud.testing import RunningCloud
from tests.scenarios.contract.pipeline import Plant


@pytest.fixture
def plant(cloud: Cloud, cloud_server: RunningCloud, tmp_path: Path) -> Iterator[Plant]:
    """A project with buckets, topics and subscriptions, and nothing in them."""
    made = Plant(cloud, cloud_server, tmp_path / "roots")
    yield made
    made.close()
