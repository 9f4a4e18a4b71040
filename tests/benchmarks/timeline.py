"""What one push went through, as stages that follow each other without a gap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from dagwarden.policy.verdict import Verdict
from dagwarden.sync.notice import Receipt

STAGES = ("upload", "event", "gate", "notice", "delivery", "apply")
"""In order; they add up to the whole."""

BEFORE_DECISION = ("read", "lint", "head", "imports", "decide")
"""Stages of the gate before `decided_at`."""

GATE_STAGES = (*BEFORE_DECISION, "claim", "audit", "commit")
APPLY_STAGES = ("read", "delta", "apply", "flip")


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Everything told of one push. All times are of one machine's clock."""

    begun_at: dt.datetime
    """The pusher began to pack."""
    verdict: Verdict
    committed_at: dt.datetime
    """The release lay in the ledger, as Cloud Storage has it."""
    receipts: tuple[Receipt, ...]
    """The agents' receipts of `applied`."""


def slowest(push: Push) -> Receipt:
    """The receipt of the instance that showed the release last."""
    return max(push.receipts, key=lambda receipt: _known(receipt.visible_at))


def total_ms(push: Push) -> float:
    """From the pusher's first step to visible on every instance."""
    return _ms(push.begun_at, _known(slowest(push).visible_at))


def instance_ms(push: Push) -> dict[str, float]:
    """The same by instance."""
    return {receipt.instance: _ms(push.begun_at, _known(receipt.visible_at)) for receipt in push.receipts}


def is_noticed(push: Push) -> bool:
    """Whether a notice brought the release to the slowest instance: now and then its regular look is first."""
    return slowest(push).noticed_at is not None


def split(push: Push) -> dict[str, float]:
    """Milliseconds of each of STAGES on the way to the slowest instance; their sum is `total_ms`."""
    last = slowest(push)
    moments = (
        push.begun_at,
        _known(last.pushed_at),
        gate_begun_at(push.verdict),
        push.committed_at,
        published_at(last),
        _known(last.noticed_at),
        _known(last.visible_at),
    )
    return dict(zip(STAGES, map(_ms, moments, moments[1:]), strict=False))


def gate_begun_at(verdict: Verdict) -> dt.datetime:
    """When the gate began to read the push: the decision's time less what its stages before that took."""
    spent_ms = sum(verdict.stages_ms.get(stage, 0.0) for stage in BEFORE_DECISION)
    return verdict.decided_at - dt.timedelta(milliseconds=spent_ms)


def published_at(receipt: Receipt) -> dt.datetime:
    """When the notice that made this receipt was published: its arrival less how long it was on its way."""
    return _known(receipt.noticed_at) - dt.timedelta(milliseconds=receipt.stages_ms["notice"])


def collect(dicts: Sequence[dict[str, float]], name: str) -> list[float]:
    """One entry of each dict; what is absent took no time."""
    return [each.get(name, 0.0) for each in dicts]


def _ms(begin: dt.datetime, end: dt.datetime) -> float:
    return (end - begin).total_seconds() * 1000


def _known(moment: dt.datetime | None) -> dt.datetime:
    if moment is None:
        raise ValueError("a receipt of an applied release lacks one of its times")
    return moment
