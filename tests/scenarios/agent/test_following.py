"""Agents follow the ledger: with notices and without, through outages, restarts and kills."""

from __future__ import annotations

import signal
import urllib.request
from urllib.error import HTTPError

import pytest

from dagwarden.names import Component
from dagwarden.sync.notice import ReceiptOutcome
from tests.scenarios.agent.conftest import Start, World, wait_for


def test_a_noticed_release_is_live_on_each_component_and_receipted(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1", "plugins/p.py": b"p"})
    worker, web = start(Component.WORKER), start(Component.WEBSERVER)
    assert worker.shown() == (1, world.trees[1])
    assert web.shown() == (1, {"plugins/p.py": b"p"})
    world.release({"dags/a.py": b"2", "dags/b.py": b"b"})
    world.notify()
    worker.wait_live(2)
    web.wait_live(2)
    assert worker.shown() == (2, world.trees[2])
    assert web.shown() == (2, {"plugins/p.py": b"p"})
    wait_for(lambda: len([each for each in world.pull_receipts() if each.release == 2]) == 2, "two receipts")
    for receipt in [each for each in world.pull_receipts() if each.release == 2]:
        assert receipt.outcome is ReceiptOutcome.APPLIED
        assert receipt.digest == world.state.digest
        assert receipt.noticed_at is not None
        assert receipt.visible_at is not None
        assert receipt.noticed_at <= receipt.visible_at
        assert (receipt.tree == world.state.tree) == (receipt.component == "worker")
        assert set(receipt.stages_ms) == {"notice", "read", "delta", "apply", "flip"}


def test_a_one_file_release_costs_two_reads_of_objects(world: World, start: Start) -> None:
    world.release({f"dags/d{number}.py": b"x" for number in range(50)})
    worker = start()
    wait_for(lambda: bool(list(worker.root.spares.iterdir())), "a spare")
    world.release({"dags/d0.py": b"2"})
    world.server.admin.reset_counts()
    world.notify()
    worker.wait_live(2)
    assert world.server.admin.count("storage") == 2


def test_a_lost_notice_costs_a_period_and_nothing_else(world: World, start: Start) -> None:
    worker = start(reconcile_every_s=1.0)
    world.release({"dags/a.py": b"1"})
    worker.wait_live(1)
    assert worker.shown() == (1, world.trees[1])


def test_an_agent_far_behind_starts_from_the_snapshot(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1", "dags/b.py": b"b"})
    worker = start()
    worker.end()
    for number in range(2, 6):
        world.release({"dags/a.py": b"%d" % number})
    world.snapshot()
    world.release({"dags/c.py": b"c"}, ("dags/b.py",))
    worker = start(root=worker.root.path.name)
    assert worker.shown() == (6, world.trees[6])


def test_an_outage_of_the_ledger_is_waited_out(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start(retry_deadline_s=0.2)
    world.release({"dags/a.py": b"2"})
    outage = world.server.admin.plan("storage", "fail", subject=f"{world.cloud.settings.ledger_bucket}/*", times=10_000)
    world.notify()
    worker.wait_line("not applied")
    assert worker.shown() == (1, world.trees[1])
    assert world.server.admin.struck(outage)
    world.server.admin.forget_faults()
    worker.wait_live(2)
    wait_for(lambda: world.pull_receipts()[-1].release == 2, "the receipt of release 2")
    outcomes = [receipt.outcome for receipt in world.pull_receipts()]
    assert ReceiptOutcome.FAILED in outcomes
    assert outcomes[-1] in {ReceiptOutcome.APPLIED, ReceiptOutcome.RUNNING}


def test_receipts_nobody_takes_wait_and_hold_nothing_up(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start(retry_deadline_s=0.5)
    receipts = f"*{world.cloud.settings.receipts_topic}"
    wait_for(lambda: not list(worker.root.receipts.glob("*.json")), "the first receipts out")
    world.server.admin.plan("pubsub", "fail", method="Publish", subject=receipts, times=10_000)
    for number in range(2, 5):
        world.release({"dags/a.py": b"%d" % number})
        world.notify()
        worker.wait_live(number)
    wait_for(lambda: len(list(worker.root.receipts.glob("*.json"))) == 3, "three receipts waiting")
    world.server.admin.forget_faults()
    wait_for(lambda: not list(worker.root.receipts.glob("*.json")), "receipts out")
    applied = [each.release for each in world.pull_receipts() if each.outcome is ReceiptOutcome.APPLIED]
    assert sorted(applied) == [1, 2, 3, 4]


def test_receipts_left_by_a_killed_agent_are_sent_by_the_next(world: World, start: Start) -> None:
    world.server.admin.plan("pubsub", "fail", method="Publish", times=10_000)
    world.release({"dags/a.py": b"1"})
    worker = start(retry_deadline_s=0.5)
    worker.kill()
    assert list(worker.root.receipts.glob("*.json"))
    world.server.admin.forget_faults()
    start(root=worker.root.path.name)
    wait_for(lambda: any(each.outcome is ReceiptOutcome.APPLIED for each in world.pull_receipts()), "the old receipt")


def test_a_subscription_that_went_is_made_again(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start()
    world.cloud.subscription(f"dagwarden-prod-worker-{worker.root.path.name}").delete()
    worker.wait_line("stream of notices ended")
    wait_for(lambda: bool(_find_subscription(world, worker.root.path.name)), "a new subscription")
    world.release({"dags/a.py": b"2"})
    world.notify()
    worker.wait_live(2)


def _find_subscription(world: World, instance: str) -> bool:
    from google.api_core.exceptions import NotFound
    from google.cloud.pubsub_v1 import SubscriberClient

    client = SubscriberClient()
    name = f"projects/{world.cloud.settings.project}/subscriptions/dagwarden-prod-worker-{instance}"
    with client:
        try:
            client.get_subscription(subscription=name)
        except NotFound:
            return False
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_end_it_ends_well(world: World, start: Start, number: int, code: int) -> None:
    worker = start()
    assert worker.end(number) == code
    assert worker.lines()[-1]["message"] == "stopped"


def test_once_catches_up_and_ends(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start(Component.WORKER, "--once", is_ready=False)
    assert worker.wait() == 0
    assert worker.shown() == (1, world.trees[1])
    assert [receipt.outcome for receipt in world.pull_receipts()] == [ReceiptOutcome.APPLIED]


def test_once_says_no_when_the_ledger_is_out_of_reach(world: World, start: Start) -> None:
    world.server.admin.plan("storage", "fail", times=10_000)
    worker = start(Component.WORKER, "--once", is_ready=False, retry_deadline_s=0.2)
    assert worker.wait() == 3


def test_a_second_agent_on_one_root_is_refused(world: World, start: Start) -> None:
    first = start()
    second = start(root=first.root.path.name, is_ready=False)
    assert second.wait() == 4
    assert "is at work here" in second.text()
    assert first.is_running()


def test_folders_can_be_chosen_and_bytes_verified_at_start(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1", "plugins/p.py": b"p"})
    worker = start(Component.WORKER, "--folders", "plugins")
    assert worker.shown() == (1, {"plugins/p.py": b"p"})
    assert worker.end() == 0
    worker = start(Component.WORKER, "--folders", "dags, plugins", "--verify", root=worker.root.path.name)
    assert worker.shown() == (1, world.trees[1])


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (("--folders", "logs"), {}, "'logs' is no folder of a release"),
        (("--instance", "a/b"), {}, "'a/b' is no instance name"),
        ((), {"ledger_bucket": ""}, "DAGWARDEN_LEDGER_BUCKET is not set"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    world: World, start: Start, arguments: tuple[str, ...], more: dict[str, str], said: str
) -> None:
    worker = start(Component.WORKER, *arguments, is_ready=False, **more)
    assert worker.wait() == 2
    assert said in " ".join(worker.text().split())


def test_health_and_metrics_are_served(world: World, start: Start) -> None:
    world.release({"dags/a.py": b"1"})
    worker = start(Component.WORKER, "--port", "0", retry_deadline_s=0.2, reconcile_every_s=0.5)
    port = worker.wait_line("serving /healthz and /metrics")["port"]
    assert _get(f"http://127.0.0.1:{port}/healthz") == (200, "ok\n")
    status, metrics = _get(f"http://127.0.0.1:{port}/metrics")
    assert status == 200
    assert 'dagwarden_release{component="worker",environment="prod"} 1.0' in metrics
    assert "dagwarden_apply_seconds_bucket" in metrics
    world.server.admin.plan("storage", "fail", times=10_000)
    wait_for(lambda: _get(f"http://127.0.0.1:{port}/healthz")[0] == 503, "ill health")
    world.server.admin.forget_faults()
    wait_for(lambda: _get(f"http://127.0.0.1:{port}/healthz")[0] == 200, "health again")


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10.0) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
