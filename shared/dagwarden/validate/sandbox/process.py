"""Layer `process`: a session of its own, no new privileges, death with its parent, no inherited descriptors."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

from dagwarden.validate.sandbox import kernel

MAX_DESCRIPTORS = 1 << 20


def detach(parent_pid: int) -> None:
    """This process leads a session of its own, can gain no privilege, and dies when its parent does.

    Raises:
        OSError: the kernel refuses, or the parent is dead already.
    """
    os.setsid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise ProcessLookupError("the parent is gone")
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    os.umask(0o077)


def close_descriptors(kept: Collection[int]) -> None:
    """Standard input, output and error lead nowhere; no other descriptor is open but those kept.

    Raises:
        OSError: /dev/null cannot be opened.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    low = 3
    for descriptor in sorted(kept):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, MAX_DESCRIPTORS)
