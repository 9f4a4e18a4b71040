"""Agents killed at any moment: what is live is one release, whole; what comes back is the newest."""

from __future__ import annotations

import random
import time

import pytest

from tests.scenarios.agent.conftest import Start, World, wait_for


def test_killed_at_random_over_many_releases_it_shows_whole_releases(world: World, start: Start) -> None:
    chance = random.Random(7)  # the moments vary with the machine all the same
    world.release({f"dags/f{number}/d.py": b"0" for number in range(200)})
    for _ in range(6):
        worker = start(root="worker")
        for _ in range(4):
            number = world.release({f"dags/f{chance.randrange(200)}/d.py": b"%d" % chance.randrange(10**9)})
            world.notify()
        time.sleep(chance.random() * 0.15)
        worker.kill()
        number, files = worker.shown()
        assert files == world.trees[number]
    worker = start(root="worker")
    assert worker.shown() == (world.state.number, world.trees[world.state.number])


@pytest.mark.parametrize(
    ("bucket", "action"),
    [("ledger", "crash"), ("ledger", "crash_after"), ("store", "crash"), ("store", "crash_after")],
)
def test_killed_by_its_own_read_it_keeps_the_old_release(world: World, start: Start, bucket: str, action: str) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start()
    world.release({"dags/a.py": b"2"})
    caller = world.cloud.settings.gate_service_account
    world.server.admin.register_process(caller, worker.pid)
    name = {"ledger": world.cloud.settings.ledger_bucket, "store": world.cloud.settings.store_bucket}[bucket]
    world.server.admin.plan("storage", action, caller=caller, subject=f"{name}/*")  # type: ignore[arg-type]
    world.notify()
    wait_for(lambda: not worker.is_running(), "the agent killed")
    assert worker.shown() == (1, world.trees[1])
    worker = start(root=worker.root.path.name)
    assert worker.shown() == (2, world.trees[2])
