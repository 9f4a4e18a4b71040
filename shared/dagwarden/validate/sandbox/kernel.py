"""The few system calls that Python 3.11 does not offer, each raising OSError as Python's own do.

Source: prctl(2), unshare(2), mount(2), madvise(2), landlock(7), capabilities(7).
"""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x40000000
MADV_COLLAPSE = 25
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_WITHIN_PYTHON = ctypes.PyDLL(None, use_errno=True)
"""The same; the interpreter's lock is held while it is called."""
_CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _check(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int, pointer: ctypes.c_void_p | None = None) -> None:
    """One attribute of this process is set.

    Raises:
        OSError: the kernel refuses.
    """
    third = pointer if pointer is not None else ctypes.c_ulong(0)
    zero = ctypes.c_ulong(0)
    _check(_LIBC.prctl(option, ctypes.c_ulong(value), third, zero, zero), "prctl")


def fork() -> int:
    """As os.fork, for a process with one thread that holds no lock: nothing is told of it in Python.

    What Python and libraries do after a fork (locks made anew, threads forgotten) is then in vain, and writes to
    hundreds of pages of the child. Random numbers are to be seeded by the caller.

    Raises:
        OSError: the kernel refuses.
    """
    return _check(_WITHIN_PYTHON.fork(), "fork")


def unshare(flags: int) -> None:
    """This process is in new namespaces of these kinds.

    Raises:
        OSError: the kernel refuses.
    """
    _check(_LIBC.unshare(flags), "unshare")


def mount_tmpfs(folder: str, size_bytes: int, inodes: int) -> None:
    """The folder is an empty file system in memory that holds at most this much, seen by this mount namespace alone.

    Raises:
        OSError: the kernel refuses.
    """
    options = f"size={size_bytes},nr_inodes={inodes},mode=0700".encode()
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _check(_LIBC.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options), "mount")


def madvise(start: int, size_bytes: int, advice: int) -> None:
    """The kernel was advised of a range of this process's memory.

    Raises:
        OSError: the kernel refuses.
    """
    _check(_LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size_bytes), ctypes.c_int(advice)), "madvise")


def drop_capabilities() -> None:
    """This process holds no capability in any namespace.

    Raises:
        OSError: the kernel refuses.
    """
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_LIBC.capset(ctypes.byref(header), nothing), "capset")


def syscall(number: int, *arguments: ctypes.c_void_p | ctypes.Structure | int | None) -> int:
    """What the system call answers; structures are passed by reference, numbers as longs.

    Raises:
        OSError: it answers an error.
    """
    passed = [_pass(argument) for argument in arguments]
    return _check(_LIBC.syscall(ctypes.c_long(number), *passed), f"system call {number}")


def _pass(argument: ctypes.c_void_p | ctypes.Structure | int | None) -> object:
    if isinstance(argument, ctypes.Structure):
        return ctypes.byref(argument)
    return ctypes.c_long(argument) if isinstance(argument, int) else argument
