"""What the benchmark of cold starts knows of each function."""

from __future__ import annotations

from tests.benchmarks.cold_start import NEEDS
from tests.benchmarks.drivers.boot_driver import CLIENTS

from localcloud.stack import blueprint


def test_every_function_with_events_is_started() -> None:
    assert set(NEEDS) == set(CLIENTS) == set(blueprint.FUNCTIONS)
