"""Held pushes that waited too long: on a schedule, the gate decides them again, and says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagwarden.cloud.identity import utc_now
from dagwarden.errors import DagwardenError, InvalidInput, Transient
from dagwarden.handlers.approvals import make_push_event
from dagwarden.names import EnvironmentName, PushId
from dagwarden.push.held import find_end, find_newest_held, list_held

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.events.messages import PubsubEvent
    from dagwarden.handlers.gate import Gate

ENVIRONMENT = "environment"
"""Attribute of a schedule's message that names the one environment to look at; without it, all are."""


class HeldPushes:
    """Takes the messages of the schedule. What it keeps in memory only spares questions."""

    def __init__(self, cloud: Cloud, gate: Gate, *, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._cloud = cloud
        self._gate = gate
        self._now = now
        self._settled: set[tuple[EnvironmentName, PushId]] = set()

    def take(self, message: PubsubEvent) -> None:
        """Every held push whose time is up was decided again, as at an approval, by the policy in force.

        So one that was approved in time is released although nobody told the gate, and all others are denied. One that
        cannot be decided now does not keep the next from being.

        Raises:
            InvalidInput: the message names an environment that is none.
            Transient: some could not be decided: deliver the message again.
            AccessDenied: a grant is missing: the same.
        """
        wanted = message.attributes.get(ENVIRONMENT, "")
        environments = [EnvironmentName(name) for name in self._cloud.store.list_folders() if wanted in ("", name)]
        if wanted and not environments:
            raise InvalidInput("there is no such environment", operation="look at held pushes", subject=wanted)
        faults = [fault for each in environments for fault in self._look(each, message.message_id)]
        if faults:
            raise next((fault for fault in faults if isinstance(fault, Transient)), faults[0])

    def _look(self, environment: EnvironmentName, message_id: str) -> list[DagwardenError]:
        faults: list[DagwardenError] = []
        for push_id in list_held(self._cloud, environment):
            if (environment, push_id) in self._settled:
                continue
            try:
                if not self._waits(environment, push_id):
                    self._settle(environment, push_id, message_id)
            except DagwardenError as error:
                faults.append(error)
        return faults

    def _waits(self, environment: EnvironmentName, push_id: PushId) -> bool:
        """Whether it still may be approved, as far as was found last."""
        held = find_newest_held(self._cloud, environment, push_id)
        end = None if held is None else find_end(held)
        return end is not None and self._now() < end

    def _settle(self, environment: EnvironmentName, push_id: PushId, message_id: str) -> None:
        event = make_push_event(self._cloud, environment, push_id, message_id)
        verdict = None if event is None else self._gate.handle(event)
        if event is None or (verdict is not None and not verdict.is_waiting):
            self._settled.add((environment, push_id))
