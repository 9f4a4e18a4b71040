"""agent: what it does on notices in any order, far behind, on a forged chain, on damage; what it says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagwarden.cloud.topics import Incoming
from dagwarden.errors import Tampered, Unavailable
from dagwarden.names import Component, ReleaseNumber, delta_object
from dagwarden.sync.notice import Notice, ReceiptOutcome
from dagwarden.wire import decode, encode
from tests.unit.sync.bench import Bench
from tests.unit.sync.memory import NOW, PROD, Chain, MemoryCloud


@pytest.fixture
def chain() -> Chain:
    return Chain(MemoryCloud(keep_trees=2, keep_trees_s=0.0))


@pytest.fixture
def bench(tmp_path: Path, chain: Chain) -> Iterator[Bench]:
    bench = Bench(tmp_path / "root", chain)
    bench.agent.open()
    yield bench
    bench.agent.close()


def test_before_the_first_release_there_are_empty_folders(bench: Bench) -> None:
    bench.agent.reconcile()
    assert bench.number() == 0
    assert (bench.root.current / "dags").is_dir()
    assert [receipt.outcome for receipt in bench.receipts()] == [ReceiptOutcome.RUNNING]


def test_the_next_release_costs_two_reads(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1", "dags/b.py": b"b"})
    bench.agent.reconcile()
    bench.agent.tidy()
    bench.reads()
    bench.chain.release({"dags/a.py": b"2"})
    assert bench.agent.take_notice(bench.chain.notice())
    assert bench.shown() == {"dags/a.py": b"2", "dags/b.py": b"b"}
    assert len(bench.reads()) == 2


def test_notices_doubled_late_and_out_of_order_end_at_the_newest(bench: Bench) -> None:
    for number in range(1, 5):
        bench.chain.release({"dags/a.py": b"%d" % number, f"dags/n{number}.py": b"n"})
    for number in (3, 1, 3, 4, 2, 4):
        assert bench.agent.take_notice(bench.chain.notice(number))
    assert bench.number() == 4
    assert bench.shown()["dags/a.py"] == b"4"
    assert [receipt.outcome for receipt in bench.receipts()] == [ReceiptOutcome.APPLIED]


def test_a_notice_of_a_release_that_is_not_there_changes_nothing(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    assert bench.agent.take_notice(bench.chain.notice(2))
    assert bench.agent.take_notice(bench.chain.notice(77))
    assert bench.number() == 1
    assert not [receipt for receipt in bench.receipts() if receipt.outcome is ReceiptOutcome.FAILED]


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", encode({"environment": 1})])
def test_a_message_that_is_no_notice_is_let_go(bench: Bench, data: bytes) -> None:
    incoming = Incoming(id="1", data=data, attributes={}, published_at=NOW, delivery_attempt=None)
    assert bench.agent.take_notice(incoming)
    assert "WARNING notice ignored" in bench.lines[0]


def test_a_notice_for_another_environment_is_let_go(bench: Bench) -> None:
    notice = msgspec.structs.replace(decode(Notice, bench.chain.notice(1).data), environment="staging")
    incoming = Incoming(id="1", data=encode(notice), attributes={}, published_at=NOW, delivery_attempt=None)
    assert bench.agent.take_notice(incoming)
    assert not bench.reads()


def test_several_releases_behind_it_brings_the_deltas_between(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1", "dags/gone.py": b"x"})
    bench.agent.reconcile()
    bench.reads()
    bench.chain.release({"dags/a.py": b"2", "dags/b.py": b"b"})
    bench.chain.release({}, ("dags/gone.py",))
    bench.chain.release({"dags/a.py": b"4"}, ("dags/b.py",))
    bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"4"}
    assert len(bench.reads()) == 3
    assert bench.root.names()[-1].startswith("0000000004-")
    assert len(bench.root.names()) == 2


def test_far_behind_it_starts_from_the_snapshot(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1", "dags/keep.py": b"k"})
    bench.agent.reconcile()
    bench.chain.release({"dags/a.py": b"2"})
    bench.chain.release({"dags/a.py": b"3"})
    bench.chain.snapshot()
    bench.chain.release({"dags/a.py": b"4"})
    bench.reads()
    bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"4", "dags/keep.py": b"k"}
    assert len(bench.reads()) == 4  # head, what is held, snapshot, delta


def test_a_first_start_with_a_snapshot_costs_three_reads(bench: Bench) -> None:
    for number in range(5):
        bench.chain.release({"dags/a.py": b"%d" % number, f"dags/{number}.py": b"x"})
    bench.chain.snapshot()
    bench.chain.release({"dags/a.py": b"6"})
    bench.reads()
    bench.agent.reconcile()
    assert len(bench.shown()) == 6
    assert len(bench.reads()) == 3


def test_another_history_under_the_same_numbers_is_refused(tmp_path: Path, bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    other = Chain(MemoryCloud())
    other.release({"dags/a.py": b"other 1"})
    bench.chain.forge(2, other.release({"dags/a.py": b"evil"}))
    bench.chain.memory.store.objects.update(other.memory.store.objects)
    assert not bench.agent.take_notice(bench.chain.notice(2))
    with pytest.raises(Tampered):
        bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"1"}
    failed = bench.receipts()[-1]
    assert failed.outcome is ReceiptOutcome.FAILED
    assert failed.release == 1
    assert "release 1" in failed.error
    assert any(line.startswith("ERROR not applied") for line in bench.lines)


def test_another_release_under_the_number_held_is_refused(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    bench.chain.forge(1, Chain(MemoryCloud()).release({"dags/a.py": b"evil"}))
    with pytest.raises(Tampered):
        bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"1"}


def test_a_far_newer_history_without_what_is_held_is_refused(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    other = Chain(MemoryCloud())
    for number in range(3):
        other.release({"dags/a.py": b"evil %d" % number})
    other.snapshot()
    other.release({"dags/a.py": b"evil"})
    bench.chain.memory.ledger.objects = other.memory.ledger.objects
    bench.chain.memory.store.objects = other.memory.store.objects
    with pytest.raises(Tampered):
        bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"1"}


def test_a_ledger_that_lost_what_runs_here_is_told_and_changes_nothing(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    bench.chain.memory.ledger.objects.clear()
    with pytest.raises(Tampered, match="is gone from the ledger"):
        bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"1"}


def test_a_release_the_gate_did_not_sign_is_refused(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    signed = bench.chain.release({"dags/a.py": b"2"})
    torn = signed.envelope.replace(b'"sig":"', b'"sig":"AAAA')
    bench.chain.forge(2, msgspec.structs.replace(signed, envelope=torn))
    assert not bench.agent.take_notice(bench.chain.notice(2))
    assert bench.shown() == {"dags/a.py": b"1"}


def test_a_delta_with_other_bytes_is_refused_and_the_right_one_applied_later(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    signed = bench.chain.release({"dags/a.py": b"2"})
    assert signed.release.delta is not None
    name = delta_object(PROD, signed.release.delta)
    right = bench.chain.memory.store.objects[name]
    bench.chain.memory.store.objects[name] = (right[0][:-1], {})
    assert not bench.agent.take_notice(bench.chain.notice(2))
    assert bench.shown() == {"dags/a.py": b"1"}
    bench.chain.memory.store.objects[name] = right
    bench.agent.reconcile()
    assert bench.shown() == {"dags/a.py": b"2"}


def test_an_unreachable_ledger_leaves_the_tree_and_a_receipt(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    bench.chain.release({"dags/a.py": b"2"})
    bench.chain.memory.ledger.is_down = True
    assert not bench.agent.take_notice(bench.chain.notice(2))
    with pytest.raises(Unavailable):
        bench.agent.reconcile()
    failed = bench.receipts()[-2]
    assert (failed.outcome, failed.release, failed.wanted) == (ReceiptOutcome.FAILED, 1, 2)
    bench.chain.memory.ledger.is_down = False
    bench.agent.reconcile()
    assert bench.number() == 2


def test_the_receipt_of_an_apply_tells_all_times(bench: Bench) -> None:
    signed = bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    bench.chain.release({"dags/a.py": b"2"})
    bench.agent.take_notice(bench.chain.notice())
    receipt = bench.receipts()[-1]
    assert receipt.outcome is ReceiptOutcome.APPLIED
    assert (receipt.environment, receipt.component, receipt.instance) == (PROD, "worker", "one")
    assert (receipt.release, receipt.digest) == (2, bench.chain.state.digest)
    assert receipt.tree == bench.chain.state.tree
    assert set(receipt.stages_ms) == {"notice", "read", "delta", "apply", "flip"}
    assert receipt.stages_ms["notice"] == 20.0
    assert (receipt.visible_at, receipt.noticed_at, receipt.pushed_at, receipt.committed_at) == (NOW, NOW, NOW, NOW)
    assert receipt.push_id != signed.release.push_id
    assert receipt.version


def test_a_web_server_gets_plugins_only_and_checks_the_whole_release(tmp_path: Path, chain: Chain) -> None:
    bench = Bench(tmp_path / "web", chain, Component.WEBSERVER)
    bench.agent.open()
    chain.release({"dags/a.py": b"1", "plugins/p.py": b"p"})
    bench.agent.reconcile()
    chain.release({"dags/a.py": b"2"})
    bench.agent.take_notice(chain.notice())
    assert bench.shown() == {"plugins/p.py": b"p"}
    assert not (bench.root.current / "dags").exists()
    assert bench.number() == 2
    assert bench.receipts()[-1].tree != chain.state.tree
    bench.agent.close()


def test_other_folders_than_before_make_the_tree_anew(tmp_path: Path, chain: Chain) -> None:
    chain.release({"dags/a.py": b"1", "plugins/p.py": b"p"})
    for component, shown in (
        (Component.WEBSERVER, {"plugins/p.py"}),
        (Component.WORKER, {"dags/a.py", "plugins/p.py"}),
    ):
        bench = Bench(tmp_path / "root", chain, component)
        bench.agent.open()
        bench.agent.reconcile()
        assert set(bench.shown()) == shown
        bench.agent.close()


@pytest.mark.parametrize("reads_bytes", [False, True])
def test_a_damaged_tree_is_made_anew_and_told(bench: Bench, reads_bytes: bool) -> None:
    bench.chain.release({"dags/a.py": b"1", "dags/b.py": b"b"})
    bench.agent.reconcile()
    bench.agent.tidy()
    place = bench.root.current / "dags/a.py"
    stamp = place.stat().st_mtime_ns
    place.chmod(0o644)
    place.write_bytes(b"!")
    place.chmod(0o444)
    if reads_bytes:
        os.utime(place, ns=(stamp, stamp))
    (bench.root.current / "dags/evil.py").write_bytes(b"evil")
    bench.agent.reconcile(reads_bytes=reads_bytes)
    assert bench.shown() == {"dags/a.py": b"1", "dags/b.py": b"b"}
    told = bench.receipts()[-1]
    assert told.outcome is ReceiptOutcome.RUNNING
    assert told.error == "healed: dags/a.py changed, dags/evil.py unknown"
    bench.agent.tidy()
    bench.chain.release({"dags/c.py": b"c"})
    bench.agent.take_notice(bench.chain.notice())
    assert bench.shown() == {"dags/a.py": b"1", "dags/b.py": b"b", "dags/c.py": b"c"}


def test_nothing_is_built_on_a_damaged_tree(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1", "dags/b.py": b"b"})
    bench.agent.reconcile()
    bench.agent.tidy()
    (bench.root.current / "dags/b.py").unlink()
    bench.chain.memory.ledger.is_down = True
    with pytest.raises(Unavailable):
        bench.agent.reconcile()
    bench.chain.memory.ledger.is_down = False
    bench.chain.release({"dags/a.py": b"2"})
    assert bench.agent.take_notice(bench.chain.notice())
    assert bench.shown() == {"dags/a.py": b"2", "dags/b.py": b"b"}


def test_what_python_writes_while_importing_is_no_damage(bench: Bench) -> None:
    bench.chain.release({"dags/a.py": b"1"})
    bench.agent.reconcile()
    (bench.root.current / "dags/__pycache__").mkdir()
    (bench.root.current / "dags/__pycache__/a.cpython-311.pyc").write_bytes(b"x")
    bench.agent.reconcile()
    assert len(bench.root.names()) == 1
    bench.chain.release({"dags/a.py": b"2"})
    bench.agent.take_notice(bench.chain.notice())
    assert bench.shown() == {"dags/a.py": b"2"}


def test_after_a_restart_it_goes_on_from_what_is_there(tmp_path: Path, chain: Chain) -> None:
    chain.release({"dags/a.py": b"1"})
    first = Bench(tmp_path / "root", chain)
    first.agent.open()
    first.agent.reconcile()
    first.agent.close()
    chain.release({"dags/b.py": b"b"})
    again = Bench(tmp_path / "root", chain)
    again.agent.open()
    again.reads()
    again.agent.reconcile()
    assert again.shown() == {"dags/a.py": b"1", "dags/b.py": b"b"}
    assert len(again.reads()) == 2
    again.agent.close()


@pytest.mark.parametrize("what", ["record", "state", "link"])
def test_whatever_is_lost_of_the_roots_memory_is_made_again(tmp_path: Path, chain: Chain, what: str) -> None:
    chain.release({"dags/a.py": b"1"})
    first = Bench(tmp_path / "root", chain)
    first.agent.open()
    first.agent.reconcile()
    first.agent.close()
    lost = {
        "record": next(first.root.trees.glob("*.json")),
        "state": first.root.path / "state.json",
        "link": first.root.current,
    }[what]
    lost.unlink()
    again = Bench(tmp_path / "root", chain)
    again.agent.open()
    again.agent.reconcile()
    assert again.shown() == {"dags/a.py": b"1"}
    state = again.root.state()
    assert state is not None
    assert state.release == 1
    again.agent.close()


def test_old_trees_go_while_tidying_and_a_spare_lies_ready(bench: Bench) -> None:
    for number in range(5):
        bench.chain.release({"dags/a.py": b"%d" % number})
        bench.agent.take_notice(bench.chain.notice())
        bench.agent.tidy()
    assert [ReleaseNumber(int(name[:10])) for name in bench.root.names()] == [3, 4, 5]
    assert [entry.name for entry in bench.root.spares.iterdir()] == [bench.root.current_name()]
    assert not list(bench.root.staging.iterdir())


@pytest.mark.parametrize(
    "path", ["dags/../../etc/x.py", "/dags/a.py", "logs/a.py", "dags", "dags//a.py", "dags/./a.py"]
)
def test_a_signed_release_with_a_path_that_leads_out_is_refused(bench: Bench, path: str) -> None:
    bench.chain.release({path: b"x"})
    with pytest.raises(Tampered, match="holds the path"):
        bench.agent.reconcile()
    assert bench.agent.tree is None
    assert not bench.root.current.exists()
