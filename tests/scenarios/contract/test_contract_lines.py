"""The eight lines of the contract: each test tries to break one, and is named after it.

The lines that are about more than these few steps are held as well by `test_contract.py` (any sequence of events) and
by `tests/scenarios/gate`, `mirror` and `agent` (any call failing, any moment of being killed).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwarden.audit.entry import AuditEntry, Kind
from dagwarden.errors import Tampered
from dagwarden.handlers.offer import offered_push_id
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import NOTHING_TO_RESTORE
from dagwarden.ledger.verify import list_bucket, verify_chain
from dagwarden.names import PushId, ReleaseNumber, parse_inbox_object, release_object
from dagwarden.policy.verdict import Outcome
from localcloud.calls import Fault
from tests.scenarios.contract.checks import check_contract, check_instances, check_pushes
from tests.scenarios.contract.pipeline import AGENTS, Pipeline, Plant
from tests.scenarios.gate.desk import POLICY

A = "dags/a.py"


@pytest.fixture
def pipeline(plant: Plant) -> Iterator[Pipeline]:
    """A pipeline with release 1 live everywhere: `dags/a.py` and `plugins/p.py`."""
    made = Pipeline(plant)
    made.desk.push({A: "n = 1\n", "plugins/p.py": "p = 1\n"}, head="c1")
    made.settle()
    assert made.desk.head() == 1
    check_contract(made, set())
    yield made
    made.admin.forget_faults()
    made.close()


def shown(pipeline: Pipeline) -> list[dict[str, bytes]]:
    """What each instance, and the environment's bucket, shows of release files."""
    trees = []
    for agent in pipeline.agents.values():
        current = agent.root.current
        files = [path for path in current.rglob("*") if path.is_file()]
        trees.append({str(path.relative_to(current)): path.read_bytes() for path in files})
    bucket = pipeline.plant.calm.bucket(pipeline.bucket)
    trees.append({name: bucket.read(name) for name in list_bucket(pipeline.plant.calm, pipeline.bucket)})
    return trees


def forge_release(pipeline: Pipeline, number: int, content: bytes) -> None:
    """Somebody who may write the ledger puts a release there that the gate did not sign."""
    name = release_object(pipeline.environment, ReleaseNumber(number))
    pipeline.plant.calm.ledger.write(name, content, generation=None, content_type="application/json")


def test_line_1_nothing_that_no_verdict_allowed_reaches_a_component(pipeline: Pipeline) -> None:
    before = shown(pipeline)
    desk = pipeline.desk
    desk.push({A: "n = 2\n"}, base="c1", is_signed=False)
    desk.push({A: "n = = 2\n"}, base="c1")
    desk.push({A: "n = 2\n"}, base="c0")
    desk.put_push(PushId("0" * 64), b"rubbish")
    desk.push({A: "n = 2\n"}, base="c1", dry_run=True)
    pipeline.settle()
    assert shown(pipeline) == before
    signed = desk.releases()[0].envelope
    forge_release(pipeline, 2, signed.replace(b'"sig":"', b'"sig":"AAAA'))
    pipeline.collect()
    for delivery in pipeline.pending:
        pipeline.deliver(delivery)
    for component in AGENTS:
        with pytest.raises(Tampered):
            pipeline.agents[component].reconcile()
    assert shown(pipeline) == before
    assert desk.audit(Kind.HISTORY_TAMPERED)


def test_line_2_a_component_sees_whole_releases_in_order(pipeline: Pipeline) -> None:
    """That a task keeps the release it was scheduled from is shown in tests/scenarios/agent/test_bundle.py."""
    for number in range(2, 8):
        files = {f"dags/f{other}.py": f"n = {number}\n" for other in range(12)}
        pipeline.desk.push({A: f"n = {number}\n", **files}, base=f"c{number - 1}", head=f"c{number}")
    while any(delivery.taker not in AGENTS for delivery in pipeline.pending) or pipeline.collect():
        delivery = pipeline.pending.pop(0)
        if delivery.taker in AGENTS or not pipeline.deliver(delivery):
            pipeline.pending.append(delivery)
    notices = [delivery for delivery in pipeline.pending if delivery.taker in AGENTS]
    assert len(notices) >= 3 * 6
    outage = Fault(service="storage", action="fail", method="objects.download", times=2)
    for place, delivery in enumerate(reversed(notices)):
        pipeline.deliver(delivery, outage if place % 2 else None)
        pipeline.deliver(delivery)
    pipeline.settle()
    check_instances(pipeline)
    assert pipeline.desk.head() == 7


def test_line_3_one_verdict_and_one_release_for_each_push(pipeline: Pipeline) -> None:
    events = [
        pipeline.desk.push({A: "n = 2\n"}, base="c1", head="c2"),
        pipeline.desk.push({A: "n = 3\n"}, base="c2", head="c3"),
        pipeline.desk.push({"dags/b.py": "n = 1\n"}, source="other", head="o1"),
        pipeline.desk.push({"dags/b.py": "n = 2\n"}, source="other", base="nowhere"),
        pipeline.desk.drop("dags/d.py", "n = 1\n"),
    ]
    pipeline.collect()
    pending, pipeline.pending = pipeline.pending, []
    crash_like = Fault(service="storage", action="drop_after", method="objects.insert", nth=3, times=4)
    for delivery in [*reversed(pending), *pending, *pending]:
        pipeline.deliver(delivery, crash_like)
        pipeline.restart_functions()
        pipeline.deliver(delivery)
    pipeline.settle()
    named = [parse_inbox_object(event.name) for event in events]
    pushes = {offered_push_id(event, name) for event, name in zip(events, named, strict=True) if name is not None}
    assert len(pushes) == len(events)
    check_pushes(pipeline, pushes)
    check_contract(pipeline, pushes)


