"""Commits as git stores them: their ids, who signed them, and what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

_SIGNATURES = {40: b"gpgsig", 64: b"gpgsig-sha256"}
"""The header that holds the signature, by the length of the repository's ids; all others of these are no payload.

Source: git, commit.c, parse_buffer_signed_by_header.
"""


class SignedCommit(msgspec.Struct, frozen=True):
    """A commit taken apart."""

    payload: bytes
    """What is signed: the commit without its signatures."""
    signature: str
    """Armored, of SSH or PGP; empty when nobody signed."""


def is_commit(content: bytes, commit: str) -> bool:
    """Whether some bytes are the commit that an id stands for, in a repository of SHA-1 or of SHA-256.

    >>> is_commit(b"", "dcf5b16e76cce7425d0beaef62d79a7d10fce1f5")
    True
    """
    whole = b"commit %d\0" % len(content) + content
    if len(commit) == 40:
        return hashlib.sha1(whole, usedforsecurity=False).hexdigest() == commit
    return hashlib.sha256(whole).hexdigest() == commit


def split_commit(content: bytes, commit: str) -> SignedCommit:
    """The signature of a commit apart from what it signs.

    Args:
        commit: its id.
    """
    headers, blank, message = content.partition(b"\n\n")
    wanted = _SIGNATURES.get(len(commit), b"")
    payload, signature = [], []
    name = b""
    for line in headers.split(b"\n"):
        if not line.startswith(b" "):
            name = line.partition(b" ")[0]
        if name not in _SIGNATURES.values():
            payload.append(line)
        elif name == wanted:
            signature.append(line.removeprefix(name).removeprefix(b" "))
    return SignedCommit(b"\n".join(payload) + blank + message, _decode(signature))


def _decode(lines: Iterable[bytes]) -> str:
    return b"\n".join(lines).decode("ascii", "replace")
