"""Layer `namespaces`: a network with nobody on it, IPC with nobody in it, and a scratch folder that is memory.

The user namespace is what lets a process without privileges make the others; its capabilities are dropped once they
are made. PID namespaces would cost a second fork of a large process: seccomp and Landlock forbid signals instead.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagwarden.validate.sandbox import kernel

FLAGS = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNS
SCRATCH_INODES = 4096


def enter(scratch: Path, scratch_bytes: int) -> None:
    """This process has no network but a dead loopback, IPC of its own, and `scratch` is empty, bounded and its alone.

    Raises:
        OSError: the kernel refuses one of these.
    """
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(FLAGS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    kernel.mount_tmpfs(str(scratch), scratch_bytes, SCRATCH_INODES)
    kernel.drop_capabilities()


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
