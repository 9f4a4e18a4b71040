"""Record: instances' receipts and dead letters become audit entries and status objects."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.audit.write import AuditWriter
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.events import read_pubsub_event
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.record import handle_message
from dagwarden.settings import Settings

NEEDS = ("project", "store_bucket")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="record")))


@functions_framework.cloud_event
@boundary("record", make_cloud)
def record(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle google.cloud.pubsub.topic.v1.messagePublished of the receipts and dead-letters topics."""
    handle_message(read_pubsub_event(attributes, data), cloud, AuditWriter(cloud), utc_now)
