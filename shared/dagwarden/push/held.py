"""Pushes that wait for approvals: which they are, for what, and until when."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwarden.names import EnvironmentName, PushId, held_object, held_prefix, verdict_object
from dagwarden.policy.verdict import Verdict
from dagwarden.wire import decode, encode

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud


def list_held(cloud: Cloud, environment: EnvironmentName) -> Iterator[PushId]:
    """All that was ever held, whatever became of it."""
    prefix = held_prefix(environment)
    names = (info.name.removeprefix(prefix) for info in cloud.store.list(prefix))
    return (PushId(push_id) for push_id, _ in itertools.groupby(name.partition("/")[0] for name in names))


def list_waiting(cloud: Cloud, environment: EnvironmentName) -> Iterator[Verdict]:
    """Every push that was held and has no verdict yet, as it was found last."""
    for push_id in list_held(cloud, environment):
        if cloud.store.stat(verdict_object(environment, push_id)) is None:
            held = find_newest_held(cloud, environment, push_id)
            if held is not None:
                yield held


def find_newest_held(cloud: Cloud, environment: EnvironmentName, push_id: PushId) -> Verdict | None:
    """What a held push waited for when the gate looked last; None when it was never held."""
    names = _list_steps(cloud, environment, push_id)
    return decode(Verdict, cloud.store.read(names[-1]), subject=names[-1]) if names else None


def note_held(cloud: Cloud, held: Verdict, *, attempt: str) -> None:
    """The newest that the store says of a held push is what it waits for now; nothing is written twice in a row."""
    environment, push_id = held.environment, held.push_id
    for step in itertools.count(len(_list_steps(cloud, environment, push_id))):
        newest = find_newest_held(cloud, environment, push_id)
        if newest is not None and _waits_alike(newest, held):
            return
        name = held_object(environment, push_id, step)
        if cloud.store.create(name, encode(held), attempt=attempt, content_type="application/json").is_ours:
            return


def _list_steps(cloud: Cloud, environment: EnvironmentName, push_id: PushId) -> list[str]:
    return sorted(info.name for info in cloud.store.list(f"{held_prefix(environment)}{push_id}/"))


def _waits_alike(one: Verdict, other: Verdict) -> bool:
    return (one.waits, one.approved_by, one.policy_digest, one.findings) == (
        other.waits,
        other.approved_by,
        other.policy_digest,
        other.findings,
    )


def find_end(held: Verdict) -> dt.datetime | None:
    """When a held push has waited too long: once one approval of those it waits for comes too late.

    Returns:
        None when it does not tell.
    """
    return min((wait.until for wait in held.waits), default=None)
