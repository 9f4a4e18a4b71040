"""What starts the gate: something that happened in the inbox, or a message of the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagwarden.events.messages import MESSAGE_PUBLISHED, read_pubsub_event
from dagwarden.events.objects import read_object_event
from dagwarden.handlers.gate import Gate
from dagwarden.handlers.held import HeldPushes

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud


class GateEvents:
    """Takes the events of the gate. One for each process."""

    def __init__(self, cloud: Cloud) -> None:
        self._gate = Gate(cloud)
        self._held = HeldPushes(cloud, self._gate)

    def take(self, attributes: Mapping[str, str], data: object) -> None:
        """A push is decided; a message of the schedule has held pushes decided whose time is up.

        Raises:
            InvalidInput: the event means nothing here.
            Transient: delivered again, it may go better.
            AccessDenied: a grant is missing: the same.
        """
        if attributes.get("type") == MESSAGE_PUBLISHED:
            self._held.take(read_pubsub_event(attributes, data))
        else:
            self._gate.handle(read_object_event(attributes, data))
