"""What is recorded of an event that meant nothing to a function."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from dagwarden.audit.entry import Kind
from dagwarden.audit.query import AuditQuery, read_entries
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import InvalidInput
from dagwarden.events.messages import MESSAGE_PUBLISHED
from dagwarden.handlers.boundary import boundary

AT = "2026-11-22T20:00:00Z"
CONTEXT = {"id": "1", "source": "//pubsub.googleapis.com/projects/p/topics/t", "type": MESSAGE_PUBLISHED, "time": AT}


class Event:
    """A message as functions-framework hands it over."""

    def __init__(self, data: object) -> None:
        self.data = data

    def get_attributes(self) -> Mapping[str, str]:
        return CONTEXT


def message(**attributes: str) -> dict[str, Any]:
    """The data of a published message."""
    return {"message": {"data": base64.b64encode(b"?").decode(), "messageId": "1", "attributes": attributes}}


@pytest.mark.parametrize(
    ("data", "environment"),
    [
        (message(environment="prod"), "prod"),
        (message(environment="No Such"), ""),
        (message(), ""),
        (b"{", ""),
        (None, ""),
    ],
)
def test_a_refused_message_is_recorded_under_the_environment_it_names(
    cloud: Cloud, data: object, environment: str
) -> None:
    @boundary("record", lambda: cloud)
    def refuse(attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
        raise InvalidInput("it means nothing")

    refuse(Event(data))
    [entry] = read_entries(cloud.audit_log, AuditQuery(kind=Kind.EVENT_REFUSED))
    assert entry.environment == environment
