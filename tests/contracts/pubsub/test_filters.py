"""The filter language: what it accepts, what it means, and that subscriptions obey it."""

from __future__ import annotations

import pytest
from google.api_core import exceptions as gcp
from hypothesis import example, given
from hypothesis import strategies as st

from localcloud.pubsub.errors import InvalidArgument
from localcloud.pubsub.filters import parse_filter

from .clouds import Cloud, bodies

ATTRIBUTES = {"domain": "com", "iana.org/language_tag": "en", "my-key_1": "", "quote": 'a"b', "みんな": "é"}

MEANINGS = [
    ("", True),
    ("   ", True),
    ("attributes:domain", True),
    ("attributes:missing", False),
    ('attributes:"iana.org/language_tag"', True),
    ("attributes:my-key_1", True),
    ("NOT attributes:missing", True),
    ("-attributes:domain", False),
    ('attributes.domain = "com"', True),
    ('attributes.domain="org"', False),
    ('attributes.domain != "org"', True),
    ('attributes.domain != "com"', False),
    ('attributes.missing != "com"', True),
    ('attributes.missing = ""', False),
    ('attributes.my-key_1 = ""', True),
    ('attributes."iana.org/language_tag" = "en"', True),
    ('hasPrefix(attributes.domain, "co")', True),
    ('hasPrefix(attributes.domain,"om")', False),
    ('hasPrefix(attributes.missing, "")', False),
    ('NOT hasPrefix(attributes.domain, "net")', True),
    ('attributes:domain AND attributes.domain = "org"', False),
    ('attributes:missing OR attributes.domain = "com"', True),
    ('attributes:missing OR attributes.domain = "org" OR attributes:domain', True),
    ('(attributes:missing OR attributes:domain) AND NOT (attributes.domain = "org")', True),
    ("-(attributes:domain AND attributes:missing)", True),
    (r'attributes.quote = "a\"b"', True),
    (r'attributes:"\u307F\u3093\u306A"', True),
    (r'attributes."みんな" = "\351"', True),
    (r'attributes."みんな" = "\xE9"', True),
    ("attributes:NOT", False),
]

MISTAKES = [
    "bogus",
    "attributes",
    "attributes.domain",
    "attributes.domain = com",
    "attributes.domain = 'com'",
    'attributes.domain == "com"',
    'attributes.domain < "com"',
    'labels.domain = "com"',
    'data = "x"',
    'hasSuffix(attributes.domain, "m")',
    "hasPrefix(attributes.domain)",
    'hasPrefix(attributes:domain, "c")',
    "attributes:a AND",
    "AND attributes:a",
    "attributes:a attributes:b",
    "attributes:a and attributes:b",
    "attributes:a AND attributes:b OR attributes:c",
    "(attributes:a",
    "attributes:a)",
    "()",
    'attributes.a = "unfinished',
    r'attributes.a = "\q"',
    r'attributes.a = "\uD800"',
    r'attributes.a = "\U00110000"',
    "NOT NOT attributes:a",
    "(" * 200 + "attributes:a" + ")" * 200,
    "attributes:a \x00",
]


@pytest.mark.parametrize(("text", "expected"), MEANINGS)
def test_filter_means(text: str, expected: bool) -> None:
    assert parse_filter(text)(ATTRIBUTES) is expected


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_is_a_syntax_error(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid filter at character"):
        parse_filter(text)


_WORDS = [
    *("attributes", "hasPrefix", "AND", "OR", "NOT", "-", "(", ")", ".", ":", ",", "=", "!=", " "),
    *('"', "\\", "a", "é", '"x"', "key", "\n", "\x00", "\\u00e9", "\\777"),
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(_WORDS), max_size=25).map("".join)))
@example("(" * 5000)
@example('attributes."\\777"="x"')
def test_any_text_is_a_filter_or_a_syntax_error(text: str) -> None:
    try:
        wants = parse_filter(text)
    except InvalidArgument:
        return
    assert wants({}) in (True, False)
    assert wants(ATTRIBUTES) in (True, False)


def test_subscription_gets_only_what_its_filter_wants(cloud: Cloud) -> None:
    topic = cloud.topic()
    workers = cloud.subscription(topic, "workers", filter='attributes.component = "worker"')
    cloud.publish(topic, b"for the web", component="webserver")
    cloud.publish(topic, b"for workers", component="worker")
    cloud.publish(topic, b"for nobody")
    assert bodies(cloud.pull(workers)) == [b"for workers"]
    assert cloud.peek(workers) == []


def test_faulty_filter_is_refused_at_creation(cloud: Cloud) -> None:
    topic = cloud.topic()
    with pytest.raises(gcp.InvalidArgument):
        cloud.subscription(topic, filter="attributes.a = ")
    with pytest.raises(gcp.InvalidArgument):
        cloud.subscription(topic, filter='attributes.a = "' + "x" * 256 + '"')
