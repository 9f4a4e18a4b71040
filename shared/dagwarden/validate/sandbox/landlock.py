"""Layer `landlock`: what of the file system can be read, and the little that can be written.

Rights that the kernel's version of Landlock does not know are left out; what they would have forbidden (truncating
by path, device control, signals) seccomp forbids too. Spoken to directly: the library at hand needs version 6 of
Landlock (Linux 6.12) and brings 13 MB, and what is asked of it here is three system calls.
Source: linux/landlock.h, landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from dagwarden.validate.sandbox import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Equal on every architecture."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
ALL_OF_VERSION_1 = (1 << 13) - 1
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
HANDLED_BY_VERSION = {1: ALL_OF_VERSION_1, 2: ALL_OF_VERSION_1 | REFER, 3: ALL_OF_VERSION_1 | REFER | TRUNCATE}
NETWORK_BIND_AND_CONNECT, NETWORK_SINCE = 3, 4
IOCTL_DEV_SINCE = 5
SCOPED_SOCKETS_AND_SIGNALS, SCOPED_SINCE = 3, 6
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ, WRITE = READ_FILE | READ_DIR, ALL_OF_VERSION_1 & ~EXECUTE | REFER | TRUNCATE
GET_VERSION = 1
PATH_BENEATH = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The version of Landlock the kernel offers.

    Raises:
        OSError: it offers none.
    """
    return kernel.syscall(CREATE_RULESET, None, 0, GET_VERSION)


class Opened(msgspec.Struct, frozen=True):
    """A path held open, so that each child need not look for it."""

    descriptor: int
    is_folder: bool


def open_paths(paths: Iterable[str]) -> tuple[Opened, ...]:
    """These paths, opened for nothing but to be named; missing ones are left out."""
    opened = []
    for path in paths:
        with suppress(FileNotFoundError, PermissionError, NotADirectoryError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            opened.append(Opened(descriptor, stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    return tuple(opened)


def restrict(readable: Iterable[Opened], writable: Iterable[Opened]) -> None:
    """This process and all it starts read beneath these paths only and write beneath those only. It needs
    no_new_privs.

    Raises:
        OSError: the kernel refuses.
    """
    offered = version()
    handled = HANDLED_BY_VERSION[min(offered, 3)] | (IOCTL_DEV if offered >= IOCTL_DEV_SINCE else 0)
    ruleset = _Ruleset(
        handled,
        NETWORK_BIND_AND_CONNECT if offered >= NETWORK_SINCE else 0,
        SCOPED_SOCKETS_AND_SIGNALS if offered >= SCOPED_SINCE else 0,
    )
    descriptor = kernel.syscall(CREATE_RULESET, ruleset, ctypes.sizeof(ruleset) if offered >= SCOPED_SINCE else 16, 0)
    try:
        for rights, paths in ((READ, readable), (READ | WRITE, writable)):
            for path in paths:
                allowed = rights & handled & (-1 if path.is_folder else ON_FILES)
                kernel.syscall(ADD_RULE, descriptor, PATH_BENEATH, _PathBeneath(allowed, path.descriptor), 0)
        kernel.syscall(RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)
