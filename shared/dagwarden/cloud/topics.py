"""Pub/Sub: publish and wait, subscribe and be called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
    from google.cloud.pubsub_v1.subscriber.message import Message


NOTICES_KEPT_S = 3600
"""Who was away for longer reads the ledger, not old notices."""


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish."""

    data: bytes
    attributes: dict[str, str] = {}


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message received."""

    id: str
    data: bytes
    attributes: dict[str, str]
    published_at: dt.datetime
    delivery_attempt: int | None


class Topics:
    """Publishes; every message is known to be stored when a call returns."""

    def __init__(self, client: PublisherClient, settings: Settings) -> None:
        self._client = client
        self._project = settings.project
        self._deadline_s = settings.retry_deadline_s

    def publish(self, topic: str, *messages: Outgoing) -> list[str]:
        """Publish all messages in one request; returns their ids.

        The client's batching thread is passed by: one request, made in this call, so nothing is left unsent when a
        function's CPU is throttled after its answer.

        Raises:
            NotFound: no such topic.
        """
        with mapped("publish", topic):
            answer = self._client.api.publish(
                topic=self._client.topic_path(self._project, topic),
                messages=[{"data": message.data, "attributes": message.attributes} for message in messages],
                timeout=self._deadline_s,
            )
            return list(answer.message_ids)


class Subscription:
    """One subscription, pulled as a stream; the handler's return acknowledges, its Transient is a nack."""

    def __init__(self, client: SubscriberClient, name: str, settings: Settings) -> None:
        self._client = client
        self._project = settings.project
        self._path = client.subscription_path(settings.project, name)
        self._deadline_s = settings.retry_deadline_s
        self.name = name

    def ensure(self, topic: str, filter_: str, *, expires_after_s: float) -> None:
        """The subscription exists afterwards, with this filter; it goes by itself once idle for `expires_after_s`.

        A subscription that stands with another filter is replaced: filters cannot be changed.
        """
        with mapped("create subscription", self.name):
            request: dict[str, Any] = {
                "name": self._path,
                "topic": self._client.topic_path(self._project, topic),
                "filter": filter_,
                "ack_deadline_seconds": 60,
                "message_retention_duration": {"seconds": NOTICES_KEPT_S},
                "expiration_policy": {"ttl": {"seconds": int(expires_after_s)}},
            }
            try:
                self._client.create_subscription(request=request, timeout=self._deadline_s)
            except Exception as error:
                if not _is_taken(error):
                    raise
                standing = self._client.get_subscription(subscription=self._path, timeout=self._deadline_s)
                if standing.filter != filter_ or standing.topic != request["topic"]:
                    self._client.delete_subscription(subscription=self._path, timeout=self._deadline_s)
                    self._client.create_subscription(request=request, timeout=self._deadline_s)

    def find_topic(self) -> str:
        """The id of the topic it reads.

        Raises:
            NotFound: there is no such subscription.
        """
        with mapped("look up subscription", self.name):
            found = self._client.get_subscription(subscription=self._path, timeout=self._deadline_s)
            return str(found.topic).rpartition("/")[2]

    def delete(self) -> None:
        """There is no such subscription afterwards."""
        try:
            with mapped("delete subscription", self.name):
                self._client.delete_subscription(subscription=self._path, timeout=self._deadline_s)
        except errors.NotFound:
            return

    def stream(self, handle: Callable[[Incoming], None]) -> Stream:
        """Call `handle` for each message, one at a time, until the stream is closed.

        A message is acknowledged when `handle` returns and given back when it raises a DagwardenError.
        """
        from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
        from google.cloud.pubsub_v1.types import FlowControl

        def on_message(message: Message) -> None:
            try:
                handle(_incoming(message))
            except errors.DagwardenError:
                message.nack()
            else:
                message.ack()

        from concurrent.futures import ThreadPoolExecutor

        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="notice")
        future = self._client.subscribe(
            self._path,
            on_message,
            flow_control=FlowControl(max_messages=100),
            scheduler=ThreadScheduler(executor),
            await_callbacks_on_shutdown=True,
        )
        return Stream(future)

    def pull(self, max_messages: int) -> list[tuple[str, Incoming]]:
        """What waits now (may miss some), each with the id to acknowledge it by; nothing is acknowledged yet."""
        with mapped("pull", self.name):
            answer = self._client.pull(
                request={"subscription": self._path, "max_messages": max_messages, "return_immediately": True},
                timeout=self._deadline_s,
            )
            return [(received.ack_id, _received(received)) for received in answer.received_messages]

    def acknowledge(self, ack_ids: list[str]) -> None:
        """These will not be delivered again."""
        if ack_ids:
            with mapped("acknowledge", self.name):
                self._client.acknowledge(subscription=self._path, ack_ids=ack_ids, timeout=self._deadline_s)

    def give_back(self, ack_ids: list[str]) -> None:
        """These may be delivered again at once."""
        if ack_ids:
            with mapped("give back", self.name):
                self._client.modify_ack_deadline(
                    subscription=self._path, ack_ids=ack_ids, ack_deadline_seconds=0, timeout=self._deadline_s
                )


class Stream:
    """A running streaming pull."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def is_running(self) -> bool:
        """False once the stream has ended by itself (e.g. its subscription was deleted)."""
        return not self._future.done()

    def close(self, timeout_s: float = 10.0) -> None:
        """No message is handled afterwards; the one under way is finished and acknowledged first."""
        import concurrent.futures

        self._future.cancel()
        try:
            self._future.result(timeout=timeout_s)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            return
        except Exception as error:
            from dagwarden.cloud.failures import to_error

            if to_error(error, "close stream", "") is None:
                raise


def _is_taken(error: Exception) -> bool:
    from google.api_core.exceptions import AlreadyExists

    return isinstance(error, AlreadyExists)


def _incoming(message: Message) -> Incoming:
    return Incoming(
        id=message.message_id,
        data=message.data,
        attributes=dict(message.attributes),
        published_at=_to_datetime(message.publish_time),
        delivery_attempt=message.delivery_attempt,
    )


def _received(received: Any) -> Incoming:
    message = received.message
    attributes: Mapping[str, str] = message.attributes
    return Incoming(
        id=message.message_id,
        data=message.data,
        attributes=dict(attributes),
        published_at=_to_datetime(message.publish_time),
        delivery_attempt=received.delivery_attempt or None,
    )


def _to_datetime(moment: dt.datetime) -> dt.datetime:
    """The same moment as a plain datetime: the client's own subclass cannot be encoded."""
    return dt.datetime.combine(moment.date(), moment.time(), dt.UTC)
