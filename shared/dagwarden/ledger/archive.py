"""Files as one deterministic gzip tar named by its content: deltas and snapshots."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable

import msgspec

from dagwarden.errors import Tampered
from dagwarden.names import Digest, ReleasePath
from dagwarden.push.manifest import FileMode
from dagwarden.wire import digest

MEMBER_PREFIX = "files/"


class PlainFile(msgspec.Struct, frozen=True):
    """A file whole."""

    path: ReleasePath
    mode: FileMode
    content: bytes


def pack_members(members: Iterable[tuple[str, FileMode, bytes]]) -> bytes:
    """A gzip tar of (name, mode, content) members in the given order: equal members give equal bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0, filename="") as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, mode, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = int(mode, 8)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def pack_files(files: Iterable[PlainFile]) -> bytes:
    """An archive of files, sorted by path."""
    return pack_members(
        (MEMBER_PREFIX + file.path, file.mode, file.content) for file in sorted(files, key=lambda file: file.path)
    )


def unpack_files(content: bytes, expected: Digest) -> dict[ReleasePath, PlainFile]:
    """The files of an archive the gate wrote.

    Args:
        expected: the sha256 the ledger gives for the archive; nothing is read before it holds.

    Raises:
        Tampered: the bytes are not those.
    """
    if digest(content) != expected:
        raise Tampered(
            f"its sha256 is {digest(content)}",
            operation="open archive",
            subject=expected,
            hint="run `dagwarden verify`",
        )
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            files = {}
            for member in archive:
                file = archive.extractfile(member)
                if file is None or not member.name.startswith(MEMBER_PREFIX):
                    raise Tampered(f"holds {member.name!r}", operation="open archive", subject=expected)
                path = ReleasePath(member.name.removeprefix(MEMBER_PREFIX))
                files[path] = PlainFile(path, "0755" if member.mode & 0o100 else "0644", file.read())
            return files
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise Tampered(f"no archive: {error}", operation="open archive", subject=expected) from error
