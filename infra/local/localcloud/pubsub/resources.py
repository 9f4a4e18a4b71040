"""What Pub/Sub is made of, as frozen values: topics, subscriptions, snapshots, messages."""

from __future__ import annotations

from typing import Final

import grpc
import msgspec

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0

ENCODER_ATTRIBUTE: Final = "x-localcloud-encoder"
"""Attribute of a push configuration that names the encoder (see `PubSub.register_encoder`) of its requests."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic; `retention_s` is None where it keeps no message that every subscription has acknowledged."""

    name: str
    labels: dict[str, str] = {}
    retention_s: float | None = None
    kms_key_name: str = ""
    regions: list[str] = []


class PushTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push subscription sends its messages, as whom, in which form."""

    endpoint: str
    attributes: dict[str, str] = {}
    oidc_email: str = ""
    oidc_audience: str = ""
    is_unwrapped: bool = False
    writes_metadata: bool = False


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off between the deliveries of one message."""

    min_s: float = 10.0
    max_s: float = 600.0

    def backoff_s(self, failures: int) -> float:
        """How long a message that failed `failures` (>= 1) times waits before its next delivery."""
        return min(self.max_s, self.min_s * 2.0 ** min(failures - 1, 40))


class DeadLetterPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages go that failed `max_attempts` times."""

    topic: str
    max_attempts: int = 5


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription; `ttl_s` is None where it never expires, `push` is None where it is pulled."""

    name: str
    topic: str
    push: PushTarget | None = None
    ack_deadline_s: int = 10
    retains_acked: bool = False
    retention_s: float = 7 * DAY_S
    labels: dict[str, str] = {}
    is_ordered: bool = False
    ttl_s: float | None = 31 * DAY_S
    filter: str = ""
    dead_letter: DeadLetterPolicy | None = None
    retry: RetryPolicy | None = None
    is_detached: bool = False
    is_exactly_once: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription had not acknowledged at one moment, and all that its topic got since."""

    name: str
    topic: str
    expires_at_s: float
    labels: dict[str, str] = {}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A published message; `published_us` is microseconds since 1970."""

    id: int
    data: bytes
    attributes: dict[str, str]
    ordering_key: str
    published_us: int


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message handed to one consumer; `attempt` counts from 1."""

    ack_id: str
    message: Message
    attempt: int
    breaks_after: grpc.StatusCode | None = None
    """A planned fault: it arrives, and then the connection breaks with this status."""
