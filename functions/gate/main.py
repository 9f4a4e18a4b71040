"""Gate: what arrives in the inbox, and a raw drop that is deleted, becomes one verdict and, if allowed, one release."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import read_object_event
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.gate import Gate
from dagwarden.settings import Settings

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket", "gate_service_account")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="gate")))
make_gate = functools.cache(Gate)


@functions_framework.cloud_event
@boundary("gate", make_cloud)
def gate(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle google.cloud.storage.object.v1.finalized, archived and deleted of the inbox bucket."""
    make_gate(cloud).handle(read_object_event(attributes, data))
