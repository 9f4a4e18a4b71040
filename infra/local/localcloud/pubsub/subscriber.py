"""google.pubsub.v1.Subscriber, but StreamingPull: one method per RPC, of (request, caller, seconds it will wait)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from msgspec import structs

from .backlog import Load, Room
from .errors import FailedPrecondition, Interrupted, InvalidArgument
from .limits import MAX_ACK_DEADLINE_S, check_range
from .names import check_project, project_of
from .outlet import Outlet, new_holder
from .publisher import page
from .resources import Delivery
from .wire import merge, micros_of, plain, push_from, received_to, snapshot_to, subscription_from, subscription_to

if TYPE_CHECKING:
    from .broker import PubSub

PULL_WAIT_S: Final = 60.0
"""How long a pull that finds nothing waits, where its caller does."""
_MAX_PULL_BYTES: Final = 10_000_000
_STALE: Final = "PERMANENT_FAILURE_INVALID_ACK_ID"


def check_pullable(outlet: Outlet) -> Outlet:
    """`outlet`, from which one may pull.

    Raises:
        FailedPrecondition: it pushes, or is detached.
    """
    if outlet.subscription.push:
        raise FailedPrecondition("This method is not supported for push subscriptions")
    if outlet.subscription.is_detached:
        raise FailedPrecondition("The subscription is detached from its topic")
    return outlet


def check_ack_ids(outlet: Outlet, ack_ids: Sequence[str]) -> None:
    """Nothing, where this subscription may have given all of `ack_ids`.

    Raises:
        InvalidArgument: one it never gave.
    """
    for ack_id in ack_ids:
        if not outlet.backlog.is_own(ack_id):
            raise InvalidArgument(f"You have passed an invalid ack ID to the service (ack_id={ack_id[:100]}).")


class _Puller:
    """The consumer behind one Pull: takes one batch."""

    def __init__(self, outlet: Outlet, caller: str, max_messages: int) -> None:
        self.caller = caller
        self.holder = new_holder()
        self.deadline_s = float(outlet.subscription.ack_deadline_s)
        self.batch: asyncio.Future[list[Delivery]] = asyncio.get_running_loop().create_future()
        self._outlet = outlet
        self._room = Room(max_messages, _MAX_PULL_BYTES)

    @property
    def is_open(self) -> bool:
        return not self.batch.done()

    def room(self, _load: Load) -> Room:
        return Room(0, 0) if self.batch.done() else self._room

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        if self.batch.done():
            self._outlet.return_unsent(deliveries)
        else:
            self.batch.set_result(list(deliveries))

    def refuse(self, delivery: Delivery, status: grpc.StatusCode) -> None:
        self._outlet.return_unsent([delivery])
        self.break_off(status, "planned fault")

    def break_off(self, status: grpc.StatusCode, message: str) -> None:
        if not self.batch.done():
            self.batch.set_exception(Interrupted(status, message))

    def close(self) -> list[Delivery]:
        """What came; nothing more does.

        Raises:
            Interrupted: the pull was broken off.
        """
        if not self.batch.done():
            self.batch.set_result([])
        return self.batch.result()


class Subscriber:
    """Subscriptions and snapshots, and everything about messages but streaming."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._catalog = pubsub.catalog

    # subscriptions

    def _shown(self, outlet: Outlet) -> types.Subscription:
        topic = self._catalog.topics.get(outlet.subscription.topic)
        return subscription_to(outlet.subscription, topic.topic.retention_s if topic else None)

    async def CreateSubscription(
        self, request: types.Subscription, _caller: str, _patience_s: float
    ) -> types.Subscription:
        made = self._catalog.add_subscription(structs.replace(subscription_from(request), is_detached=False))
        return self._shown(self._catalog.outlet(made.name))

    async def GetSubscription(
        self, request: types.GetSubscriptionRequest, _caller: str, _patience_s: float
    ) -> types.Subscription:
        return self._shown(self._catalog.outlet(request.subscription))

    async def UpdateSubscription(
        self, request: types.UpdateSubscriptionRequest, _caller: str, _patience_s: float
    ) -> types.Subscription:
        outlet = self._catalog.outlet(request.subscription.name)
        changed = merge(request.subscription, subscription_to(outlet.subscription), request.update_mask)
        self._catalog.replace_subscription(subscription_from(changed))
        return self._shown(outlet)

    async def ListSubscriptions(
        self, request: types.ListSubscriptionsRequest, _caller: str, _patience_s: float
    ) -> types.ListSubscriptionsResponse:
        project = project_of(check_project(request.project) + "/")
        names, token = page(self._catalog.outlets, project, request.page_size, request.page_token)
        shown = [self._shown(self._catalog.outlet(name)) for name in names]
        return plain(types.ListSubscriptionsResponse)(subscriptions=shown, next_page_token=token)

    async def DeleteSubscription(
        self, request: types.DeleteSubscriptionRequest, _caller: str, _patience_s: float
    ) -> Empty:
        self._catalog.remove_subscription(request.subscription)
        return Empty()

    async def ModifyPushConfig(self, request: types.ModifyPushConfigRequest, _caller: str, _patience_s: float) -> Empty:
        outlet = self._catalog.outlet(request.subscription)
        push = push_from(request.push_config) if request.push_config.push_endpoint else None
        self._catalog.replace_subscription(structs.replace(outlet.subscription, push=push))
        return Empty()

    # messages

    async def Pull(self, request: types.PullRequest, caller: str, patience_s: float) -> types.PullResponse:
        outlet = check_pullable(self._catalog.outlet(request.subscription))
        if request.max_messages <= 0:
            raise InvalidArgument(f"max_messages must be positive, got {request.max_messages}")
        puller = _Puller(outlet, caller, request.max_messages)
        outlet.join(puller)
        try:
            await asyncio.sleep(0)  # the pump runs in between: what is ready is there now
            if not request.return_immediately:
                await asyncio.wait([puller.batch], timeout=min(PULL_WAIT_S, patience_s))
        except asyncio.CancelledError:
            outlet.return_unsent(puller.close())
            raise
        finally:
            outlet.leave(puller)
        return self._pulled(outlet, puller.close())

    def _pulled(self, outlet: Outlet, deliveries: Sequence[Delivery]) -> types.PullResponse:
        broken = [delivery.breaks_after for delivery in deliveries if delivery.breaks_after]
        if broken:
            raise Interrupted(broken[0])
        counts = outlet.subscription.dead_letter is not None
        received = [received_to(delivery, counts_attempts=counts) for delivery in deliveries]
        return plain(types.PullResponse)(received_messages=received)

    async def Acknowledge(self, request: types.AcknowledgeRequest, _caller: str, _patience_s: float) -> Empty:
        outlet = self._catalog.outlet(request.subscription)
        self._check_given(outlet, request.ack_ids)
        self._confirm(outlet, outlet.ack(request.ack_ids))
        return Empty()

    async def ModifyAckDeadline(
        self, request: types.ModifyAckDeadlineRequest, _caller: str, _patience_s: float
    ) -> Empty:
        outlet = self._catalog.outlet(request.subscription)
        check_range("ack_deadline_seconds", request.ack_deadline_seconds, 0, MAX_ACK_DEADLINE_S)
        self._check_given(outlet, request.ack_ids)
        self._confirm(outlet, outlet.modify(request.ack_ids, request.ack_deadline_seconds))
        return Empty()

    def _check_given(self, outlet: Outlet, ack_ids: Sequence[str]) -> None:
        if not ack_ids:
            raise InvalidArgument("You have not specified an ack ID in the request.")
        check_ack_ids(outlet, ack_ids)

    def _confirm(self, outlet: Outlet, stale: Sequence[str]) -> None:
        if stale and outlet.subscription.is_exactly_once:
            raise FailedPrecondition("Some acknowledgement ids have expired", dict.fromkeys(stale, _STALE))

    # seek and snapshots

    async def Seek(self, request: types.SeekRequest, _caller: str, _patience_s: float) -> types.SeekResponse:
        outlet = self._catalog.outlet(request.subscription)
        if request.snapshot:
            self._pubsub.seek_to_snapshot(outlet, self._catalog.snapshot(request.snapshot))
        elif request.HasField("time"):
            self._pubsub.seek_to_time(outlet, micros_of(request.time))
        else:
            raise InvalidArgument("Seek needs a time or a snapshot")
        return plain(types.SeekResponse)()

    async def CreateSnapshot(
        self, request: types.CreateSnapshotRequest, _caller: str, _patience_s: float
    ) -> types.Snapshot:
        return snapshot_to(self._catalog.add_snapshot(request.name, request.subscription, dict(request.labels)))

    async def GetSnapshot(self, request: types.GetSnapshotRequest, _caller: str, _patience_s: float) -> types.Snapshot:
        return snapshot_to(self._catalog.snapshot(request.snapshot).snapshot)

    async def UpdateSnapshot(
        self, request: types.UpdateSnapshotRequest, _caller: str, _patience_s: float
    ) -> types.Snapshot:
        present = self._catalog.snapshot(request.snapshot.name).snapshot
        merged = merge(request.snapshot, snapshot_to(present), request.update_mask)
        changed = structs.replace(present, labels=dict(merged.labels), expires_at_s=micros_of(merged.expire_time) / 1e6)
        return snapshot_to(self._catalog.replace_snapshot(changed))

    async def DeleteSnapshot(self, request: types.DeleteSnapshotRequest, _caller: str, _patience_s: float) -> Empty:
        self._catalog.remove_snapshot(request.snapshot)
        return Empty()

    async def ListSnapshots(
        self, request: types.ListSnapshotsRequest, _caller: str, _patience_s: float
    ) -> types.ListSnapshotsResponse:
        project = project_of(check_project(request.project) + "/")
        names, token = page(self._catalog.snapshots, project, request.page_size, request.page_token)
        shown = [snapshot_to(self._catalog.snapshot(name).snapshot) for name in names]
        return plain(types.ListSnapshotsResponse)(snapshots=shown, next_page_token=token)
