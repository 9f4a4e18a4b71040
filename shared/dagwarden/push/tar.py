"""Reads gzip tars of strangers: bounded, in the narrow dialect that `ledger.archive` writes, nothing else."""

from __future__ import annotations

import enum
import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator

import msgspec

from dagwarden.errors import InvalidInput, LimitExceeded

_BLOCK_BYTES = 512
_STEP_BYTES = 64 * 1024
_MAX_PAX_BYTES = 8 * 1024
_ZEROS = bytes(_BLOCK_BYTES)
_PAX_LENGTH = re.compile(rb"([1-9]\d{0,4}) ")


class MemberKind(enum.Enum):
    """What a tar member claims to be. Only files are ever taken; the others are named when refused."""

    FILE = "file"
    LINK = "link"
    DEVICE = "device"
    FOLDER = "folder"


_KINDS: dict[bytes, MemberKind] = {
    tarfile.REGTYPE: MemberKind.FILE,
    tarfile.AREGTYPE: MemberKind.FILE,
    tarfile.LNKTYPE: MemberKind.LINK,
    tarfile.SYMTYPE: MemberKind.LINK,
    tarfile.CHRTYPE: MemberKind.DEVICE,
    tarfile.BLKTYPE: MemberKind.DEVICE,
    tarfile.FIFOTYPE: MemberKind.DEVICE,
    tarfile.DIRTYPE: MemberKind.FOLDER,
}


class Member(msgspec.Struct, frozen=True):
    """One member as read; nothing of it is believed yet."""

    name: str
    """As it stands in the archive; bytes that are no UTF-8 come as lone surrogates."""
    kind: MemberKind
    size_bytes: int
    content: bytes | None
    """None when it is no file, or larger than was asked for (then it was passed over unread)."""


def read_tar_gz(content: bytes, *, max_bytes: int, max_member_bytes: int) -> Iterator[Member]:
    """The members of a gzip tar, one after another; nothing is written anywhere.

    Written anew over `TarInfo.frombuf` rather than with `tarfile.open`: of tar we take plain files with at most a long
    name, and the standard reader's handling of all the rest has been a source of endless loops on hostile headers.

    Args:
        max_bytes: how much may come out of the decompressor in all, headers included.
        max_member_bytes: files larger than this are passed over: their `content` is None.

    Raises:
        InvalidInput: this is no gzip, no tar, ends too early, or uses what this dialect does not (GNU names, sparse
            files, pax headers other than a path).
        LimitExceeded: more than `max_bytes` came out; raised before more is decompressed.

    Source: POSIX.1-2017 pax, "ustar Interchange Format"; CVE-2025-8194 (tarfile and negative sizes).
    """
    reader = _Reader(content, max_bytes)
    long_name = None
    while (block := reader.take(_BLOCK_BYTES)) != _ZEROS:
        header = _parse_header(block)
        if header.type == tarfile.XHDTYPE:
            if long_name is not None or header.size > _MAX_PAX_BYTES:
                raise _refuse("pax headers that say more than a path")
            long_name = _parse_pax_path(reader.take_padded(header.size))
            continue
        yield _read_member(reader, header, long_name or header.name, max_member_bytes)
        long_name = None
    if long_name is not None:
        raise _refuse("a pax header without a file")
    reader.expect_end()


class _Reader:
    """Decompresses on demand and counts what came out."""

    def __init__(self, content: bytes, max_bytes: int) -> None:
        self._stream = gzip.GzipFile(fileobj=io.BytesIO(content), mode="rb")
        self._left_bytes = max_bytes
        self._max_bytes = max_bytes

    def take(self, size: int) -> bytes:
        """Exactly so many bytes."""
        if size > self._left_bytes:
            raise LimitExceeded(f"holds more than {self._max_bytes:,} bytes", operation="read archive")
        found = self._read(size)
        if len(found) != size:
            raise _refuse("it ends too early")
        self._left_bytes -= size
        return found

    def take_padded(self, size: int) -> bytes:
        """Exactly so many bytes, and past their padding to a whole block."""
        found = self.take(size)
        self.take(-size % _BLOCK_BYTES)
        return found

    def skip_padded(self, size: int) -> None:
        """Past so many bytes and their padding, holding little of them."""
        left = size + -size % _BLOCK_BYTES
        while left:
            left -= len(self.take(min(left, _STEP_BYTES)))

    def expect_end(self) -> None:
        """The second of the two closing blocks, then nothing but zeros (and the gzip checksum holds)."""
        if self.take(_BLOCK_BYTES) != _ZEROS:
            raise _refuse("one closing block instead of two")
        while rest := self._read(min(_STEP_BYTES, self._left_bytes + 1)):
            if rest.strip(b"\0"):
                raise _refuse("bytes after its end")
            self.take_back(len(rest))

    def take_back(self, size: int) -> None:
        """Count bytes that were read ahead of the limit."""
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise LimitExceeded(f"holds more than {self._max_bytes:,} bytes", operation="read archive")

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise _refuse(f"no whole gzip: {error}") from error


def _read_member(reader: _Reader, header: tarfile.TarInfo, name: str, max_member_bytes: int) -> Member:
    kind = _KINDS.get(header.type)
    if kind is None:
        raise _refuse(f"a member of type {header.type!r}")
    if kind is not MemberKind.FILE:
        if header.size:
            raise _refuse(f"a {kind.value} with content")
        return Member(name, kind, 0, None)
    if header.size > max_member_bytes:
        reader.skip_padded(header.size)
        return Member(name, kind, header.size, None)
    return Member(name, kind, header.size, reader.take_padded(header.size))


def _parse_header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise _refuse(f"no tar header: {error}") from error
    if header.size < 0:
        raise _refuse("a member of negative size")
    return header


def _parse_pax_path(content: bytes) -> str:
    """The path in a pax header that holds nothing else."""
    match = _PAX_LENGTH.match(content)
    if match is None or int(match[1]) != len(content) or not content.endswith(b"\n"):
        raise _refuse("pax headers that say more than a path")
    key, _, value = content[match.end() : -1].partition(b"=")
    if key != b"path" or not value:
        raise _refuse(f"the pax header {key[:40]!r}")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse("a name that is no UTF-8") from error


def _refuse(what: str) -> InvalidInput:
    return InvalidInput(f"not an archive we can read: {what}", operation="read archive")
