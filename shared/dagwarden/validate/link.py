"""The line between the engine and its warm parent: length-prefixed JSON both ways."""

from __future__ import annotations

import socket

import msgspec

from dagwarden.errors import Unavailable
from dagwarden.validate.report import Answer, Job

LENGTH_BYTES = 4

_ANSWERS: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_JOBS = msgspec.json.Decoder(Job)
_ENCODER = msgspec.json.Encoder()


class Link:
    """One end of it.

    Args:
        line: a connected stream; a timeout set on it bounds each wait.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def send(self, message: Job | Answer) -> None:
        """The other end will read it.

        Raises:
            Unavailable: it is gone.
        """
        content = _ENCODER.encode(message)
        try:
            self._line.sendall(len(content).to_bytes(LENGTH_BYTES, "big") + content)
        except OSError as error:
            raise Unavailable(f"the other end is gone: {error}", operation="validate") from error

    def receive_answer(self, timeout_s: float) -> Answer:
        """What the warm parent says next.

        Raises:
            Unavailable: it is gone, or silent for longer.
        """
        self._line.settimeout(timeout_s)
        content = self._receive()
        if content is None:
            raise Unavailable("the warm parent is gone", operation="validate")
        return _ANSWERS.decode(content)

    def receive_job(self) -> Job | None:
        """What the engine asks for next; None when it is gone."""
        content = self._receive()
        return None if content is None else _JOBS.decode(content)

    def close(self) -> None:
        """The other end sees the end of the line."""
        self._line.close()

    def _receive(self) -> bytes | None:
        head = self._read(LENGTH_BYTES)
        return None if head is None else self._read(int.from_bytes(head, "big"))

    def _read(self, size: int) -> bytes | None:
        content = bytearray()
        while len(content) < size:
            try:
                part = self._line.recv(min(1 << 20, size - len(content)))
            except TimeoutError as error:
                raise Unavailable("the warm parent is silent", operation="validate") from error
            except OSError:
                return None
            if not part:
                return None
            content += part
        return bytes(content)
