"""The guard as it runs in the local stack: Eventarc brings it changes, and `dagwarden access` shows what they mean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport

from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack

EVE = "user:eve@gmail.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), with_agents=False) as running:
        yield running


def tell(stack: Stack, *arguments: str) -> str:
    """What a verb prints, asked by the platform team."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", "from dagwarden.cli.main import main; main()", *arguments],
        env={**kept, **stack.environ("ops"), "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def dagwarden(stack: Stack, *arguments: str) -> Any:
    """What a verb answers to a program."""
    return json.loads(tell(stack, *arguments, "--json"))


def grant(stack: Stack, member: str, role: str) -> None:
    path = f"/storage/v1/b/{plan.ENVIRONMENT_BUCKET}/iam?optionsRequestedPolicyVersion=3"
    with httpx.Client(base_url=stack.endpoints.http, timeout=30.0) as http:
        policy = http.get(path).raise_for_status().json()
        policy["bindings"].append({"role": role, "members": [member]})
        http.put(path, json=policy).raise_for_status()


def await_rule(stack: Stack, *rules: str) -> list[dict[str, Any]]:
    """What was told by these rules, once each of them was."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = dagwarden(stack, "audit", "--kind", "iam.found")
        if {each["what"]["action"] for each in found}.issuperset(rules):
            return [each for each in found if each["what"]["action"] in rules]
    raise AssertionError(f"not {rules}: {found}; see {stack.folder / 'logs' / 'iam_guard.log'}")


def test_a_direct_writer_is_told_of_and_shown_as_one_who_runs_code(stack: Stack) -> None:
    before = dagwarden(stack, "access")
    assert before["direct_writers"] == []
    grant(stack, EVE, "roles/storage.objectUser")
    assert len(await_rule(stack, "direct-bucket-writer", "consumer-member")) == 2
    after = dagwarden(stack, "access", "--principal", "eve@gmail.com")
    assert after["direct_writers"] == [EVE]
    [row] = after["rows"]
    assert sorted(row["ways"]) == ["read_source", "run_code", "write_bucket"]
    assert f"{EVE} writes the bucket directly: it can run code as the environment, past the gate" in tell(
        stack, "access"
    )
    ways = tell(stack, "access", "--principal", EVE)
    assert f"roles/storage.objectUser on buckets/{plan.ENVIRONMENT_BUCKET}" in ways


def test_the_stacks_own_iam_is_in_order(stack: Stack) -> None:
    """What the blueprint grants is what the default policy asks for: nothing else was told of."""
    found = dagwarden(stack, "audit", "--kind", "iam.found")
    assert [each for each in found if EVE not in each["why"]["reason"]] == []
    assert not Path(stack.folder / "logs" / "iam_guard.log").read_text().count("Traceback")


def test_the_schedule_finds_all_of_the_stack_in_order_but_what_eve_was_given(stack: Stack) -> None:
    topic = f"projects/{plan.PROJECT}/topics/{plan.IAM_TOPIC}"
    with (
        grpc.insecure_channel(stack.endpoints.pubsub) as channel,
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as publisher,
    ):
        publisher.publish(topic, b"look").result(timeout=10)
    deadline = time.monotonic() + 30
    while not (checked := dagwarden(stack, "audit", "--kind", "iam.checked")) and time.monotonic() < deadline:
        pass
    [details] = [each["details"] for each in checked]
    assert details["rules"] == {"direct-bucket-writer": 1, "consumer-member": 1}
    assert f"//composer.googleapis.com/{plan.COMPOSER}" in details["looked_at"]


def test_a_setting_of_composers_that_is_changed_is_told_of_and_its_fix_puts_it_right(stack: Stack) -> None:
    mask = "config.softwareConfig.airflowConfigOverrides.webserver-expose_config"
    unsafe = {"config": {"softwareConfig": {"airflowConfigOverrides": {"webserver-expose_config": "True"}}}}
    with httpx.Client(base_url=stack.endpoints.http, timeout=30.0) as http:
        http.patch(f"/v1/{plan.COMPOSER}?updateMask={mask}", json=unsafe).raise_for_status()
        [told] = await_rule(stack, "unsafe-airflow-override")
        assert told["details"]["setting"] == {"path": mask, "value": "True"}
        assert told["details"]["command"].endswith("--remove-airflow-configs=webserver-expose_config")
        assert told["who"]["name"] == "anonymous"
        http.patch(f"/v1/{plan.COMPOSER}?updateMask={mask}", json={}).raise_for_status()
        http.patch(f"/v1/{plan.COMPOSER}?updateMask=config.maintenanceWindow", json={}).raise_for_status()
    await_rule(stack, "maintenance-window-missing")
    assert len(await_rule(stack, "unsafe-airflow-override")) == 1
