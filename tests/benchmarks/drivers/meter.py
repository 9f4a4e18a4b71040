"""Counts the bytes that Python's sockets of this process receive, headers and all. Plain HTTP only."""

from __future__ import annotations

import socket
from typing import Any


class Meter:
    """Counts from the moment it is made."""

    def __init__(self) -> None:
        self.received_bytes = 0
        meter = self

        class Counting(socket.socket):
            def recv_into(self, *arguments: Any, **named: Any) -> int:
                size_bytes = super().recv_into(*arguments, **named)
                meter.received_bytes += size_bytes
                return size_bytes

            def recv(self, *arguments: Any, **named: Any) -> bytes:
                content = super().recv(*arguments, **named)
                meter.received_bytes += len(content)
                return content

        socket.socket = Counting  # type: ignore[misc]
