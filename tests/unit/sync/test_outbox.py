"""outbox: receipts go out in order, survive outages and processes, and never pile up without end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from dagwarden.names import NO_PARENT, ReleaseNumber
from dagwarden.sync import outbox as module
from dagwarden.sync.notice import Receipt, ReceiptOutcome
from dagwarden.sync.outbox import Outbox
from tests.unit.sync.memory import NOW, PROD, MemoryTopics

if TYPE_CHECKING:
    from dagwarden.cloud.topics import Topics

RECEIPT = Receipt(
    environment=PROD,
    component="worker",
    instance="one",
    outcome=ReceiptOutcome.RUNNING,
    release=ReleaseNumber(1),
    digest=NO_PARENT,
    tree=NO_PARENT,
    at=NOW,
)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def make(folder: Path, topics: MemoryTopics, heard: list[tuple[int, str]] | None = None) -> Outbox:
    def hear(waiting: int, why: str) -> None:
        if heard is not None:
            heard.append((waiting, why))

    return Outbox(folder, "receipts", lambda: cast("Topics", topics), hear)


def test_receipts_go_out_in_order_with_their_attributes(tmp_path: Path) -> None:
    topics = MemoryTopics()
    outbox = make(tmp_path, topics)
    for number in range(1, 6):
        outbox.put(msgspec.structs.replace(RECEIPT, release=ReleaseNumber(number)))
    outbox.start()
    wait_for(lambda: not outbox.waiting())
    outbox.stop(5.0)
    assert [receipt.release for receipt in topics.receipts()] == [1, 2, 3, 4, 5]
    topic, message = topics.published[0]
    assert topic == "receipts"
    assert message.attributes == {
        "environment": "prod",
        "component": "worker",
        "instance": "one",
        "outcome": "running",
    }


def test_what_could_not_be_sent_is_sent_by_the_next_process(tmp_path: Path) -> None:
    topics, heard = MemoryTopics(), list[tuple[int, str]]()
    topics.is_down = True
    first = make(tmp_path, topics, heard)
    first.start()
    first.put(RECEIPT)
    wait_for(lambda: any(waiting for waiting, _ in heard))
    assert heard[-1][0] == 1
    first.stop(5.0)
    assert "down" in heard[-1][1]
    assert len(first.waiting()) == 1
    topics.is_down = False
    second = make(tmp_path, topics)
    second.start()
    wait_for(lambda: not second.waiting())
    second.stop(5.0)
    assert topics.receipts() == [RECEIPT]


def test_a_torn_receipt_holds_nothing_up(tmp_path: Path) -> None:
    topics = MemoryTopics()
    (tmp_path / "0.json").write_bytes(b'{"environ')
    outbox = make(tmp_path, topics)
    outbox.put(RECEIPT)
    outbox.start()
    wait_for(lambda: not outbox.waiting())
    outbox.stop(5.0)
    assert topics.receipts() == [RECEIPT]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    topics = MemoryTopics()
    outbox = make(tmp_path, topics)
    for number in range(module.MOST_KEPT + 3):
        outbox.put(msgspec.structs.replace(RECEIPT, release=ReleaseNumber(number)))
    outbox.start()
    wait_for(lambda: not outbox.waiting())
    outbox.stop(5.0)
    assert topics.receipts()[0].release == 3


def test_a_full_disk_loses_a_receipt_and_nothing_else(tmp_path: Path) -> None:
    outbox = make(tmp_path / "not" / "there", MemoryTopics())
    outbox.put(RECEIPT)
    assert not outbox.waiting()
