"""google.pubsub.v1.Subscriber.StreamingPull: deliveries as they come, answers as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.pubsub_v1 import types

from .backlog import Load, Room
from .errors import Interrupted, InvalidArgument, Refused
from .faults import obey
from .limits import MAX_ACK_DEADLINE_S, check_range
from .outlet import Outlet, new_holder
from .resources import Delivery
from .subscriber import check_ack_ids, check_pullable
from .wire import parse, plain, received_to

if TYPE_CHECKING:
    from .broker import PubSub

MAX_UNSENT: Final = 1_000
MAX_UNSENT_BYTES: Final = 20_000_000
MAX_RESPONSE_BYTES: Final = 4_000_000
_NO_LIMIT: Final = 1 << 62

PbRequest = plain(types.StreamingPullRequest)
PbResponse = plain(types.StreamingPullResponse)


class Stream:
    """The consumer behind one stream: holds what is not sent yet."""

    def __init__(self, outlet: Outlet, first: types.StreamingPullRequest, caller: str) -> None:
        self.caller = caller
        self.holder = new_holder()
        self.deadline_s = float(first.stream_ack_deadline_seconds)
        self.outlet = outlet
        self._max_messages = first.max_outstanding_messages if first.max_outstanding_messages > 0 else _NO_LIMIT
        self._max_bytes = first.max_outstanding_bytes if first.max_outstanding_bytes > 0 else _NO_LIMIT
        self._unsent: deque[Delivery] = deque()
        self._unsent_bytes = 0
        self._confirmations: deque[types.StreamingPullResponse] = deque()
        self._end: Refused | None = None
        self._is_over = False
        self._news = asyncio.Event()

    # as a consumer

    @property
    def is_open(self) -> bool:
        """Whether it has neither ended nor begun to."""
        return not self._is_over and self._end is None

    def room(self, load: Load) -> Room:
        """What flow control and the unsent leave."""
        if not self.is_open:
            return Room(0, 0)
        messages = min(self._max_messages - load.messages, MAX_UNSENT - len(self._unsent))
        return Room(messages, min(self._max_bytes - load.size_bytes, MAX_UNSENT_BYTES - self._unsent_bytes))

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        """They are sent next."""
        for delivery in deliveries:
            if not self.is_open:
                self.outlet.return_unsent([delivery])
                continue
            self._unsent.append(delivery)
            self._unsent_bytes += len(delivery.message.data)
            if delivery.breaks_after:
                self._end = Interrupted(delivery.breaks_after)
        self._news.set()

    def refuse(self, delivery: Delivery, status: grpc.StatusCode) -> None:
        """The stream breaks before this delivery."""
        self.outlet.return_unsent([delivery])
        self.break_off(status, "planned fault")

    def break_off(self, status: grpc.StatusCode, message: str) -> None:
        """The stream ends with this status once all that was accepted is sent."""
        self._end = self._end or Interrupted(status, message)
        self._news.set()

    # as a stream

    def fail(self, refused: Refused) -> None:
        """The stream ends so."""
        self._end = self._end or refused
        self._news.set()

    def finish(self) -> None:
        """The client has closed its side: the stream ends well."""
        self._is_over = True
        self._news.set()

    def close(self) -> None:
        """What was never sent waits for others."""
        self._is_over = True
        self.outlet.leave(self)
        self.outlet.return_unsent(self._unsent)
        self._unsent.clear()

    def confirm(self, response: types.StreamingPullResponse) -> None:
        """`response`, which confirms answers of the client, is sent next."""
        self._confirmations.append(response)
        self._news.set()

    async def next_response(self) -> types.StreamingPullResponse | None:
        """What to send next; None once the stream has ended well.

        Raises:
            Refused: it has ended otherwise.
        """
        while not self._unsent and not self._confirmations:
            if self._end:
                raise self._end
            if self._is_over:
                return None
            self._news.clear()
            await self._news.wait()
        return self._confirmations.popleft() if self._confirmations else self._batch()

    def _batch(self) -> types.StreamingPullResponse:
        subscription = self.outlet.subscription
        response = PbResponse()
        response.subscription_properties.exactly_once_delivery_enabled = subscription.is_exactly_once
        response.subscription_properties.message_ordering_enabled = subscription.is_ordered
        size_bytes = 0
        while self._unsent and (size_bytes == 0 or size_bytes + len(self._unsent[0].message.data) < MAX_RESPONSE_BYTES):
            delivery = self._unsent.popleft()
            size_bytes += len(delivery.message.data) + 1
            self._unsent_bytes -= len(delivery.message.data)
            response.received_messages.append(
                received_to(delivery, counts_attempts=subscription.dead_letter is not None)
            )
        self.outlet.wake()
        return response


class StreamingPull:
    """Runs streams."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def run(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any], caller: str
    ) -> None:
        """One stream from its first request to its end.

        Raises:
            Refused: as the stream is to end.
        """
        first = await _next(requests)
        if first is None:
            raise InvalidArgument("A stream begins with a request that names its subscription")
        calls = self._pubsub.calls
        fault = calls.begin("pubsub", "StreamingPull", caller, first.subscription)
        breaks_after_first = fault is not None and fault.action.endswith("_after")

        async def serve() -> None:
            await self._serve(first, requests, context, caller, is_cut=breaks_after_first)

        await obey(fault, serve, calls=calls, caller=caller)

    async def _serve(
        self,
        first: types.StreamingPullRequest,
        requests: AsyncIterator[bytes],
        context: grpc.aio.ServicerContext[Any, Any],
        caller: str,
        *,
        is_cut: bool,
    ) -> None:
        """Send until the end; `is_cut` (a planned fault) makes that the first response."""
        outlet = check_pullable(self._pubsub.catalog.outlet(first.subscription))
        check_range("stream_ack_deadline_seconds", first.stream_ack_deadline_seconds, 10, MAX_ACK_DEADLINE_S)
        stream = Stream(outlet, first, caller)
        outlet.join(stream)
        reader = asyncio.get_running_loop().create_task(_read(stream, first, requests))
        try:
            while (response := await stream.next_response()) is not None:
                await context.write(response)
                if is_cut:
                    return
        finally:
            reader.cancel()
            stream.close()


