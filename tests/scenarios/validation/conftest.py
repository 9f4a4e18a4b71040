"""A gate that asks a real validator over HTTP: one warm parent for all tests here, an environment for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from google.auth.credentials import Credentials
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.validate import ValidateService, respond
from dagwarden.settings import Settings
from dagwarden.validate.engine import Validator
from tests.scenarios.gate.desk import POLICY, PROD, Desk

IMPORTING = POLICY.replace("imports: skipped", "imports: required")


@pytest.fixture(scope="session")
def validator() -> Iterator[Validator]:
    """Ready to import files of any tree."""
    with Validator() as started:
        yield started


class Lent(Validator):
    """A validator that outlives the service it is lent to."""

    def __init__(self, lender: Validator) -> None:
        self.__dict__ = lender.__dict__

    def close(self) -> None:
        """It is somebody else's."""


@pytest.fixture
def replicas(tmp_path: Path) -> Path:
    """Where the service lays down the trees of the environments it was asked about."""
    return tmp_path / "validate"


@pytest.fixture
def service(cloud: Cloud, validator: Validator, replicas: Path) -> Iterator[ValidateService]:
    """A validator's service with nothing in memory."""
    service = ValidateService(cloud, replicas, make_validator=lambda: Lent(validator))
    yield service
    service.close()


@pytest.fixture
def url(service: ValidateService, cloud: Cloud) -> Iterator[str]:
    """Where it is served."""

    @Request.application
    def application(request: Request) -> Response:
        body, status, headers = respond(service, cloud, request.headers.get("authorization", ""), request.get_data())
        return Response(body, status, headers)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(settings: Settings, credentials: Credentials, url: str) -> Desk:
    """A gate that has what it takes imported, and those who come to it."""
    return Desk(Cloud(msgspec.structs.replace(settings, validate_url=url), credentials), PROD, IMPORTING)
