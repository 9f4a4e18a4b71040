"""Notify: a finalized release in the ledger becomes one notice for each component class."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.events import read_object_event
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.notify import handle_release
from dagwarden.ledger.read import Ledger
from dagwarden.settings import Settings

NEEDS = ("project", "ledger_bucket", "gate_service_account")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="notify")))


@functions_framework.cloud_event
@boundary("notify", make_cloud)
def notify(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle google.cloud.storage.object.v1.finalized of the ledger bucket."""
    handle_release(read_object_event(attributes, data), cloud, Ledger(cloud), AuditWriter(cloud))
