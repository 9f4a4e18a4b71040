"""Gate: what arrives in the inbox, and a raw drop that is deleted, becomes one verdict and, if allowed, one release."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.zones import name_zones
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.gate_events import GateEvents
from dagwarden.settings import Settings

os.environ.update(name_zones(os.environ))
NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket", "gate_service_account")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="gate")))
make_gate = functools.cache(GateEvents)


@functions_framework.cloud_event
@boundary("gate", make_cloud)
def gate(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle object.v1.finalized, archived and deleted of the inbox bucket, and messages of a schedule."""
    make_gate(cloud).take(attributes, data)
