"""The methods of `eventarc.googleapis.com` on triggers.

Creation and deletion are long-running operations there; here they are done when answered.
Source: cloud.google.com/eventarc/docs/reference/rest/v1/projects.locations.triggers.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.routing import Route

from localcloud.calls import Calls
from localcloud.eventarc.service import Eventarc
from localcloud.eventarc.triggers import Trigger, Wish, read_delivery, read_filters, read_uri, to_delivery_fields
from localcloud.iam.access import Access
from localcloud.rest import Api, ApiError, Asked, Method, object_field, text_field
from localcloud.timestamps import format_ns


class TriggersApi:
    """Creates, shows and deletes triggers."""

    def __init__(self, eventarc: Eventarc, access: Access) -> None:
        self._eventarc = eventarc
        self._access = access

    def routes(self, calls: Calls) -> list[Route]:
        """The HTTP API."""
        triggers = "/v1/projects/{project}/locations/{location}/triggers"
        methods = (
            Method("POST", triggers, "triggers.create", self.create),
            Method("GET", triggers, "triggers.list", self.list_triggers),
            Method("GET", triggers + "/{trigger}", "triggers.get", self.get),
            Method("DELETE", triggers + "/{trigger}", "triggers.delete", self.delete),
        )
        return Api("eventarc", calls, self._access).routes(methods)

    def create(self, asked: Asked) -> Mapping[str, Any]:
        """A new trigger; its id is the query's `triggerId`."""
        parent = self._permitted(asked, "eventarc.triggers.create")
        body = asked.body
        pubsub = object_field(object_field(body, "transport"), "pubsub")
        wish = Wish(
            name=f"{parent}/triggers/{asked.query.get('triggerId', '')}",
            filters=read_filters(body),
            uri=read_uri(body),
            service_account=text_field(body, "serviceAccount"),
            topic=text_field(pubsub, "topic"),
            labels=_read_labels(body),
            delivery=read_delivery(body),
        )
        return _operation(parent, to_resource(self._eventarc.create(wish)))

    def list_triggers(self, asked: Asked) -> Mapping[str, Any]:
        """All triggers of a location (`-`: of all), on one page."""
        found = self._eventarc.list_in(self._permitted(asked, "eventarc.triggers.list"))
        return {"triggers": [to_resource(trigger) for trigger in found]} if found else {}

    def get(self, asked: Asked) -> Mapping[str, Any]:
        """One trigger."""
        parent = self._permitted(asked, "eventarc.triggers.get")
        return to_resource(self._eventarc.get(f"{parent}/triggers/{asked.path['trigger']}"))

    def delete(self, asked: Asked) -> Mapping[str, Any]:
        """The trigger and its transport are gone."""
        parent = self._permitted(asked, "eventarc.triggers.delete")
        trigger = self._eventarc.delete(f"{parent}/triggers/{asked.path['trigger']}")
        return _operation(parent, to_resource(trigger))

    def _permitted(self, asked: Asked, permission: str) -> str:
        self._access.require(asked.caller, permission, f"projects/{asked.path['project']}")
        return f"projects/{asked.path['project']}/locations/{asked.path['location']}"


def to_resource(trigger: Trigger) -> dict[str, Any]:
    """The trigger as the API shows it."""
    created = format_ns(trigger.created_ns)
    resource: dict[str, Any] = {
        "name": trigger.name,
        "uid": trigger.uid,
        "createTime": created,
        "updateTime": created,
        "eventFilters": [
            {name: value for name, value in msgspec.structs.asdict(each).items() if value} for each in trigger.filters
        ],
        "destination": {"httpEndpoint": {"uri": trigger.uri}},
        "transport": {"pubsub": {"topic": trigger.topic, "subscription": trigger.subscription}},
        "localDelivery": to_delivery_fields(trigger.delivery),
    }
    optional = {"serviceAccount": trigger.service_account, "labels": trigger.labels}
    return {**resource, **{name: value for name, value in optional.items() if value}}


def _read_labels(body: Mapping[str, Any]) -> dict[str, str]:
    labels = object_field(body, "labels")
    if not all(isinstance(value, str) for value in labels.values()):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'trigger.labels': strings are needed.")
    return labels


def _operation(parent: str, trigger: Mapping[str, Any]) -> dict[str, Any]:
    response = {"@type": "type.googleapis.com/google.cloud.eventarc.v1.Trigger", **trigger}
    return {"name": f"{parent}/operations/operation-{uuid.uuid4()}", "done": True, "response": response}
