"""Requests that are wrong, huge or nonsense: each has its status, none is INTERNAL or UNKNOWN."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as gcp
from google.pubsub_v1.types import PublishRequest, PubsubMessage, StreamingPullRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.pubsub.rpc import PUBLISHER, SUBSCRIBER

from .clouds import Cloud

BAD = grpc.StatusCode.INVALID_ARGUMENT


def raw(cloud: Cloud, method: str, request: bytes) -> grpc.StatusCode:
    """The status the method answers these bytes with."""
    service = "Publisher" if method in PUBLISHER else "Subscriber"
    with grpc.insecure_channel(cloud.host, options=[("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(f"/google.pubsub.v1.{service}/{method}")
        try:
            call(request, timeout=10)
        except grpc.RpcError as error:
            status: grpc.StatusCode = error.code()
            return status
    return grpc.StatusCode.OK


def publish(cloud: Cloud, topic: str, *messages: dict[str, Any]) -> grpc.StatusCode:
    request = PublishRequest(topic=topic, messages=[PubsubMessage(**message) for message in messages])
    return raw(cloud, "Publish", PublishRequest.serialize(request))


MESSAGES: dict[str, dict[str, Any]] = {
    "empty": {},
    "over 10 MB": {"data": b"x" * 10_000_001},
    "over 10 MB with attributes": {"data": b"x" * 9_999_999, "attributes": {"a": "bc"}},
    "over 100 attributes": {"data": b"x", "attributes": {str(number): "" for number in range(101)}},
    "key over 256 bytes": {"data": b"x", "attributes": {"é" * 129: ""}},
    "empty key": {"data": b"x", "attributes": {"": "value"}},
    "reserved key": {"data": b"x", "attributes": {"googclient": "value"}},
    "value over 1024 bytes": {"data": b"x", "attributes": {"key": "é" * 513}},
    "ordering key over 1 KB": {"data": b"x", "ordering_key": "k" * 1025},
}


@pytest.mark.parametrize("fault", MESSAGES)
def test_message_over_a_limit_is_refused(local: Cloud, fault: str) -> None:
    assert publish(local, local.topic(), MESSAGES[fault]) is BAD


def test_message_at_the_limits_is_taken(local: Cloud) -> None:
    topic = local.topic()
    attributes = {f"{number:03}" + "k" * 253: "v" * 1024 for number in range(100)}
    assert (
        publish(local, topic, {"data": b"x", "attributes": attributes, "ordering_key": "k" * 1024})
        is grpc.StatusCode.OK
    )
    assert publish(local, topic, {"data": b"x" * 10_000_000}) is grpc.StatusCode.OK


def test_publish_of_none_or_too_many_is_refused(local: Cloud) -> None:
    topic = local.topic()
    assert publish(local, topic) is BAD
    assert publish(local, topic, *[{"data": b"x"}] * 1001) is BAD
    assert publish(local, topic, *[{"data": b"x" * 6_000_000}] * 2) is BAD


def test_one_bad_message_keeps_its_whole_request_out(local: Cloud) -> None:
    topic, subscription = local.pair()
    assert publish(local, topic, {"data": b"good"}, {}) is BAD
    assert local.peek(subscription) == []


NAMES = [
    *("", "top", "projects/proj-local/topics/", "projects//topics/abc", "projects/proj-local/topics/ab"),
    *("projects/proj-local/topics/google", "projects/proj-local/topics/1abc", "projects/proj-local/topics/a/bc"),
    *("projects/proj-local/topics/a b", "projects/proj-local/topics/" + "x" * 256, "projects/proj-local/topics/é-é"),
    *(
        "projects/proj-local/subscriptions/abc",
        "../topics/abc",
        "projects/proj-local/topics/abc\x00",
        "_deleted-topic_",
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_malformed_topic_name_is_refused(local: Cloud, name: str) -> None:
    with pytest.raises(gcp.InvalidArgument):
        local.publisher.create_topic(name=name)
    with pytest.raises(gcp.InvalidArgument):
        local.publisher.get_topic(topic=name)
    with pytest.raises(gcp.InvalidArgument):
        local.subscription(name)
    assert publish(local, name, {"data": b"x"}) is BAD


def dead_letter(attempts: int) -> dict[str, Any]:
    return {
        "dead_letter_policy": {
            "dead_letter_topic": "projects/proj-local/topics/dead",
            "max_delivery_attempts": attempts,
        }
    }


def retry(least_s: float, most_s: float) -> dict[str, Any]:
    least, most = timedelta(seconds=least_s), timedelta(seconds=most_s)
    return {"retry_policy": {"minimum_backoff": least, "maximum_backoff": most}}


SUBSCRIPTIONS: list[dict[str, Any]] = [
    {"ack_deadline_seconds": 9},
    {"ack_deadline_seconds": 601},
    {"ack_deadline_seconds": -1},
    {"message_retention_duration": timedelta(minutes=9)},
    {"message_retention_duration": timedelta(days=32)},
    {"expiration_policy": {"ttl": timedelta(hours=23)}},
    {"expiration_policy": {"ttl": timedelta(days=2)}},
    dead_letter(4),
    dead_letter(101),
    {"dead_letter_policy": {"dead_letter_topic": "nonsense"}},
    retry(601, 601),
    retry(20, 10),
    retry(-1, 10),
    {"push_config": {"push_endpoint": "not a url"}},
    {"push_config": {"push_endpoint": "ftp://host/path"}},
    {"push_config": {"push_endpoint": "http://[broken"}},
    {"push_config": {"push_endpoint": "http://host:99999/"}},
    {"push_config": {"push_endpoint": "http://h/"}, "enable_exactly_once_delivery": True},
    {"labels": {str(number): "" for number in range(65)}},
    {"labels": {"k" * 64: ""}},
]


@pytest.mark.parametrize("fields", SUBSCRIPTIONS, ids=str)
def test_subscription_over_a_limit_is_refused(local: Cloud, fields: dict[str, Any]) -> None:
    with pytest.raises(gcp.InvalidArgument):
        local.subscription(local.topic(), **fields)


def test_feature_the_local_one_lacks_is_said_to_be_missing(local: Cloud) -> None:
    with pytest.raises(gcp.MethodNotImplemented, match="BigQuery"):
        local.subscription(local.topic(), bigquery_config={"table": "a.b.c"})
    with pytest.raises(gcp.MethodNotImplemented, match="schemas"):
        local.topic("with-schema", schema_settings={"schema": "projects/p/schemas/s"})


@pytest.mark.parametrize("ack_id", ["", "nonsense", "1-00000000-1-1", "-1--", "9" * 5000, "é-é-é-é"])
def test_foreign_ack_id_is_refused(local: Cloud, ack_id: str) -> None:
    _, subscription = local.pair()
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.acknowledge(subscription=subscription, ack_ids=[ack_id])
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=10)


def test_requests_that_say_nothing_are_refused(local: Cloud) -> None:
    _, subscription = local.pair()
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.acknowledge(subscription=subscription, ack_ids=[])
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.pull(subscription=subscription, max_messages=0)
    with pytest.raises(gcp.InvalidArgument):
        local.subscriber.seek(request={"subscription": subscription})
    with pytest.raises(gcp.InvalidArgument):
        local.publisher.list_topics(request={"project": "projects/proj-local", "page_size": -1})
    with pytest.raises(gcp.InvalidArgument):
        local.publisher.list_topics(project="proj-local")


@pytest.mark.parametrize("seconds", [-1, 601])
def test_deadline_out_of_range_is_refused(local: Cloud, seconds: int) -> None:
    topic, subscription = local.pair()
    local.publish(topic, b"x")
    with pytest.raises(gcp.InvalidArgument):
        local.give(subscription, local.pull(subscription), seconds)


STREAMS: dict[str, list[dict[str, Any]]] = {
    "no subscription": [{"stream_ack_deadline_seconds": 10}],
    "no deadline": [{"subscription": "SUB"}],
    "deadline too long": [{"subscription": "SUB", "stream_ack_deadline_seconds": 601}],
    "named twice": [{"subscription": "SUB", "stream_ack_deadline_seconds": 10}, {"subscription": "SUB"}],
    "foreign ack id": [{"subscription": "SUB", "stream_ack_deadline_seconds": 10, "ack_ids": ["x"]}],
    "lengths differ": [{"subscription": "SUB", "stream_ack_deadline_seconds": 10, "modify_deadline_seconds": [10]}],
    "nothing": [],
}


@pytest.mark.parametrize("fault", STREAMS)
def test_malformed_stream_is_refused(local: Cloud, fault: str) -> None:
    _, subscription = local.pair()
    requests = [
        StreamingPullRequest(**{key: subscription if value == "SUB" else value for key, value in each.items()})
        for each in STREAMS[fault]
    ]
    with grpc.insecure_channel(local.host) as channel:
        call = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")
        answers = call(iter([StreamingPullRequest.serialize(each) for each in requests]), timeout=10)
        with pytest.raises(grpc.RpcError) as refusal:
            list(answers)
    assert refusal.value.code() is BAD


@pytest.mark.parametrize("method", [*PUBLISHER, *SUBSCRIBER])
def test_bytes_that_are_no_request_are_refused(local: Cloud, method: str) -> None:
    assert raw(local, method, b"\xff\xff\xff") is BAD


def test_unknown_method_is_unimplemented(local: Cloud) -> None:
    assert raw(local, "Nonsense", b"") is grpc.StatusCode.UNIMPLEMENTED


FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
}


def requests_of(method: str) -> st.SearchStrategy[bytes]:
    """Well-formed and mangled encodings of the method's request."""
    wrapper = {**PUBLISHER, **SUBSCRIBER}[method].request
    fields = wrapper.pb().DESCRIPTOR.fields
    tags = st.sampled_from([(field.number << 3 | wire) for field in fields for wire in (0, 1, 2)])
    name = st.sampled_from(["projects/proj-local/topics/abc", "projects/proj-local/subscriptions/abc", "projects/p-x"])
    texts = st.one_of(name.map(str.encode), st.binary(max_size=12))
    part = st.tuples(tags, st.integers(0, 2**31), texts).map(lambda each: _field(*each))
    return st.lists(part, max_size=5).map(b"".join)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _field(tag: int, number: int, text: bytes) -> bytes:
    value = {0: _varint(number), 1: number.to_bytes(8, "little"), 2: _varint(len(text)) + text}[tag & 7]
    return _varint(tag) + value


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted({*PUBLISHER, *SUBSCRIBER} - {"Pull"})).flatmap(
        lambda m: st.tuples(st.just(m), requests_of(m))
    )
)
def test_any_request_has_a_status_of_its_own(local: Cloud, case: tuple[str, bytes]) -> None:
    assert raw(local, *case) in FINE
