"""Stages of a push: without a gap, from the moments that verdict, ledger and receipts tell."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from tests.benchmarks.timeline import STAGES, Push, instance_ms, is_noticed, slowest, split, total_ms

from dagwarden.names import Digest, EnvironmentName, PushId, ReleaseNumber
from dagwarden.policy.verdict import Outcome, Principal, Verdict
from dagwarden.sync.notice import Receipt, ReceiptOutcome

BEGUN = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)
PROD = EnvironmentName("prod")


def at(ms: float) -> dt.datetime:
    return BEGUN + dt.timedelta(milliseconds=ms)


def make_receipt(instance: str, noticed_ms: float, visible_ms: float) -> Receipt:
    return Receipt(
        environment=PROD,
        component="worker",
        instance=instance,
        outcome=ReceiptOutcome.APPLIED,
        release=ReleaseNumber(2),
        digest=Digest("a" * 64),
        tree=Digest("b" * 64),
        at=at(visible_ms),
        visible_at=at(visible_ms),
        pushed_at=at(5),
        noticed_at=at(noticed_ms),
        stages_ms={"notice": 10.0, "read": 4.0},
    )


PUSH = Push(
    begun_at=BEGUN,
    verdict=Verdict(
        push_id=PushId("c" * 64),
        environment=PROD,
        outcome=Outcome.ALLOWED,
        principal=Principal(name="ada"),
        decided_at=at(22),
        stages_ms={"read": 3.0, "lint": 2.0, "head": 1.5, "decide": 0.5, "audit": 2.0, "commit": 9.0},
    ),
    committed_at=at(33),
    receipts=(make_receipt("worker-1", 50, 70), make_receipt("worker-2", 55, 90)),
)


def test_the_slowest_instance_makes_the_whole() -> None:
    assert slowest(PUSH).instance == "worker-2"
    assert total_ms(PUSH) == 90.0
    assert instance_ms(PUSH) == {"worker-1": 70.0, "worker-2": 90.0}


def test_a_look_that_was_quicker_than_the_notice_has_no_stages() -> None:
    looked = msgspec.structs.replace(PUSH.receipts[1], noticed_at=None, stages_ms={"read": 4.0})
    assert is_noticed(PUSH)
    assert not is_noticed(msgspec.structs.replace(PUSH, receipts=(PUSH.receipts[0], looked)))


def test_each_stage_ends_where_the_next_begins() -> None:
    assert split(PUSH) == pytest.approx(
        {"upload": 5.0, "event": 10.0, "gate": 18.0, "notice": 12.0, "delivery": 10.0, "apply": 35.0}
    )
    assert sum(split(PUSH).values()) == pytest.approx(total_ms(PUSH))
    assert tuple(split(PUSH)) == STAGES
