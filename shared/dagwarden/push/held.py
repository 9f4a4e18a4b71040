"""Pushes that wait for approvals: which they are, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwarden.names import EnvironmentName, PushId, held_prefix, verdict_object
from dagwarden.policy.verdict import Verdict
from dagwarden.push.submit import find_held

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud


def list_held(cloud: Cloud, environment: EnvironmentName) -> Iterator[PushId]:
    """All that was ever held, whatever became of it."""
    prefix = held_prefix(environment)
    return (PushId(info.name.removeprefix(prefix).removesuffix(".json")) for info in cloud.store.list(prefix))


def list_waiting(cloud: Cloud, environment: EnvironmentName) -> Iterator[Verdict]:
    """Every push that was held and has no verdict yet, as it was held first."""
    for push_id in list_held(cloud, environment):
        if cloud.store.stat(verdict_object(environment, push_id)) is None:
            held = find_held(cloud, environment, push_id)
            if held is not None:
                yield held


def find_end(held: Verdict) -> dt.datetime | None:
    """When a held push has waited too long: once one approval of those it waits for comes too late.

    Returns:
        None when it does not tell.
    """
    return min((wait.until for wait in held.waits), default=None)
