"""Pub/Sub: publish and wait, subscribe and be called."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.cloud.reach import make_retrying
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient


NOTICES_KEPT_S = 3600
"""Who was away for longer reads the ledger, not old notices."""

ACK_DEADLINE_S = 60
UNACKNOWLEDGED_LIMIT = 100
HEARTBEAT_S = 30.0
"""Half the silence after which the service ends a stream. Source: google-cloud-pubsub, `heartbeater.py`."""

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
"""Between two tries to open a stream that breaks at once."""


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


def make_how(settings: Settings) -> dict[str, Any]:
    """How every call is made: its deadline, and what is tried again until then.

    The client's own wish to try again outlives the deadline given: it publishes to nobody for ten minutes.
    Source: google-cloud-pubsub 2.x, `publisher/transports/base.py`.
    """
    from google.api_core import exceptions as api
    from google.api_core.retry import Retry, if_exception_type

    steady = Retry(
        predicate=if_exception_type(
            api.Aborted, api.InternalServerError, api.ResourceExhausted, api.ServiceUnavailable, api.Unknown
        )
    )
    return {"timeout": settings.retry_deadline_s, "retry": make_retrying(steady, settings)}


class Topics:
    """Publishes; every message is known to be stored when a call returns."""

    def __init__(self, client: PublisherClient, settings: Settings) -> None:
        self._client = client
        self._project = settings.project
        self._how = make_how(settings)

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
                **self._how,
            )
            return list(answer.message_ids)


class Subscription:
    """One subscription, pulled as a stream; the handler's return acknowledges, its Transient is a nack."""

    def __init__(self, client: SubscriberClient, name: str, settings: Settings) -> None:
        self._client = client
        self._project = settings.project
        self.path = client.subscription_path(settings.project, name)
        self._how = make_how(settings)
        self.name = name

    def ensure(self, topic: str, filter_: str, *, expires_after_s: float) -> None:
        """The subscription exists afterwards, with this filter; it goes by itself once idle for `expires_after_s`.

        A subscription that stands with another filter is replaced: filters cannot be changed.
        """
        with mapped("create subscription", self.name):
            request: dict[str, Any] = {
                "name": self.path,
                "topic": self._client.topic_path(self._project, topic),
                "filter": filter_,
                "ack_deadline_seconds": ACK_DEADLINE_S,
                "message_retention_duration": {"seconds": NOTICES_KEPT_S},
                "expiration_policy": {"ttl": {"seconds": int(expires_after_s)}},
            }
            try:
                self._client.create_subscription(request=request, **self._how)
            except Exception as error:
                if not _is_taken(error):
                    raise
                standing = self._client.get_subscription(subscription=self.path, **self._how)
                if standing.filter != filter_ or standing.topic != request["topic"]:
                    self._client.delete_subscription(subscription=self.path, **self._how)
                    self._client.create_subscription(request=request, **self._how)

    def find_topic(self) -> str:
        """The id of the topic it reads.

        Raises:
            NotFound: there is no such subscription.
        """
        with mapped("look up subscription", self.name):
            found = self._client.get_subscription(subscription=self.path, **self._how)
            return str(found.topic).rpartition("/")[2]

    def delete(self) -> None:
        """There is no such subscription afterwards."""
        try:
            with mapped("delete subscription", self.name):
                self._client.delete_subscription(subscription=self.path, **self._how)
        except errors.NotFound:
            return

    def stream(self, handle: Callable[[Incoming], None]) -> Stream:
        """Call `handle` for each message, one at a time, until the stream is closed.

        A message is acknowledged when `handle` returns and given back when it raises a DagwardenError.
        """
        return Stream(self, handle)

    def receive(self, requests: Iterator[Any]) -> Any:
        """The answers of one streaming pull, a call that can be cancelled; `requests` follow the first one."""
        return self._client.streaming_pull(
            requests=requests, metadata=(("x-goog-request-params", f"subscription={self.path}"),)
        )

    def pull(self, max_messages: int) -> list[tuple[str, Incoming]]:
        """What waits now (may miss some), each with the id to acknowledge it by; nothing is acknowledged yet."""
        with mapped("pull", self.name):
            answer = self._client.pull(
                request={"subscription": self.path, "max_messages": max_messages, "return_immediately": True},
                **self._how,
            )
            return [(received.ack_id, _received(received)) for received in answer.received_messages]

    def acknowledge(self, ack_ids: list[str]) -> None:
        """These will not be delivered again."""
        if ack_ids:
            with mapped("acknowledge", self.name):
                self._client.acknowledge(subscription=self.path, ack_ids=ack_ids, **self._how)

    def give_back(self, ack_ids: list[str]) -> None:
        """These may be delivered again at once."""
        if ack_ids:
            with mapped("give back", self.name):
                self._client.modify_ack_deadline(
                    subscription=self.path, ack_ids=ack_ids, ack_deadline_seconds=0, **self._how
                )


