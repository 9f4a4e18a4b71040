"""Layer `namespaces`: a network with nobody on it, IPC with nobody in it, and a scratch folder that is memory.

The user namespace is what lets a process without privileges make the others; its capabilities are dropped once they
are made. A network is dear to make: the warm parent leaves the host's for one where nothing is up, nor can be, and its
children are on it too. PID namespaces would cost a second fork of a large process: seccomp and Landlock forbid signals
instead.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagwarden.validate.sandbox import kernel

NETWORK = kernel.CLONE_NEWNET
OTHERS = kernel.CLONE_NEWIPC | kernel.CLONE_NEWNS
SCRATCH_INODES = 4096


def leave_network() -> None:
    """This process, and each it forks, has no network but a dead loopback; it keeps its capabilities over that.

    Raises:
        OSError: the kernel refuses.
    """
    _unshare(NETWORK)


def enter(scratch: Path, scratch_bytes: int, *, is_offline: bool) -> None:
    """This process has no network but a dead loopback, IPC of its own, and `scratch` is empty, bounded and its alone.

    Args:
        is_offline: whether it was forked by one that left the network.

    Raises:
        OSError: the kernel refuses one of these.
    """
    _unshare(OTHERS if is_offline else NETWORK | OTHERS)
    kernel.mount_tmpfs(str(scratch), scratch_bytes, SCRATCH_INODES)
    kernel.drop_capabilities()


def _unshare(flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | flags)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
