"""The local Pub/Sub: google.pubsub.v1 over gRPC, kept in SQLite, with push delivery and planned faults."""

from .broker import PubSub
from .encoders import Encoder, PushRequest, encode_wrapped, rfc3339
from .errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Refused
from .faults import caller_of
from .push import SignOidc
from .resources import (
    ENCODER_ATTRIBUTE,
    DeadLetterPolicy,
    Message,
    PushTarget,
    RetryPolicy,
    Subscription,
    Topic,
)

__all__ = [
    "ENCODER_ATTRIBUTE",
    "AlreadyExists",
    "DeadLetterPolicy",
    "Encoder",
    "FailedPrecondition",
    "InvalidArgument",
    "Message",
    "NotFound",
    "PubSub",
    "PushRequest",
    "PushTarget",
    "Refused",
    "RetryPolicy",
    "SignOidc",
    "Subscription",
    "Topic",
    "caller_of",
    "encode_wrapped",
    "rfc3339",
]
