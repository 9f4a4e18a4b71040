"""Killed at any call, a gate leaves nothing that the next delivery does not put right."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.calls import Action, Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import Desk
from tests.scenarios.gate.killed import is_killed
from tests.scenarios.gate.test_faults import Chain

CALLS = [
    *(("storage", "objects.download", nth) for nth in (1, 2, 3)),
    ("storage", "objects.list", 1),
    *(("storage", "objects.insert", nth) for nth in (1, 2, 3, 4)),
    *(("logging", "entries.write", nth) for nth in (1, 2)),
    ("iam", "signBlob", 1),
]


@pytest.mark.parametrize("action", ["crash", "crash_after"])
def test_killed_at_any_call_the_push_is_released_once_when_delivered_again(
    desk: Desk, cloud_server: RunningCloud, cloud_environ: dict[str, str], tmp_path: Path, action: Action
) -> None:
    chain = Chain(desk)
    desk.allow(chain.push())
    settings, key = desk.cloud.settings, tmp_path / "gate-key.json"
    for number, (service, method, nth) in enumerate(CALLS, start=2):
        event = chain.push()
        fault = Fault(service=service, action=action, method=method, nth=nth)  # type: ignore[arg-type]
        assert is_killed(cloud_server, settings, event, fault, key=key, environ=cloud_environ), fault
        assert desk.allow(event) == number, fault
    desk.check()