@pytest.mark.parametrize("service", ["storage", "logging", "iam"])
def test_line_4_when_anything_fails_the_last_good_release_stays_live(pipeline: Pipeline, service: str) -> None:
    before = shown(pipeline)
    pipeline.desk.push({A: "n = 2\n"}, base="c1", head="c2")
    pipeline.desk.push({A: "n = = 3\n"}, base="c1", head="c3")
    pipeline.collect()
    outage = Fault(service=service, action="fail", times=100_000)  # type: ignore[arg-type]
    for delivery in [delivery for delivery in pipeline.pending if delivery.taker not in AGENTS]:
        pipeline.deliver(delivery, outage)
    assert (shown(pipeline), pipeline.desk.head()) == (before, 1)
    pipeline.settle()
    assert pipeline.desk.head() == 2
    check_contract(pipeline, set())


def test_line_5_history_cannot_be_rewritten_unseen(pipeline: Pipeline) -> None:
    desk, calm = pipeline.desk, pipeline.plant.calm
    desk.push({A: "n = 2\n"}, base="c1", head="c2")
    pipeline.settle()
    first, second = desk.releases()
    assert first.release.restore == NOTHING_TO_RESTORE
    assert second.release.parent == first.digest
    before = shown(pipeline)
    forge_release(pipeline, 2, first.envelope)  # truly signed, but another release
    pipeline.restart_functions()
    desk.push({A: "n = 3\n"}, base="c2", head="c3")
    pipeline.collect()
    for delivery in pipeline.pending:
        acknowledged = pipeline.deliver(delivery)
        assert not (delivery.taker == "gate" and acknowledged), "the gate builds on a history that does not hold"
    for component in AGENTS:
        with pytest.raises(Tampered):
            pipeline.agents[component].reconcile()
    assert shown(pipeline) == before
    assert desk.audit(Kind.HISTORY_TAMPERED)
    chain = verify_chain(calm, Ledger(calm), pipeline.environment)
    assert chain.head is None
    forge_release(pipeline, 2, second.envelope)  # put back what was there: the push was not lost
    pipeline.refused.clear()
    pipeline.settle()
    assert desk.head() == 3


def test_line_6_nothing_takes_effect_before_its_audit_entry(pipeline: Pipeline) -> None:
    before = shown(pipeline)
    pipeline.desk.push({A: "n = 2\n"}, base="c1", head="c2")
    pipeline.intrude(A, b"strange = 1\n")
    strange = shown(pipeline)
    pipeline.collect()
    silent = Fault(service="logging", action="fail", method="entries.write", times=100_000)
    for delivery in [delivery for delivery in pipeline.pending if delivery.taker != "record"]:
        pipeline.deliver(delivery, silent)
    assert (pipeline.desk.head(), len(pipeline.desk.verdicts())) == (1, 1)
    assert shown(pipeline) == strange
    assert strange[:-1] == before[:-1]
    pipeline.settle()
    check_contract(pipeline, set())


def test_line_7_dag_code_runs_nowhere_in_the_pipeline(pipeline: Pipeline, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f"import pathlib\n\npathlib.Path({str(marker)!r}).touch()\n"
    pipeline.desk.push({A: text, "plugins/p.py": text, "dags/__init__.py": text}, base="c1", head="c2")
    pipeline.desk.push({A: text + "x = = 1\n"}, base="c2", head="c3")
    pipeline.desk.drop("dags/sitecustomize.py", text)
    pipeline.settle()
    assert {str(verdict.outcome) for verdict in pipeline.desk.verdicts().values()} == {"allowed", "denied"}
    assert pipeline.desk.tree()[A] == text
    assert not marker.exists()


def test_line_8_what_is_changed_behind_its_back_is_noticed_reported_and_put_back(pipeline: Pipeline) -> None:
    before = shown(pipeline)
    pipeline.intrude(A, b"strange = 1\n")
    pipeline.intrude("plugins/p.py", None)
    pipeline.intrude("dags/strange.py", b"strange = 1\n")
    pipeline.settle()
    assert shown(pipeline) == before
    found = {entry.what.resource.partition("#")[0].rpartition(f"{pipeline.bucket}/")[2] for entry in _drifts(pipeline)}
    assert found == {A, "plugins/p.py", "dags/strange.py"}
    healed = {
        entry.what.resource.partition("#")[0].rpartition(f"{pipeline.bucket}/")[2]
        for entry in pipeline.desk.audit(Kind.DRIFT_HEALED)
    }
    assert healed == found


def _drifts(pipeline: Pipeline) -> list[AuditEntry]:
    return pipeline.desk.audit(Kind.DRIFT_DETECTED)


def test_line_8_where_policy_says_report_it_is_left_and_on_record(pipeline: Pipeline) -> None:
    policy = POLICY + "drift:\n  changed_files: report\n  unknown_files: report\n"
    pipeline.desk.write_policy(policy.format(project=pipeline.cloud.settings.project))
    pipeline.intrude(A, b"strange = 1\n")
    pipeline.settle()
    assert shown(pipeline)[-1][A] == b"strange = 1\n"
    assert _drifts(pipeline)
    assert not pipeline.desk.audit(Kind.DRIFT_HEALED)
    assert Outcome.ALLOWED in {verdict.outcome for verdict in pipeline.desk.verdicts().values()}
