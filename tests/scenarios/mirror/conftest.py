"""One local cloud a module, one environment of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.testing import RunningCloud, running_cloud
from tests.scenarios.mirror.house import House


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def house(running: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name, value in running.endpoints.to_environ().items():
        monkeypatch.setenv(name, value)
    running.admin.forget_faults()
    built = House(running)
    yield built
    running.admin.forget_faults()
    built.close()
