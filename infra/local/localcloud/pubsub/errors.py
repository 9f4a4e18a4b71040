"""How Pub/Sub refuses a request: one exception per gRPC status it answers with.

Refused
├── InvalidArgument      the request can never be right
├── NotFound             no such topic, subscription or snapshot (also a KeyError, as the Broker protocol says)
├── AlreadyExists        the name is taken
├── FailedPrecondition   right, but not in the state things are in
├── Unimplemented        the service has it, the local cloud has not
└── Interrupted          a planned fault struck
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import grpc


class Refused(Exception):
    """A request that is answered with an error status.

    Args:
        message: for the status details.
        reasons: ack id -> reason, sent as `google.rpc.ErrorInfo` (exactly-once subscriptions only).
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reasons = dict(reasons or {})

    @property
    def status(self) -> grpc.StatusCode:
        """The gRPC status to answer with."""
        return self.code

    def __str__(self) -> str:
        return self.message


class InvalidArgument(Refused):
    """The request can never be right."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(Refused, KeyError):
    """There is no such topic, subscription or snapshot."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Refused):
    """The name is taken."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(Refused):
    """The request is right, but not in the state things are in."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Unimplemented(Refused):
    """The service has this feature, the local cloud has not."""

    code = grpc.StatusCode.UNIMPLEMENTED


class Interrupted(Refused):
    """A planned fault struck."""

    def __init__(self, status: grpc.StatusCode, message: str = "planned fault") -> None:
        super().__init__(message)
        self._status = status

    @property
    def status(self) -> grpc.StatusCode:
        """The status the fault asks for."""
        return self._status
