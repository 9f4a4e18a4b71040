"""Layer `system-calls`: a seccomp filter. No socket, no process, no signal to others, no change of others' state.

The filter is compiled once, by libseccomp, which knows the numbers on each architecture; each process then loads it
with its own number in it, since it may signal itself and nobody else. What is refused answers EPERM, so code sees a
PermissionError where it stands; other architectures' calls (32 bit on 64) kill the process.
Source: seccomp(2), seccomp_rule_add(3); the table of Docker's default profile was read for what is dangerous.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from contextlib import suppress
from functools import lru_cache

from dagwarden.validate.sandbox import kernel

REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("network", ("socket", "connect", "bind", "listen", "accept", "accept4")),
    ("processes", ("fork", "vfork", "execve", "execveat", "setsid", "setpgid")),
    ("signals", ("pidfd_open", "pidfd_send_signal", "pidfd_getfd")),
    ("other processes", ("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
                         "kcmp", "migrate_pages", "move_pages", "perf_event_open", "setpriority", "ioprio_set")),
    ("namespaces", ("unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "mount_setattr", "open_tree",
                    "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "sethostname",
                    "setdomainname")),
    ("attributes", ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime",
                    "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
                    "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr", "truncate",
                    "mknod", "mknodat", "inotify_init", "inotify_init1", "fanotify_init", "name_to_handle_at",
                    "open_by_handle_at", "quotactl", "acct", "swapon", "swapoff")),
    ("identity", ("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
                  "setgroups", "capset")),
    ("IPC", ("shmget", "shmat", "msgget", "semget", "mq_open")),
    ("kernel", ("bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key",
                "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
                "reboot", "syslog", "iopl", "ioperm", "modify_ldt", "personality", "settimeofday", "clock_settime",
                "clock_adjtime", "adjtimex", "vhangup", "lookup_dcookie", "nfsservctl")),
)  # fmt: skip
"""What is refused whatever its arguments. A name neither libseccomp nor YOUNG knows does not exist on this machine."""

YOUNG = {"fchmodat2": 452, "setxattrat": 463, "removexattrat": 466, "open_tree_attr": 467, "file_setattr": 469}
"""Calls younger than some libseccomp: their numbers, equal on every architecture.

Source: linux/scripts/syscall.tbl."""

UNKNOWN = -1

SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Refused where their first argument is not the process itself."""

OF_ITSELF_ONLY = ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
"""Refused where their first argument is neither 0 nor the process itself."""

OWNER_COMMANDS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: they make the kernel signal another process."""

CLONE_THREAD = 0x00010000
TIOCSTI = 0x5412
LOW_HALF = 0xFFFF_FFFF
"""What the kernel reads of an int; the other half is the caller's to fill as it likes."""
_PLACEHOLDER = 0x5EC0_0115
_INSTRUCTION = struct.Struct("=HBBI")
_MODE_FILTER = 2
_SEARCHED_BY_HALVES = 2
"""Rather than from the first call to the last: the kernel goes through the filter for each call there is when it takes
it."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def compile_filter() -> bytes:
    """The filter as the kernel's instructions, with a placeholder for the process it will guard.

    Raises:
        OSError: libseccomp is not there, or does not know this machine.
    """
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise OSError(errno.ENOSYS, f"libseccomp: {error}") from error
    refuse = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    with suppress(OSError):  # libseccomp before 2.5 knows one way only
        rules.set_attr(seccomp.Attr.CTL_OPTIMIZE, _SEARCHED_BY_HALVES)
    for _, names in REFUSED:
        for name in names:
            _add(rules, refuse, name)
    for name in SIGNALS:
        _add(rules, refuse, name, seccomp.Arg(0, seccomp.NE, _PLACEHOLDER))
    for name in OF_ITSELF_ONLY:
        _add(rules, refuse, name, seccomp.Arg(0, seccomp.NE, 0))
    for command in OWNER_COMMANDS:
        _add(rules, refuse, "fcntl", seccomp.Arg(1, seccomp.MASKED_EQ, LOW_HALF, command))
    _add(rules, refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, LOW_HALF, TIOCSTI))
    _add(rules, refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, 0))
    _add(rules, seccomp.ERRNO(errno.ENOSYS), "clone3")
    return _export(rules)


def load_filter(compiled: bytes) -> None:
    """This process can no longer make the calls refused. It needs no_new_privs.

    Raises:
        OSError: the kernel refuses.
    """
    mine = _put_pid(compiled, os.getpid())
    program = _Program(len(mine) // _INSTRUCTION.size, mine)
    kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.cast(ctypes.byref(program), ctypes.c_void_p))


def _add(rules: object, action: int, name: str, *arguments: object) -> None:
    import pyseccomp as seccomp

    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    if number == UNKNOWN:
        number = YOUNG.get(name, UNKNOWN)
    if number != UNKNOWN:
        rules.add_rule(action, number, *arguments)  # type: ignore[attr-defined]


def _export(rules: object) -> bytes:
    descriptor = os.memfd_create("filter")
    with os.fdopen(descriptor, "w+b") as file:
        rules.export_bpf(file)  # type: ignore[attr-defined]
        file.seek(0)
        compiled = file.read()
    _find_placeholders(compiled)
    return compiled


def _put_pid(compiled: bytes, pid: int) -> bytes:
    mine = bytearray(compiled)
    for at in _find_placeholders(compiled):
        struct.pack_into("=I", mine, at, pid)
    return bytes(mine)


@lru_cache(1)
def _find_placeholders(compiled: bytes) -> tuple[int, ...]:
    """Where in the filter the values lie that a process puts its number in."""
    at_value = _INSTRUCTION.size - struct.calcsize("=I")
    return tuple(
        at + at_value
        for at in range(0, len(compiled), _INSTRUCTION.size)
        if _INSTRUCTION.unpack_from(compiled, at)[-1] == _PLACEHOLDER
    )