async def _next(requests: AsyncIterator[bytes]) -> types.StreamingPullRequest | None:
    encoded = await anext(requests, None)
    request: types.StreamingPullRequest | None = None if encoded is None else parse(types.StreamingPullRequest, encoded)
    return request


async def _read(stream: Stream, first: types.StreamingPullRequest, requests: AsyncIterator[bytes]) -> None:
    """Take what the client says until it says no more."""
    try:
        _answer(stream, first)
        while (request := await _next(requests)) is not None:
            if request.subscription:
                raise InvalidArgument("Only the first request of a stream names the subscription")
            _answer(stream, request)
    except Refused as refused:
        stream.fail(refused)
    else:
        stream.finish()


def _answer(stream: Stream, request: types.StreamingPullRequest) -> None:
    """Acknowledge and modify as one request says."""
    outlet = stream.outlet
    if len(request.modify_deadline_seconds) != len(request.modify_deadline_ack_ids):
        raise InvalidArgument("modify_deadline_seconds and modify_deadline_ack_ids differ in length")
    for seconds in request.modify_deadline_seconds:
        check_range("modify_deadline_seconds", seconds, 0, MAX_ACK_DEADLINE_S)
    check_ack_ids(outlet, request.ack_ids)
    check_ack_ids(outlet, request.modify_deadline_ack_ids)
    if request.stream_ack_deadline_seconds:
        check_range("stream_ack_deadline_seconds", request.stream_ack_deadline_seconds, 10, MAX_ACK_DEADLINE_S)
        stream.deadline_s = float(request.stream_ack_deadline_seconds)
    stale = outlet.ack(request.ack_ids) if request.ack_ids else []
    unextended = [
        ack_id
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True)
        if outlet.modify([ack_id], seconds)
    ]
    if outlet.subscription.is_exactly_once and (request.ack_ids or request.modify_deadline_ack_ids):
        stream.confirm(_confirmation(outlet, request, stale, unextended))


def _confirmation(
    outlet: Outlet, request: types.StreamingPullRequest, stale: Sequence[str], unextended: Sequence[str]
) -> types.StreamingPullResponse:
    response = PbResponse()
    response.subscription_properties.exactly_once_delivery_enabled = True
    response.subscription_properties.message_ordering_enabled = outlet.subscription.is_ordered
    if request.ack_ids:
        response.acknowledge_confirmation.ack_ids.extend(a for a in request.ack_ids if a not in set(stale))
        response.acknowledge_confirmation.invalid_ack_ids.extend(stale)
    if request.modify_deadline_ack_ids:
        confirmation = response.modify_ack_deadline_confirmation
        confirmation.ack_ids.extend(a for a in request.modify_deadline_ack_ids if a not in set(unextended))
        confirmation.invalid_ack_ids.extend(unextended)
    return response
