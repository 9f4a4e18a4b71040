"""What a function loads before its first event: each import is paid at every cold start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.whole_repo.repository import ROOT, mains

HEAVY = {
    "airflow": "6-8 s of CPU",
    "typer": "the command line's",
    "rich": "the command line's",
    "starlette": "the local cloud's",
    "uvicorn": "the local cloud's",
    "httpx": "the local cloud's",
    "localcloud": "not part of a function",
    "prometheus_client": "the agent's",
    "pydantic": "what msgspec is here instead of",
    "google.cloud.storage": "made in the handler: functions-framework imports main.py in a parent and forks",
    "google.cloud.logging": "made in the handler",
    "google.cloud.pubsub_v1": "made in the handler",
    "dagwarden.cli": "the command line's",
    "dagwarden.airflow": "Airflow's",
    "dagwarden.sync.agent": "the agent's",
}
"""What no function loads at its start, and why."""

ALSO_HEAVY = {
    "gate": (),
    "iam_guard": (),
    "validate": (),
    "notify": ("ast_grep_py", "yaml", "dagwarden.lint.match", "dagwarden.push.archive"),
    "mirror": ("ast_grep_py", "dagwarden.lint.match", "dagwarden.push.archive"),
    "record": ("ast_grep_py", "yaml", "dagwarden.lint.match", "dagwarden.push.archive"),
}
MOST_MODULES = 700
"""Modules in memory after the import of a handler; Python's own and gRPC's status codes are some 400 of them."""

PROBE = "import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"


def modules_after(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("function", [main.name for main in mains()])
def test_a_function_starts_without_what_it_does_not_need(function: str) -> None:
    loaded = modules_after(f"dagwarden.handlers.{function}")
    assert not loaded & {*HEAVY, *ALSO_HEAVY[function]}
    assert len(loaded) < MOST_MODULES


def test_the_git_remote_helper_starts_without_the_command_line() -> None:
    assert not modules_after("dagwarden.push.git_remote") & {"typer", "rich", "airflow", "google.cloud.storage"}


def test_the_command_line_imports_a_verb_when_it_is_asked_for() -> None:
    loaded = modules_after("dagwarden.cli.main")
    assert not loaded & {
        "airflow",
        "google.cloud.storage",
        "dagwarden.cli.push",
        "dagwarden.cloud.clients",
        "ast_grep_py",
    }
