"""Writes that are whole or not there, and still there after the power fails."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dagwarden.errors import AccessDenied, DagwardenError, Unavailable

FOLDER_MODE = 0o755
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def on_disk(operation: str, subject: Path | str) -> Iterator[None]:
    """Within, what the disk refuses is raised as one of our errors.

    Raises:
        AccessDenied: the process may not write there.
        Unavailable: the disk is full or broken.
    """
    try:
        yield
    except OSError as error:
        raise _to_error(error, operation, str(subject)) from error


def _to_error(error: OSError, operation: str, subject: str) -> DagwardenError:
    text = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
    if error.errno in _DENIED:
        hint = "run the agent as the user that owns the root folder, on a volume that can be written"
        return AccessDenied(text, operation=operation, subject=subject, hint=hint)
    hint = "free space on the volume, or lower keep_trees" if error.errno in _FULL else "look at the volume"
    return Unavailable(text, operation=operation, subject=subject, hint=hint)


def make_folder(path: Path, mode: int = FOLDER_MODE) -> None:
    """The folder exists afterwards, with its parents; those made have the mode, whatever the umask."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(mode)


def write_new(path: Path, content: bytes, mode: int, *, is_synced: bool = True) -> os.stat_result:
    """A new file with these bytes and this mode is there afterwards, and on the disk itself when `is_synced`.

    Raises:
        FileExistsError: the name is taken; nothing was written through it.
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        if is_synced:
            os.fsync(file.fileno())
        return os.fstat(file.fileno())


def replace_file(path: Path, content: bytes, mode: int = 0o644, *, is_synced: bool = True) -> None:
    """The file holds exactly these bytes afterwards; a reader, or a kill, sees the old or the new ones."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    write_new(aside, content, mode, is_synced=is_synced)
    aside.replace(path)
    if is_synced:
        sync_folder(path.parent)


def replace_link(link: Path, target: str) -> None:
    """The symlink points at `target` afterwards; whoever follows it meets the old target or the new one."""
    aside = link.with_name(f".{link.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(link)


def sync_folder(path: Path) -> None:
    """The folder's entries are on the disk itself afterwards."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_filesystem(path: Path) -> None:
    """All that was written to the filesystem of `path` is on the disk itself afterwards.

    One call for thousands of files, where a flush of each would take seconds.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc().syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(handle)


@cache
def _libc() -> Any:
    """Python has os.sync, for every filesystem of the machine, and no os.syncfs."""
    return ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


def remove_tree(path: Path) -> None:
    """The folder is gone, or as much of it as this process may delete (a task may have left others' files)."""
    shutil.rmtree(path, ignore_errors=True)
