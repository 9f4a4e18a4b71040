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

import httpx
import pytest

from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack

EVE = "user:eve@gmail.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), with_agents=False) as running:
        yield running


def dagwarden(stack: Stack, *arguments: str) -> Any:
    """What a verb answers, asked by the platform team."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", "from dagwarden.cli.main import main; main()", *arguments, "--json"],
        env={**kept, **stack.environ("ops"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def grant(stack: Stack, member: str, role: str) -> None:
    path = f"/storage/v1/b/{plan.ENVIRONMENT_BUCKET}/iam?optionsRequestedPolicyVersion=3"
    with httpx.Client(base_url=stack.endpoints.http, timeout=30.0) as http:
        policy = http.get(path).raise_for_status().json()
        policy["bindings"].append({"role": role, "members": [member]})
        http.put(path, json=policy).raise_for_status()


def await_found(stack: Stack, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = dagwarden(stack, "audit", "--kind", "iam.found")
        if len(found) >= count:
            return found
    raise AssertionError(f"not {count} findings: {found}; see {stack.folder / 'logs' / 'iam_guard.log'}")


def test_a_direct_writer_is_told_of_and_shown_as_one_who_runs_code(stack: Stack) -> None:
    before = dagwarden(stack, "access")
    assert before["direct_writers"] == []
    grant(stack, EVE, "roles/storage.objectUser")
    found = await_found(stack, 2)
    assert {each["what"]["action"] for each in found} == {"direct-bucket-writer", "consumer-member"}
    after = dagwarden(stack, "access", "--principal", "eve@gmail.com")
    assert after["direct_writers"] == [EVE]
    [row] = after["rows"]
    assert sorted(row["ways"]) == ["read_source", "run_code", "write_bucket"]


def test_the_stacks_own_iam_is_in_order(stack: Stack) -> None:
    """What the blueprint grants is what the default policy asks for: nothing else was told of."""
    found = dagwarden(stack, "audit", "--kind", "iam.found")
    assert [each for each in found if EVE not in each["why"]["reason"]] == []
    assert not Path(stack.folder / "logs" / "iam_guard.log").read_text().count("Traceback")
