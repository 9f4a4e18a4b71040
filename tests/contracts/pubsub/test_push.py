"""Push subscriptions: what the endpoint receives, and what its answers do."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as gcp

from localcloud.calls import Calls
from localcloud.pubsub import ENCODER_ATTRIBUTE, Message, PubSub, PushRequest, PushTarget, Subscription
from localcloud.pubsub.store import Store
from localcloud.state import State

from .clouds import Cloud, LocalServer, bodies, within
from .endpoint import Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.close()


def pushing(cloud: Cloud, endpoint: Endpoint, push: dict[str, Any] | None = None, **fields: Any) -> tuple[str, str]:
    return cloud.pair(push_config={"push_endpoint": endpoint.url, **(push or {})}, **fields)


def test_push_carries_the_wrapped_message(cloud: Cloud, endpoint: Endpoint) -> None:
    topic, subscription = pushing(cloud, endpoint)
    [message_id] = cloud.publish(topic, b"\x00 body", key="value")
    within(8, lambda: endpoint.pushes)
    [push] = endpoint.pushes
    envelope = push.envelope
    message = envelope["message"]
    assert envelope["subscription"] == subscription
    assert base64.b64decode(message["data"]) == b"\x00 body"
    assert message["attributes"] == {"key": "value"}
    assert message["messageId"] == message["message_id"] == message_id
    assert message["publishTime"] == message["publish_time"]
    assert abs(datetime.fromisoformat(message["publishTime"]) - datetime.now(UTC)) < timedelta(seconds=20)
    assert push.headers["content-type"].startswith("application/json")
    assert "authorization" not in push.headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_good_answers_acknowledge(local: Cloud, endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda _push: status
    topic, subscription = pushing(local, endpoint)
    local.publish(topic, b"x")
    within(8, lambda: endpoint.pushes)
    local.subscriber.modify_push_config(subscription=subscription, push_config={})
    assert local.peek(subscription) == []


def test_failed_push_comes_again_until_it_is_taken(cloud: Cloud, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _push: 500 if len(endpoint.pushes) < 3 else 200
    topic, _ = pushing(cloud, endpoint)
    cloud.publish(topic, b"x")
    within(10, lambda: len(endpoint.pushes) == 3)
    assert len({push.envelope["message"]["messageId"] for push in endpoint.pushes}) == 1


@pytest.mark.parametrize("status", [206, 302, 400, 404, 412, 429, 503])
def test_other_answers_bring_the_push_again(local: Cloud, endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda _push: status if len(endpoint.pushes) < 2 else 200
    topic, _ = pushing(local, endpoint)
    local.publish(topic, b"x")
    within(8, lambda: len(endpoint.pushes) == 2)


def test_unreachable_endpoint_is_tried_again(local: Cloud, endpoint: Endpoint) -> None:
    topic, subscription = local.pair(push_config={"push_endpoint": "http://127.0.0.1:9/nobody"})
    local.publish(topic, b"x")
    local.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": endpoint.url})
    within(8, lambda: endpoint.pushes)


def test_push_counts_attempts_and_buries(local: Cloud, endpoint: Endpoint) -> None:
    endpoint.answer = lambda _push: 500
    grave = local.topic("grave")
    graveyard = local.subscription(grave, "graveyard")
    topic, _ = pushing(
        local, endpoint,
        dead_letter_policy={"dead_letter_topic": grave, "max_delivery_attempts": 5},
        retry_policy={"minimum_backoff": timedelta(seconds=0.01), "maximum_backoff": timedelta(seconds=0.02)},
    )  # fmt: skip
    local.publish(topic, b"poison")
    assert bodies(local.pull(graveyard)) == [b"poison"]
    assert [push.envelope["deliveryAttempt"] for push in endpoint.pushes] == [1, 2, 3, 4, 5]


def test_pushes_of_different_keys_run_at_once_and_of_one_key_in_turn(local: Cloud, endpoint: Endpoint) -> None:
    together = threading.Barrier(2)

    def meet(push: Any) -> int:
        if push.envelope["message"]["orderingKey"] in ("a", "b") and len(endpoint.pushes) <= 2:
            together.wait(8)
        return 200

    endpoint.answer = meet
    topic, _ = pushing(local, endpoint, enable_message_ordering=True)
    for key in "ab":
        local.publish(topic, *[b"%d" % number for number in range(5)], ordering_key=key)
    within(8, lambda: len(endpoint.pushes) == 10)
    for key in "ab":
        messages = [push.envelope["message"] for push in endpoint.pushes]
        numbers = [int(base64.b64decode(each["data"])) for each in messages if each["orderingKey"] == key]
        assert numbers == [0, 1, 2, 3, 4]


def test_pulling_from_a_push_subscription_is_refused(local: Cloud, endpoint: Endpoint) -> None:
    _, subscription = pushing(local, endpoint)
    with pytest.raises(gcp.FailedPrecondition):
        local.peek(subscription)


def test_unwrapped_push_carries_the_bare_data(local: Cloud, endpoint: Endpoint) -> None:
    topic, _ = pushing(local, endpoint, {"no_wrapper": {"write_metadata": True}})
    [message_id] = local.publish(topic, b"bare", key="value")
    within(8, lambda: endpoint.pushes)
    [push] = endpoint.pushes
    assert push.body == b"bare"
    assert (push.headers["x-goog-pubsub-message-id"], push.headers["key"]) == (message_id, "value")


def test_push_carries_a_token_for_its_account_and_audience(tmp_path: Path, endpoint: Endpoint) -> None:
    server = LocalServer(tmp_path, sign_oidc=lambda email, audience: f"token.{email}.{audience}")
    cloud = Cloud(server.host, is_local=True)
    account = "push@proj-local.iam.gserviceaccount.com"
    topic, _ = pushing(cloud, endpoint, {"oidc_token": {"service_account_email": account}})
    cloud.publish(topic, b"x")
    within(8, lambda: endpoint.pushes)
    cloud.close()
    server.stop()
    assert endpoint.pushes[0].headers["authorization"] == f"Bearer token.{account}.{endpoint.url}"


def test_named_encoder_makes_the_request(local: Cloud, local_server: LocalServer, endpoint: Endpoint) -> None:
    def encode(subscription: Subscription, message: Message, attempt: int) -> PushRequest:
        body = f"{subscription.name} {message.data.decode()} {attempt}".encode()
        return PushRequest(headers={"ce-type": "test"}, body=body)

    local_server.on_loop(lambda: local_server.pubsub.register_encoder("test", encode))
    topic, subscription = pushing(local, endpoint, {"attributes": {ENCODER_ATTRIBUTE: "test"}})
    local.publish(topic, b"x")
    within(8, lambda: endpoint.pushes)
    assert endpoint.pushes[0].body == f"{subscription} x 1".encode()
    assert endpoint.pushes[0].headers["ce-type"] == "test"


def test_encoder_that_fails_is_asked_again(local: Cloud, local_server: LocalServer, endpoint: Endpoint) -> None:
    asked: list[int] = []

    def encode(_subscription: Subscription, _message: Message, attempt: int) -> PushRequest:
        asked.append(attempt)
        if attempt == 1:
            raise ValueError("not today")
        return PushRequest(headers={}, body=b"made")

    local_server.on_loop(lambda: local_server.pubsub.register_encoder("moody", encode))
    topic, _ = pushing(local, endpoint, {"attributes": {ENCODER_ATTRIBUTE: "moody"}})
    local.publish(topic, b"x")
    within(8, lambda: endpoint.pushes)
    assert asked == [1, 2]


async def test_slow_endpoint_runs_into_the_ack_deadline(tmp_path: Path, endpoint: Endpoint) -> None:
    released = threading.Event()
    endpoint.answer = lambda _push: 200 if len(endpoint.pushes) > 1 or released.wait(30) else 500
    state = State(tmp_path)
    pubsub = PubSub(state, Calls())
    topic = pubsub.create_topic("projects/proj-local/topics/top")
    # Shorter than the service allows, so that the test need not wait ten seconds.
    quick = Subscription(
        name="projects/proj-local/subscriptions/sub",
        topic=topic.name,
        ack_deadline_s=1,
        push=PushTarget(endpoint=endpoint.url),
    )
    Store(state).add_resource("subscription", quick.name, quick, pubsub.now_us())
    pubsub = PubSub(state, Calls())
    await pubsub.start()
    pubsub.publish(topic.name, b"x", {})
    await asyncio.to_thread(within, 8, lambda: len(endpoint.pushes) == 2)
    released.set()
    await pubsub.stop()
    state.close()