class Stream:
    """A streaming pull that is opened again whenever it breaks.

    Google's own `subscribe` loses streams: where opening one fails before its callback is set (refused at once, or in
    a busy process), it opens a second within that callback, takes the failed one for the current all the same, and
    opens a third. The second stays open, unread, and what the service sends there reaches nobody for the 60 s of its
    ack deadline. Source: google-api-core 2.x, `bidi.py`: `open` sets `self.call` only after `add_done_callback`, which
    may have reopened.
    """

    def __init__(self, subscription: Subscription, handle: Callable[[Incoming], None]) -> None:
        """Starts the thread that opens, reads and opens again."""
        self._subscription = subscription
        self._handle = handle
        self._is_closing = threading.Event()
        self._opening = threading.Lock()
        self._call: Any = None
        self._defect: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        """False once the stream has ended by itself (e.g. its subscription was deleted)."""
        return self._thread.is_alive()

    def close(self, timeout_s: float = 10.0) -> None:
        """No message is handled afterwards; the one under way is finished and acknowledged first."""
        self._is_closing.set()
        with self._opening:
            if self._call is not None:
                self._call.cancel()
        self._thread.join(timeout_s)
        if self._defect is not None:
            raise self._defect

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        try:
            while not self._is_closing.is_set():
                opened_at = time.monotonic()
                self._read()
                if time.monotonic() - opened_at > LONGEST_WAIT_S:
                    wait_s = FIRST_WAIT_S
                self._is_closing.wait(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)
        except errors.DagwardenError:
            return  # nothing to open any more; who asks `is_running` opens anew
        except Exception as error:  # noqa: BLE001 (a defect of the handler's: `close` raises it)
            self._defect = error

    def _read(self) -> None:
        """Open the stream and take what comes until it breaks.

        Raises:
            Permanent: it cannot be opened again.
        """
        is_over = threading.Event()
        try:
            with mapped("receive", self._subscription.name):
                for response in self._open(is_over):
                    self._take(response.received_messages)
        except errors.Transient:
            return
        finally:
            is_over.set()

    def _open(self, is_over: threading.Event) -> Any:
        with self._opening:
            if self._is_closing.is_set():
                return ()
            self._call = self._subscription.receive(_requests(self._subscription.path, is_over))
            return self._call

    def _take(self, received: Any) -> None:
        for each in received:
            if self._is_closing.is_set():
                self._answer(self._subscription.give_back, each.ack_id)
                continue
            try:
                self._handle(_received(each))
            except errors.DagwardenError:
                self._answer(self._subscription.give_back, each.ack_id)
            else:
                self._answer(self._subscription.acknowledge, each.ack_id)

    def _answer(self, answer: Callable[[list[str]], None], ack_id: str) -> None:
        with contextlib.suppress(errors.DagwardenError):  # then the message comes again, as any may
            answer([ack_id])


def _requests(path: str, is_over: threading.Event) -> Iterator[Any]:
    """What the client says on one stream: what it wants, then that it is still there."""
    from google.pubsub_v1.types import StreamingPullRequest

    yield StreamingPullRequest(
        subscription=path,
        stream_ack_deadline_seconds=ACK_DEADLINE_S,
        max_outstanding_messages=UNACKNOWLEDGED_LIMIT,
    )
    while not is_over.wait(HEARTBEAT_S):
        yield StreamingPullRequest()


def _is_taken(error: Exception) -> bool:
    from google.api_core.exceptions import AlreadyExists

    return isinstance(error, AlreadyExists)


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
