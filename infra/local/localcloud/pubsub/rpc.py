"""The gRPC server: which methods there are, how each call is counted, disturbed and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from localcloud.calls import Calls

from .errors import Refused
from .faults import caller_of, obey
from .publisher import Publisher
from .streams import StreamingPull
from .subscriber import Subscriber
from .wire import parse

if TYPE_CHECKING:
    from .broker import PubSub

MAX_RECEIVE_BYTES: Final = 64 * 1024 * 1024
"""Above the service's limit, so that a request over it is refused by us, with the service's status."""

Context = grpc.aio.ServicerContext[Any, Any]


class _Method(NamedTuple):
    request: type[Any]
    response: type[Any]
    subject: str
    """Path of the request's field that names what the call is about."""


PUBLISHER: Final = {
    "CreateTopic": _Method(types.Topic, types.Topic, "name"),
    "UpdateTopic": _Method(types.UpdateTopicRequest, types.Topic, "topic.name"),
    "Publish": _Method(types.PublishRequest, types.PublishResponse, "topic"),
    "GetTopic": _Method(types.GetTopicRequest, types.Topic, "topic"),
    "ListTopics": _Method(types.ListTopicsRequest, types.ListTopicsResponse, "project"),
    "ListTopicSubscriptions": _Method(
        types.ListTopicSubscriptionsRequest, types.ListTopicSubscriptionsResponse, "topic"
    ),
    "ListTopicSnapshots": _Method(types.ListTopicSnapshotsRequest, types.ListTopicSnapshotsResponse, "topic"),
    "DeleteTopic": _Method(types.DeleteTopicRequest, Empty, "topic"),
    "DetachSubscription": _Method(types.DetachSubscriptionRequest, types.DetachSubscriptionResponse, "subscription"),
}

SUBSCRIBER: Final = {
    "CreateSubscription": _Method(types.Subscription, types.Subscription, "name"),
    "GetSubscription": _Method(types.GetSubscriptionRequest, types.Subscription, "subscription"),
    "UpdateSubscription": _Method(types.UpdateSubscriptionRequest, types.Subscription, "subscription.name"),
    "ListSubscriptions": _Method(types.ListSubscriptionsRequest, types.ListSubscriptionsResponse, "project"),
    "DeleteSubscription": _Method(types.DeleteSubscriptionRequest, Empty, "subscription"),
    "ModifyAckDeadline": _Method(types.ModifyAckDeadlineRequest, Empty, "subscription"),
    "Acknowledge": _Method(types.AcknowledgeRequest, Empty, "subscription"),
    "Pull": _Method(types.PullRequest, types.PullResponse, "subscription"),
    "ModifyPushConfig": _Method(types.ModifyPushConfigRequest, Empty, "subscription"),
    "GetSnapshot": _Method(types.GetSnapshotRequest, types.Snapshot, "snapshot"),
    "ListSnapshots": _Method(types.ListSnapshotsRequest, types.ListSnapshotsResponse, "project"),
    "CreateSnapshot": _Method(types.CreateSnapshotRequest, types.Snapshot, "name"),
    "UpdateSnapshot": _Method(types.UpdateSnapshotRequest, types.Snapshot, "snapshot.name"),
    "DeleteSnapshot": _Method(types.DeleteSnapshotRequest, Empty, "snapshot"),
    "Seek": _Method(types.SeekRequest, types.SeekResponse, "subscription"),
}


def make_server(pubsub: PubSub) -> grpc.aio.Server:
    """A server of google.pubsub.v1, not started yet."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            # The subscriber client pings idle streams every 30 s; by default a server hangs up on that as too often.
            ("grpc.http2.max_ping_strikes", 0),
            ("grpc.keepalive_permit_without_calls", 1),
        ]
    )
    publisher = _unary_handlers(PUBLISHER, Publisher(pubsub), pubsub.calls)
    subscriber = _unary_handlers(SUBSCRIBER, Subscriber(pubsub), pubsub.calls)
    subscriber["StreamingPull"] = grpc.stream_stream_rpc_method_handler(
        partial(_stream, StreamingPull(pubsub)), response_serializer=_serialize
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", publisher),
            grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", subscriber),
        )
    )
    return server


def _unary_handlers(methods: dict[str, _Method], service: object, calls: Calls) -> dict[str, Any]:
    return {
        name: grpc.unary_unary_rpc_method_handler(
            _Unary(name, method, getattr(service, name), calls).answer, response_serializer=_serialize
        )
        for name, method in methods.items()
    }


def _serialize(response: Any) -> bytes:
    encoded: bytes = response.SerializeToString()
    return encoded


class _Unary:
    """One method as it is served."""

    def __init__(
        self, name: str, method: _Method, work: Callable[[Any, str, float], Awaitable[Any]], calls: Calls
    ) -> None:
        self._name = name
        self._method = method
        self._work = work
        self._calls = calls

    async def answer(self, encoded: bytes, context: Context) -> Any:
        """Count the call, do the work as the faults allow, answer or abort."""
        caller = caller_of(context.invocation_metadata() or ())
        try:
            request = parse(self._method.request, encoded)
            fault = self._calls.begin("pubsub", self._name, caller, _subject(request, self._method.subject))
            return await obey(
                fault, lambda: self._work(request, caller, _patience_s(context)), calls=self._calls, caller=caller
            )
        except Refused as refused:
            await _abort(context, refused)


async def _stream(work: StreamingPull, requests: Any, context: Context) -> None:
    try:
        await work.run(requests, context, caller_of(context.invocation_metadata() or ()))
    except Refused as refused:
        await _abort(context, refused)


def _subject(request: Any, path: str) -> str:
    value = request
    for name in path.split("."):
        value = getattr(value, name)
    return str(value)


def _patience_s(context: Context) -> float:
    """How long the caller will wait yet."""
    remaining = context.time_remaining()
    return float("inf") if remaining is None else remaining


async def _abort(context: Context, refused: Refused) -> None:
    trailers: tuple[tuple[str, bytes], ...] = ()
    if refused.reasons:
        info = ErrorInfo(reason="ACK_ID_FAILURES", domain="pubsub.googleapis.com", metadata=refused.reasons)
        detail = PbAny()
        detail.Pack(info)
        status = Status(code=refused.status.value[0], message=refused.message, details=[detail])
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(refused.status, refused.message, trailers)
