"""Eventarc: keeps triggers and hands events to their transport, inside the transaction that causes them."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.eventarc import cloudevents
from localcloud.eventarc.triggers import (
    AUDIT_TYPE,
    PUBSUB_TYPE,
    STORAGE_TYPE,
    Trigger,
    Wish,
    check_trigger_id,
)
from localcloud.iam.accounts import Accounts
from localcloud.logs.entries import AUDIT_LOGS
from localcloud.pubsub import PubSub
from localcloud.pubsub.errors import Refused
from localcloud.pubsub.resources import (
    ENCODER_ATTRIBUTE,
    DeadLetterPolicy,
    PushTarget,
    RetryPolicy,
    Subscription,
)
from localcloud.rest import ApiError
from localcloud.state import State
from localcloud.timestamps import now_ns

_SCHEMA = """
CREATE TABLE IF NOT EXISTS eventarc_triggers (name TEXT PRIMARY KEY, trigger_json BLOB NOT NULL) STRICT;
"""

_ENCODERS = {
    "eventarc-storage": cloudevents.encode_storage,
    "eventarc-pubsub": cloudevents.encode_pubsub,
    "eventarc-audit": cloudevents.encode_audit,
}


class Eventarc:
    """All triggers (implements `ports.ObjectEvents`)."""

    def __init__(self, state: State, pubsub: PubSub, accounts: Accounts) -> None:
        self._state = state
        self._pubsub = pubsub
        self._accounts = accounts
        state.db.executescript(_SCHEMA)
        for name, encoder in _ENCODERS.items():
            pubsub.register_encoder(name, encoder)
        rows = state.db.execute("SELECT trigger_json FROM eventarc_triggers ORDER BY name")
        loaded = [msgspec.json.decode(row["trigger_json"], type=Trigger) for row in rows]
        self._triggers = {trigger.name: trigger for trigger in loaded}

    def emit(self, event_type: str, resource: Mapping[str, Any]) -> None:
        """The triggers that listen to the object's bucket have the event in their transport."""
        full_type = STORAGE_TYPE + event_type
        attributes = {"type": full_type, "bucket": str(resource["bucket"])}
        self._publish(attributes, full_type, cloudevents.storage_data(resource))

    def take_log_entry(self, entry: Mapping[str, Any]) -> None:
        """The triggers that listen to such audit entries have it in their transport; other entries are let pass."""
        log_name = str(entry["logName"])
        payload = entry.get("protoPayload")
        if AUDIT_LOGS not in log_name or not isinstance(payload, dict):
            return
        named = {name: str(payload.get(name, "")) for name in ("serviceName", "methodName", "resourceName")}
        self._publish({"type": AUDIT_TYPE, **named}, AUDIT_TYPE, msgspec.json.encode(entry), log_name.split("/")[1])

    def create(self, wish: Wish) -> Trigger:
        """The trigger exists afterwards and delivers what happens from then on.

        Raises:
            ApiError: the name is taken or none, the account is unknown, or Pub/Sub refuses the subscription.
        """
        check_trigger_id(wish.name.rpartition("/")[2])
        if wish.name in self._triggers:
            raise ApiError("ALREADY_EXISTS", f"Resource '{wish.name}' already exists")
        if wish.service_account:
            self._accounts.get(wish.service_account)
        trigger = _plan(wish)
        try:
            self._pubsub.create_topic(trigger.topic)
            self._pubsub.create_subscription(_subscription_of(trigger))
        except Refused as refusal:
            raise ApiError("INVALID_ARGUMENT", refusal.message) from None
        with self._state.transaction() as db:
            db.execute("INSERT INTO eventarc_triggers VALUES (?, ?)", (wish.name, msgspec.json.encode(trigger)))
        self._triggers[wish.name] = trigger
        return trigger

    def get(self, name: str) -> Trigger:
        """The trigger of that name.

        Raises:
            ApiError: there is none.
        """
        if name not in self._triggers:
            raise ApiError("NOT_FOUND", f"Resource '{name}' was not found")
        return self._triggers[name]

    def list_in(self, parent: str) -> list[Trigger]:
        """The triggers of `projects/P/locations/L` (L may be `-`), by name."""
        project, location = parent.split("/")[1::2]
        found = [self._triggers[name] for name in sorted(self._triggers)]
        return [each for each in found if each.project == project and location in ("-", each.name.split("/")[3])]

    def delete(self, name: str) -> Trigger:
        """The trigger and its transport are gone; what was not delivered is lost.

        Raises:
            ApiError: there is none.
        """
        trigger = self.get(name)
        with self._state.transaction() as db:
            db.execute("DELETE FROM eventarc_triggers WHERE name = ?", (name,))
        del self._triggers[name]
        catalog = self._pubsub.catalog
        if trigger.subscription in catalog.outlets:
            catalog.remove_subscription(trigger.subscription)
        if trigger.owns_topic and trigger.topic in catalog.topics:
            catalog.remove_topic(trigger.topic)
        return trigger

    def _publish(self, attributes: Mapping[str, str], event_type: str, data: bytes, project: str = "") -> None:
        for trigger in self._triggers.values():
            if trigger.matches(attributes) and project in ("", trigger.project):
                with contextlib.suppress(KeyError):  # somebody deleted the transport: events are lost, uploads are not
                    self._pubsub.publish(trigger.topic, data, {cloudevents.TYPE_ATTRIBUTE: event_type})


def _plan(wish: Wish) -> Trigger:
    _, project, _, location, _, trigger_id = wish.name.split("/")
    event_type = next(each.value for each in wish.filters if each.attribute == "type")
    if wish.topic and event_type != PUBSUB_TYPE:
        raise ApiError("INVALID_ARGUMENT", f"A transport topic is for {PUBSUB_TYPE} only.")
    # Derived from the name, so that a creation cut off half-way is completed by the next one.
    digits = str(int(hashlib.sha256(wish.name.encode()).hexdigest(), 16))[:3]
    return Trigger(
        name=wish.name,
        uid=str(uuid.uuid4()),
        created_ns=now_ns(),
        filters=wish.filters,
        uri=wish.uri,
        service_account=wish.service_account,
        topic=wish.topic or f"projects/{project}/topics/eventarc-{location}-{trigger_id}-{digits}",
        owns_topic=not wish.topic,
        subscription=f"projects/{project}/subscriptions/eventarc-{location}-{trigger_id}-sub-{digits}",
        labels=wish.labels,
        delivery=wish.delivery,
    )


def _subscription_of(trigger: Trigger) -> Subscription:
    delivery = trigger.delivery
    kind = {PUBSUB_TYPE: "eventarc-pubsub", AUDIT_TYPE: "eventarc-audit"}.get(trigger.event_type, "eventarc-storage")
    dead_letter = DeadLetterPolicy(topic=delivery.dead_letter_topic, max_attempts=delivery.max_attempts)
    return Subscription(
        name=trigger.subscription,
        topic=trigger.topic,
        push=PushTarget(endpoint=trigger.uri, attributes={ENCODER_ATTRIBUTE: kind}, oidc_email=trigger.service_account),
        ack_deadline_s=delivery.ack_deadline_s,
        retention_s=delivery.retention_s,
        ttl_s=None,
        retry=RetryPolicy(min_s=delivery.min_backoff_s, max_s=delivery.max_backoff_s),
        dead_letter=dead_letter if delivery.dead_letter_topic else None,
    )
