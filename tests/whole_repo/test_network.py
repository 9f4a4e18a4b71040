"""A test that tries to leave the machine fails, even where what it calls swallows the failure."""

from __future__ import annotations

import contextlib
import socket

import pytest

from tests.conftest import LEFT, is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "api.localhost", b"localhost", "", None, "0.0.0.0"]
)
def test_loopback_is_this_machine(host: object) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["storage.googleapis.com", "10.0.0.1", "169.254.169.254", "2001:db8::1", "localhost.example.com"]
)
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_a_look_up_and_a_connect_are_refused() -> None:
    with pytest.raises(RuntimeError, match="leave the machine"):
        socket.getaddrinfo("storage.googleapis.com", 443)
    with socket.socket() as plug, pytest.raises(RuntimeError, match="leave the machine"):
        plug.connect(("192.0.2.1", 443))
    LEFT.clear()


def test_a_swallowed_refusal_is_still_known() -> None:
    with contextlib.suppress(RuntimeError):
        socket.getaddrinfo("metadata.google.internal", 80)
    assert LEFT == ["socket.getaddrinfo metadata.google.internal"]
    LEFT.clear()
