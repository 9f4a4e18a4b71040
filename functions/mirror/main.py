"""Mirror: releases go to the environment's bucket; what others change there is noticed."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.mirror import MirrorHandler
from dagwarden.settings import Settings

NEEDS = ("project", "ledger_bucket", "store_bucket", "gate_service_account")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="mirror")))
make_handler = functools.cache(MirrorHandler)


@functions_framework.cloud_event
@boundary("mirror", make_cloud)
def mirror(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle finalized objects of the ledger bucket, and messages on an environment's bucket or a schedule."""
    make_handler(cloud).take(attributes, data)
