"""IAM guard: changes of IAM are judged by policy as they happen, and the whole of it on a schedule."""

import functools
import os
from collections.abc import Mapping

import functions_framework

from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.boundary import boundary
from dagwarden.handlers.iam_guard import IamGuard
from dagwarden.settings import Settings

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="iam_guard")))
make_guard = functools.cache(IamGuard)


@functions_framework.cloud_event
@boundary("iam_guard", make_cloud)
def iam_guard(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    """Handle google.cloud.audit.log.v1.written of calls that change IAM, and messages of a schedule."""
    make_guard(cloud).take(attributes, data)
