"""Pub/Sub servers as the tests see them: through the real clients, and the local one in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.api_core.gapic_v1.client_info import ClientInfo
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import BatchSettings, PublisherOptions
from google.pubsub_v1.types import PublishRequest, ReceivedMessage

from localcloud.calls import Calls
from localcloud.pubsub import PubSub
from localcloud.state import State

PROJECT = "proj-local"

T = TypeVar("T")


def within(timeout_s: float, question: Callable[[], T]) -> T:
    """The first true answer to `question`, asked until then."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            assert answer, f"not within {timeout_s} s: {question}"
            return answer
        time.sleep(0.01)


class Cloud:
    """A Pub/Sub server through the real clients, with a topic and a subscription namespace of its own."""

    def __init__(self, host: str, *, is_local: bool, caller: str = "") -> None:
        self.host = host
        self.is_local = is_local
        self._tag = uuid.uuid4().hex[:10]
        info = ClientInfo(user_agent=f"dagwarden/1.0 ({caller})") if caller else None
        more: dict[str, Any] = {"client_info": info} if info else {}
        with pytest.MonkeyPatch.context() as environ:
            environ.setenv("PUBSUB_EMULATOR_HOST", host)
            self.publisher = pubsub_v1.PublisherClient(
                batch_settings=BatchSettings(max_messages=1),
                publisher_options=PublisherOptions(enable_message_ordering=True),
                **more,
            )
            self.subscriber = pubsub_v1.SubscriberClient(**more)

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def as_caller(self, caller: str) -> Cloud:
        """The same server, called by another."""
        return Cloud(self.host, is_local=self.is_local, caller=caller)

    def name(self, kind: str, name: str) -> str:
        return f"projects/{PROJECT}/{kind}s/{name}-{self._tag}"

    def topic(self, name: str = "top", **fields: Any) -> str:
        full = self.name("topic", name)
        self.publisher.create_topic(request={"name": full, **fields})
        return full

    def subscription(self, topic: str, name: str = "sub", **fields: Any) -> str:
        full = self.name("subscription", name)
        self.subscriber.create_subscription(request={"name": full, "topic": topic, **fields})
        return full

    def pair(self, **fields: Any) -> tuple[str, str]:
        """A new topic and a subscription to it."""
        topic = self.topic()
        return topic, self.subscription(topic, **fields)

    def publish(self, topic: str, *bodies: bytes, ordering_key: str = "", **attributes: str) -> list[str]:
        """The ids of messages published one after another in one request."""
        # The hand-written client hides the generated `publish`.
        messages = [{"data": body, "attributes": attributes, "ordering_key": ordering_key} for body in bodies]
        request = PublishRequest(topic=topic, messages=messages)
        return list(self.publisher.transport.publish(request).message_ids)

    def pull(self, subscription: str, count: int = 1, timeout_s: float = 8.0) -> list[ReceivedMessage]:
        """`count` messages at least, in the order they came."""
        got: list[ReceivedMessage] = []
        deadline = time.monotonic() + timeout_s
        while len(got) < count:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"{len(got)} of {count} messages within {timeout_s} s: {bodies(got)}"
            try:
                answer = self.subscriber.pull(subscription=subscription, max_messages=100, timeout=left_s, retry=None)
            except DeadlineExceeded:
                continue
            got += answer.received_messages
        return got

    def peek(self, subscription: str) -> list[ReceivedMessage]:
        """What is ready now."""
        return list(
            self.subscriber.pull(
                request={"subscription": subscription, "max_messages": 100, "return_immediately": True}
            ).received_messages
        )

    def ack(self, subscription: str, received: list[ReceivedMessage]) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in received])

    def nack(self, subscription: str, received: list[ReceivedMessage]) -> None:
        self.give(subscription, received, 0)

    def give(self, subscription: str, received: list[ReceivedMessage], seconds: int) -> None:
        """Let the leases run `seconds` from now."""
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[each.ack_id for each in received], ack_deadline_seconds=seconds
        )


def bodies(received: list[ReceivedMessage]) -> list[bytes]:
    return [each.message.data for each in received]


class LocalServer:
    """The local Pub/Sub in a thread of its own; `on_loop` runs something where it lives."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time, port: int = 0, **options: Any) -> None:
        self._folder = folder
        self._options = {"clock": clock, **options}
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.port = port
        self.calls = Calls()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        self._ready.wait(20)
        assert self._error is None, self._error

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        state = State(self._folder)
        self.pubsub = PubSub(state, self.calls, **self._options)
        try:
            self.port = await self.pubsub.start("127.0.0.1", self.port)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._ready.set()
        await self._stopping.wait()
        await self.pubsub.stop()
        state.close()

    def on_loop(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in the server's thread."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(20)
