"""What the verbs say when the stack they speak to is down: at once, and what to do about it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from localcloud.testing import RunningCloud

from .conftest import Dagwarden

TOLD_WITHIN_S = 5.0
"""It takes a second on an idle machine; the deadline of requests is a minute."""

VERBS = (
    ("log",),
    ("status",),
    ("status", "--watch"),
    ("wait",),
    ("wait", "3"),
    ("show",),
    ("diff", "1"),
    ("held",),
    ("explain", "0123456789ab"),
    ("approve", "0123456789ab"),
    ("audit",),
    ("access",),
    ("drift",),
    ("verify",),
    ("rollback", "1"),
    ("dead-letters",),
    ("push", "dags"),
    ("policy", "restore", "1"),
)


@pytest.fixture
def stopped(
    dagwarden: Dagwarden, cloud_server: RunningCloud, closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Dagwarden:
    """The command line of somebody whose stack has been stopped: tokens cannot be had either."""

    def stop(text: str) -> str:
        for endpoint in (cloud_server.endpoints.http, cloud_server.endpoints.pubsub):
            text = text.replace(endpoint.rpartition(":")[2], str(closed_port))
        return text

    for name, value in cloud_server.endpoints.to_environ().items():
        monkeypatch.setenv(name, stop(value))
    monkeypatch.delenv("DAGWARDEN_RETRY_DEADLINE_S")
    key = tmp_path / "gate-key.json"
    key.write_text(stop(key.read_text()))
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").write_text("a = 1\n")
    monkeypatch.chdir(tmp_path)
    return dagwarden


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_tells_at_once_that_the_stack_is_down(verb: tuple[str, ...], stopped: Dagwarden) -> None:
    started = time.monotonic()
    done = stopped(*verb)
    assert time.monotonic() - started < TOLD_WITHIN_S
    assert done.code == 3, done.err
    assert "nothing answers" in done.err
    assert "hint: start the local stack (make up)" in done.err
