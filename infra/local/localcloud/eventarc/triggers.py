"""Triggers: what they listen to, where they deliver, and which events they match.

Source: cloud.google.com/eventarc/docs/reference/rest/v1/projects.locations.triggers;
cloud.google.com/eventarc/docs/path-patterns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from localcloud.rest import ApiError, object_field, text_field

STORAGE_TYPE = "google.cloud.storage.object.v1."
STORAGE_TYPES = frozenset(STORAGE_TYPE + event for event in ("finalized", "deleted", "archived", "metadataUpdated"))
PUBSUB_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"
AUDIT_TYPE = "google.cloud.audit.log.v1.written"

_ATTRIBUTES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(STORAGE_TYPES, (frozenset({"bucket"}), frozenset())),
    PUBSUB_TYPE: (frozenset(), frozenset()),
    AUDIT_TYPE: (frozenset({"serviceName", "methodName"}), frozenset({"resourceName"})),
}
"""Event type -> the attributes a trigger must filter on, and those it may."""

_TRIGGER_ID = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_WILDCARDS: Mapping[str, str] = {"**": ".*", "*": "[^/]*"}


class Filter(msgspec.Struct, frozen=True):
    """One attribute of an event that must have a value, or fit a path pattern."""

    attribute: str
    value: str
    operator: Literal["", "match-path-pattern"] = ""

    def admits(self, value: str) -> bool:
        """Whether `value` is the one, or fits."""
        if not self.operator:
            return value == self.value
        parts = re.split(r"(\*\*|\*)", self.value.lstrip("/"))
        pattern = "".join(_WILDCARDS.get(part, re.escape(part)) for part in parts)
        return re.fullmatch(pattern, value.lstrip("/"), re.DOTALL) is not None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How often a delivery is tried, and what becomes of it then. The defaults are the real ones.

    Source: cloud.google.com/eventarc/docs/retry-events.
    """

    min_backoff_s: float = 10.0
    max_backoff_s: float = 600.0
    ack_deadline_s: int = 600
    retention_s: float = 86_400.0
    dead_letter_topic: str = ""
    max_attempts: int = 5


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as a client asks for it.

    Args:
        name: `projects/P/locations/L/triggers/T`.
        filters: as `read_filters` makes them.
        service_account: whose OIDC token each delivery bears; none when empty.
        topic: for Pub/Sub events, the topic to listen to; one is made when it is empty or not there.
    """

    name: str
    filters: tuple[Filter, ...]
    uri: str
    service_account: str = ""
    topic: str = ""
    labels: dict[str, str] = {}
    delivery: Delivery = Delivery()


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger. `topic` is its transport: an existing one for Pub/Sub events, else its own."""

    name: str
    uid: str
    created_ns: int
    filters: tuple[Filter, ...]
    uri: str
    service_account: str
    topic: str
    owns_topic: bool
    subscription: str
    labels: dict[str, str] = {}
    delivery: Delivery = Delivery()

    @property
    def project(self) -> str:
        """The project it is in."""
        return self.name.split("/")[1]

    @property
    def event_type(self) -> str:
        """The type of the events it delivers."""
        return next(each.value for each in self.filters if each.attribute == "type")

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether it delivers an event with these attributes."""
        return all(each.admits(attributes.get(each.attribute, "")) for each in self.filters)


def check_trigger_id(trigger_id: str) -> str:
    """The id, when it may be one.

    Raises:
        ApiError: it may not.
    """
    if not _TRIGGER_ID.fullmatch(trigger_id):
        raise ApiError("INVALID_ARGUMENT", f"The trigger id {trigger_id[:80]!r} does not match {_TRIGGER_ID.pattern}.")
    return trigger_id


def read_filters(body: Mapping[str, Any]) -> tuple[Filter, ...]:
    """The event filters of a trigger that a client sent.

    Raises:
        ApiError: they are none, or not those that their event type takes.
    """
    raw = body.get("eventFilters")
    try:
        filters = msgspec.convert(raw, tuple[Filter, ...])
    except msgspec.ValidationError as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'trigger.eventFilters': {error}") from None
    by_attribute = {each.attribute: each for each in filters}
    event_type = by_attribute["type"].value if "type" in by_attribute else ""
    if event_type not in _ATTRIBUTES or len(by_attribute) != len(filters):
        raise ApiError("INVALID_ARGUMENT", f"Event type {event_type!r} is none of {sorted(_ATTRIBUTES)}.")
    needed, optional = _ATTRIBUTES[event_type]
    given = by_attribute.keys() - {"type"}
    if not needed <= given <= needed | optional or any(not each.value for each in filters):
        raise ApiError(
            "INVALID_ARGUMENT",
            f"{event_type} takes the attributes {sorted(needed)} and may take {sorted(optional)}, not {sorted(given)}.",
        )
    if any(each.operator and each.attribute != "resourceName" for each in filters):
        raise ApiError("INVALID_ARGUMENT", "Only resourceName takes the operator match-path-pattern.")
    return filters


def read_delivery(body: Mapping[str, Any]) -> Delivery:
    """The local cloud's own field `localDelivery`: `{minBackoffS, maxBackoffS, deadLetterTopic, maxAttempts, …}`.

    Raises:
        ApiError: a value is none.
    """
    raw = object_field(body, "localDelivery")
    names = {_to_camel(field): field for field in Delivery.__struct_fields__}
    if unknown := sorted(raw.keys() - names.keys()):
        raise ApiError("INVALID_ARGUMENT", f"Unknown names {unknown} at 'trigger.localDelivery'.")
    try:
        return msgspec.convert({names[name]: value for name, value in raw.items()}, Delivery)
    except msgspec.ValidationError as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'trigger.localDelivery': {error}") from None


def read_uri(body: Mapping[str, Any]) -> str:
    """The URL that events are posted to.

    Raises:
        ApiError: the destination is no HTTP endpoint.
    """
    uri = text_field(object_field(object_field(body, "destination"), "httpEndpoint"), "uri")
    if not uri:
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'trigger.destination': an httpEndpoint.uri is needed.")
    return uri


def to_delivery_fields(delivery: Delivery) -> dict[str, Any]:
    """`localDelivery` as it is shown."""
    return {_to_camel(name): value for name, value in msgspec.structs.asdict(delivery).items()}


def _to_camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
