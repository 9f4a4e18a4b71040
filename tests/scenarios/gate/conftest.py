"""One environment of its own for each test, with a gate and a policy that lets the project's accounts push."""

from __future__ import annotations

import pytest

from dagwarden.cloud.clients import Cloud
from tests.scenarios.gate.desk import Desk


@pytest.fixture
def desk(cloud: Cloud) -> Desk:
    """A gate, and those who come to it."""
    return Desk(cloud)
