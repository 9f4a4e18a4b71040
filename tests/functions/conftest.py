"""What tests of handlers share beside the local cloud."""

from __future__ import annotations

import pytest

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger


@pytest.fixture
def ledger(cloud: Cloud) -> Ledger:
    """The ledger of the test's project."""
    return Ledger(cloud)


@pytest.fixture
def audit(cloud: Cloud) -> AuditWriter:
    """Writes to the audit log of the test's project."""
    return AuditWriter(cloud)


@pytest.fixture
def notices(cloud: Cloud) -> None:
    """A subscription to all notices, called like their topic."""
    topic = cloud.settings.notices_topic
    cloud.subscription(topic).ensure(topic, "", expires_after_s=8 * 86400)
