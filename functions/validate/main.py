"""Validate: imports what a push affects in a sandbox and says what it found. HTTP; only the gate may call."""

import atexit
import functools
import os
import tempfile
from pathlib import Path

import flask
import functions_framework

from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.validate import Answer, ValidateService, respond
from dagwarden.settings import Settings

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket", "gate_service_account")
make_cloud = functools.cache(lambda: Cloud(Settings.load(os.environ, needs=NEEDS, caller="validate")))


@functools.cache
def make_service() -> ValidateService:
    """The one service of this process; its folder and its processes go with it."""
    folder = tempfile.TemporaryDirectory(prefix="dagwarden-validate-")
    service = ValidateService(make_cloud(), Path(folder.name))
    service.start()
    atexit.register(folder.cleanup)
    atexit.register(service.close)
    return service


@functions_framework.http
def validate(request: flask.Request) -> Answer:
    """POST asks; anything else wakes the service, so that Airflow is imported before the first push comes."""
    service = make_service()
    if request.method != "POST":
        return b"", 204, {}
    return respond(service, make_cloud(), request.headers.get("authorization", ""), request.get_data(cache=False))
