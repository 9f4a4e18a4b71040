"""Beside who signed stands who uploaded, where the project logs who writes objects."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from dagwarden.audit.uploads import Uploader, find_uploader, read_upload
from dagwarden.cli.main import run
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.names import EnvironmentName, PushId
from dagwarden.push.deliver import Delivery
from localcloud.testing import RunningCloud

from .test_submit import offer_of

PROD = EnvironmentName("prod")
SWITCHED_ON = [{"service": "storage.googleapis.com", "auditLogConfigs": [{"logType": "DATA_WRITE"}]}]


@pytest.fixture
def switch_logs(cloud_server: RunningCloud, project: str, may_sign: None) -> Callable[[list[object]], None]:
    """Says which Data Access logs the project keeps."""
    del may_sign

    def switch(configs: list[object]) -> None:
        with httpx.Client(base_url=cloud_server.url, timeout=30.0) as http:
            policy = http.post(f"/v1/projects/{project}:getIamPolicy", json={}).raise_for_status().json()
            body = {"policy": {**policy, "auditConfigs": configs}}
            http.post(f"/v1/projects/{project}:setIamPolicy", json=body).raise_for_status()

    return switch


def push(cloud: Cloud, name: str = "a") -> PushId:
    return Delivery(cloud, lambda _: None, utc_now).deliver(*offer_of(name), 20.0).push_id


@pytest.mark.usefixtures("inbox_gate")
def test_the_uploader_is_shown_beside_the_attestation(
    cloud: Cloud,
    switch_logs: Callable[[list[object]], None],
    push_environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in push_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGWARDEN_ENVIRONMENT", PROD)
    unlogged = push(cloud, "a")
    switch_logs(list(SWITCHED_ON))
    logged = push(cloud, "b")
    assert find_uploader(cloud, PROD, unlogged) is None
    uploader = find_uploader(cloud, PROD, logged)
    assert uploader is not None
    assert (uploader.principal, uploader.caller_ip) == (cloud.service_account, "127.0.0.1")
    said = f"{cloud.service_account} from 127.0.0.1\n"
    for verb, seen in (
        (["explain", logged], True),
        (["show", "2"], True),
        (["explain", unlogged], False),
        (["show", "1"], False),
    ):
        assert run(verb) == 0
        [*lines] = [line for line in capsys.readouterr().out.splitlines(keepends=True) if "uploaded by" in line]
        assert [line.endswith(said) for line in lines] == [True] * seen


@pytest.mark.usefixtures("inbox_gate")
def test_who_is_exempted_is_not_logged(cloud: Cloud, switch_logs: Callable[[list[object]], None]) -> None:
    config = {"logType": "DATA_WRITE", "exemptedMembers": [f"serviceAccount:{cloud.service_account}"]}
    switch_logs([{"service": "allServices", "auditLogConfigs": [config]}])
    assert find_uploader(cloud, PROD, push(cloud)) is None


def test_calls_that_failed_and_callers_withheld_name_nobody() -> None:
    at = utc_now()
    who = {"authenticationInfo": {"principalEmail": "ann@acme.example"}}
    assert read_upload(who, at) == Uploader(principal="ann@acme.example", caller_ip="", at=at)
    for payload in ({}, {**who, "status": {"code": 7}}, {"authenticationInfo": {}}, {"authenticationInfo": 7}):
        assert read_upload(payload, at) is None
