"""google.pubsub.v1.Publisher: one method per RPC, of (request, caller, seconds it will wait)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from .errors import InvalidArgument
from .limits import MAX_MESSAGES_PER_PUBLISH, check_message, check_publish
from .names import check_project, project_of
from .wire import merge, plain, topic_from, topic_to

if TYPE_CHECKING:
    from .broker import PubSub

MAX_PAGE = 1_000


def page(names: Iterable[str], project: str | None, size: int, token: str) -> tuple[list[str], str]:
    """(one page of `names`, in order, of `project` only if given; token of the next page or "").

    Raises:
        InvalidArgument: the page size is negative.
    """
    if size < 0:
        raise InvalidArgument(f"page_size must not be negative, got {size}")
    limit = min(size or MAX_PAGE, MAX_PAGE)
    wanted = sorted(name for name in names if name > token and (project is None or project_of(name) == project))
    return wanted[:limit], wanted[limit - 1] if len(wanted) > limit else ""


class Publisher:
    """Topics, and publishing to them."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._catalog = pubsub.catalog

    async def CreateTopic(self, request: types.Topic, _caller: str, _patience_s: float) -> types.Topic:
        return topic_to(self._catalog.add_topic(topic_from(request)))

    async def UpdateTopic(self, request: types.UpdateTopicRequest, _caller: str, _patience_s: float) -> types.Topic:
        present = topic_to(self._catalog.topic(request.topic.name).topic)
        return topic_to(self._catalog.replace_topic(topic_from(merge(request.topic, present, request.update_mask))))

    async def GetTopic(self, request: types.GetTopicRequest, _caller: str, _patience_s: float) -> types.Topic:
        return topic_to(self._catalog.topic(request.topic).topic)

    async def DeleteTopic(self, request: types.DeleteTopicRequest, _caller: str, _patience_s: float) -> Empty:
        self._catalog.remove_topic(request.topic)
        return Empty()

    async def ListTopics(
        self, request: types.ListTopicsRequest, _caller: str, _patience_s: float
    ) -> types.ListTopicsResponse:
        project = project_of(check_project(request.project) + "/")
        names, token = page(self._catalog.topics, project, request.page_size, request.page_token)
        topics = [topic_to(self._catalog.topic(name).topic) for name in names]
        return plain(types.ListTopicsResponse)(topics=topics, next_page_token=token)

    async def ListTopicSubscriptions(
        self, request: types.ListTopicSubscriptionsRequest, _caller: str, _patience_s: float
    ) -> types.ListTopicSubscriptionsResponse:
        attached = [outlet.subscription.name for outlet in self._catalog.topic(request.topic).outlets]
        names, token = page(attached, None, request.page_size, request.page_token)
        return plain(types.ListTopicSubscriptionsResponse)(subscriptions=names, next_page_token=token)

    async def ListTopicSnapshots(
        self, request: types.ListTopicSnapshotsRequest, _caller: str, _patience_s: float
    ) -> types.ListTopicSnapshotsResponse:
        taken = [entry.snapshot.name for entry in self._catalog.topic(request.topic).snapshots]
        names, token = page(taken, None, request.page_size, request.page_token)
        return plain(types.ListTopicSnapshotsResponse)(snapshots=names, next_page_token=token)

    async def DetachSubscription(
        self, request: types.DetachSubscriptionRequest, _caller: str, _patience_s: float
    ) -> types.DetachSubscriptionResponse:
        self._catalog.detach(request.subscription)
        return plain(types.DetachSubscriptionResponse)()

    async def Publish(self, request: types.PublishRequest, _caller: str, _patience_s: float) -> types.PublishResponse:
        self._catalog.topic(request.topic)
        messages = request.messages[: MAX_MESSAGES_PER_PUBLISH + 1]
        check_publish([check_message(m.data, m.attributes, m.ordering_key) for m in messages])
        with self._pubsub.state.transaction():
            ids = [self._pubsub.publish(request.topic, m.data, m.attributes, m.ordering_key) for m in messages]
        return plain(types.PublishResponse)(message_ids=ids)
