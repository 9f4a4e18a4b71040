"""How a child talks to its parent: length-prefixed JSON, each frame opened by a number only the two were told."""

from __future__ import annotations

import msgspec

from dagwarden.validate.report import ChildReport, Deed, Message

NONCE_BYTES = 16
LENGTH_BYTES = 4

_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_ENCODER = msgspec.json.Encoder()


class Forged(Exception):
    """Bytes that the child's own code did not write."""


def frame(nonce: bytes, message: Message) -> bytes:
    """A message as it goes over the pipe."""
    try:
        content = _ENCODER.encode(message)
    except UnicodeEncodeError:
        content = _ENCODER.encode(_replace_surrogates(msgspec.to_builtins(message)))
    return nonce + len(content).to_bytes(LENGTH_BYTES, "big") + content


def _replace_surrogates(value: object) -> object:
    """The same, with `?` for what no text may hold: names of files, and what strangers make up, may have it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _replace_surrogates(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_surrogates(each) for each in value]
    return value


def read_frames(nonce: bytes, content: bytes, *, is_whole: bool) -> tuple[list[Deed], ChildReport | None]:
    """Everything a child said: its deeds, and its last word where it came to it.

    Args:
        is_whole: whether the child ended by itself; one that was killed may have been cut off in a frame.

    Raises:
        Forged: a frame is opened by another number, is no message, or follows the last word.
    """
    deeds: list[Deed] = []
    report: ChildReport | None = None
    head = NONCE_BYTES + LENGTH_BYTES
    at = 0
    while at < len(content):
        if report is not None or not content[at : at + head].startswith(nonce[: len(content) - at]):
            raise Forged
        start = at + head
        at = start + int.from_bytes(content[start - LENGTH_BYTES : start], "big")
        if at > len(content) or start > len(content):
            if is_whole:
                raise Forged
            break
        message = _read(content[start:at])
        if isinstance(message, Deed):
            deeds.append(message)
        else:
            report = message
    return deeds, report


def _read(content: bytes) -> Message:
    try:
        return _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Forged from error
