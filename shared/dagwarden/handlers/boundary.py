"""Stands between functions-framework and a handler: errors become redelivery, or a record and an acknowledgement."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from dagwarden.errors import AccessDenied, InvalidInput, Permanent

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud


class CloudEvent(Protocol):
    """What is used of an event as functions-framework hands it over."""

    data: object

    def get_attributes(self) -> Mapping[str, str]:
        """The context attributes."""


Handle = Callable[[Mapping[str, str], object, "Cloud"], None]


def boundary(function: str, make_cloud: Callable[[], Cloud]) -> Callable[[Handle], Callable[[CloudEvent], None]]:
    """Turns a handler of (attributes, data, cloud) into a function of a CloudEvent.

    - It returns: the event is acknowledged.
    - It raises `Permanent`: audit entry `event.refused` says why, and the event is acknowledged. When that entry cannot
      be written the error is raised instead, and the event comes again.
    - It raises `AccessDenied`, although that is permanent: raised. A grant takes a minute and more to be in force and
      may yet be made, so the event comes again, and lands among the dead letters in the end, rather than being lost.
    - It raises anything else: raised, so functions-framework answers 500 and the event comes again.
    - The settings are wrong: raised, for no event is to blame.

    Source: cloud.google.com/storage/docs/consistency: IAM grants usually take about a minute.

    Args:
        function: the function's name in audit entries.
        make_cloud: makes the clients, cached; called with the first event, not at import (functions fork after it).
    """

    def decorate(handle: Handle) -> Callable[[CloudEvent], None]:
        @functools.wraps(handle)
        def take(event: CloudEvent) -> None:
            cloud = make_cloud()
            attributes = dict(event.get_attributes())
            try:
                handle(attributes, event.data, cloud)
            except AccessDenied:
                raise
            except Permanent as error:
                _record(error, function, attributes, event.data, cloud)

        return take

    return decorate


def _record(error: Permanent, function: str, attributes: Mapping[str, str], data: object, cloud: Cloud) -> None:
    from dagwarden.audit.entries import event_refused
    from dagwarden.audit.write import AuditWriter

    at, environment = _read_time(attributes), _find_environment(attributes, data)
    entry = event_refused(error, function=function, attributes=attributes, at=at, environment=environment)
    AuditWriter(cloud).write(entry)


def _read_time(attributes: Mapping[str, str]) -> dt.datetime:
    from dagwarden.cloud.identity import utc_now
    from dagwarden.events.messages import read_time

    try:
        return read_time(attributes).astimezone(dt.UTC)
    except (InvalidInput, OverflowError):
        return utc_now()


def _find_environment(attributes: Mapping[str, str], data: object) -> str:
    """The environment a Pub/Sub message says it is of; empty where there is no message, or it says none."""
    from dagwarden.events.messages import read_pubsub_event
    from dagwarden.names import parse_environment

    try:
        return parse_environment(read_pubsub_event(attributes, data).attributes.get("environment", ""))
    except InvalidInput:
        return ""
