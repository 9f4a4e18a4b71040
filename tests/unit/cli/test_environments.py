"""What the verbs say of an environment that nobody knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.commit import Committed
from localcloud.testing import RunningCloud

from .conftest import Dagwarden

VERBS = (("log",), ("status",), ("wait",), ("wait", "3"), ("show",), ("diff", "1"), ("verify",))


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_mistyped_environment_is_guessed(
    verb: tuple[str, ...], dagwarden: Dagwarden, release_files: Callable[..., Committed]
) -> None:
    release_files({"dags/a.py": "a = 1\n"})
    done = dagwarden(*verb, "--environment", "prdo")
    assert done.code == 4
    assert "no environment prdo is known here" in done.err
    assert "hint: did you mean prod?" in done.err


def test_environments_that_there_are_are_named_where_none_is_near(dagwarden: Dagwarden, cloud: Cloud) -> None:
    for name in ("stage/policy.yaml", "etl-prod/environment.yaml", "typo/verdicts/1.json"):
        cloud.store.write(name, b"", generation=None, content_type="text/plain")
    done = dagwarden("log", "--environment", "zzz")
    assert (done.code, done.err.splitlines()[1]) == (4, "hint: there is etl-prod, stage (--environment)")
    assert dagwarden("log", "--environment", "typo").code == 4
    assert dagwarden("log", "--environment", "stage").out == "stage has no release yet\n"


def test_where_nobody_may_list_it_is_not_said_that_there_is_none(
    dagwarden: Dagwarden, cloud_server: RunningCloud
) -> None:
    cloud_server.admin.plan("storage", "fail", method="objects.list", nth=2, status=403)
    assert dagwarden("log", "--environment", "prdo").out == "prdo has no release yet\n"
