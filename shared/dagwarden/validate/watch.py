"""What an import does, seen through Python's audit events, and told before it is done.

An audit hook cannot be taken away, nor listed, by Python code; native code can do both, so loading it is told first.
What a library does while it is being imported is the library's, not the file's, and is left out.
Source: PEP 578; docs.python.org/3.11/library/audit_events.html.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from dagwarden.validate.report import Deed, DeedKind

MAX_DEEDS = 200
MAX_SUBJECT_CHARS = 200
MAX_READS = 2000

Tell = Callable[[Deed], None]

NETWORK, SUBPROCESS, TAMPER = DeedKind.NETWORK, DeedKind.SUBPROCESS, DeedKind.TAMPER


class Watched(msgspec.Struct, frozen=True):
    """What one audit event means."""

    kind: DeedKind
    reach: str = "any"
    """Who must have raised it: `any` code the file called, the file or the standard library for it (`own`), or the file
    itself (`self`)."""
    argument: int = 0
    """Which of the event's arguments names what it was done to."""


EVENTS: dict[str, Watched] = {
    "socket.__new__": Watched(NETWORK, "own", 1),
    "socket.connect": Watched(NETWORK, argument=1),
    "socket.bind": Watched(NETWORK, argument=1),
    "socket.sendto": Watched(NETWORK, argument=1),
    "socket.getaddrinfo": Watched(NETWORK),
    "socket.gethostbyname": Watched(NETWORK),
    "subprocess.Popen": Watched(SUBPROCESS, argument=1),
    "os.system": Watched(SUBPROCESS),
    "os.exec": Watched(SUBPROCESS),
    "os.posix_spawn": Watched(SUBPROCESS),
    "os.fork": Watched(SUBPROCESS),
    "os.forkpty": Watched(SUBPROCESS),
    "os.kill": Watched(DeedKind.SIGNAL),
    "os.killpg": Watched(DeedKind.SIGNAL),
    "signal.pthread_kill": Watched(DeedKind.SIGNAL),
    "_thread.start_new_thread": Watched(DeedKind.THREAD),
    "ctypes.dlopen": Watched(DeedKind.NATIVE),
    "ctypes.dlsym": Watched(DeedKind.NATIVE, "own", 1),
    "ctypes.string_at": Watched(DeedKind.NATIVE, "own"),
    "ctypes.cdata": Watched(DeedKind.NATIVE, "own"),
    "gc.get_objects": Watched(TAMPER),
    "gc.get_referrers": Watched(TAMPER),
    "gc.get_referents": Watched(TAMPER),
    "sys._getframe": Watched(TAMPER, "self"),
    "sys._current_frames": Watched(TAMPER),
    "sys.settrace": Watched(TAMPER),
    "sys.setprofile": Watched(TAMPER),
    "sys.addaudithook": Watched(TAMPER),
    "code.__new__": Watched(TAMPER, "own"),
    "object.__getattr__": Watched(TAMPER, "self", 1),
    "object.__setattr__": Watched(TAMPER, "own", 1),
    "open": Watched(DeedKind.WRITE),
    "os.remove": Watched(DeedKind.WRITE),
    "os.rename": Watched(DeedKind.WRITE, argument=1),
    "os.mkdir": Watched(DeedKind.WRITE),
    "os.rmdir": Watched(DeedKind.WRITE),
    "os.link": Watched(DeedKind.WRITE, argument=1),
    "os.symlink": Watched(DeedKind.WRITE, argument=1),
    "os.truncate": Watched(DeedKind.WRITE),
    "os.chmod": Watched(DeedKind.WRITE),
    "os.chown": Watched(DeedKind.WRITE),
    "os.utime": Watched(DeedKind.WRITE),
    "os.listdir": Watched(DeedKind.READ_OUTSIDE, "own"),
    "os.scandir": Watched(DeedKind.READ_OUTSIDE, "own"),
    "import": Watched(DeedKind.NATIVE, argument=1),
}
"""`open` and `import` mean what their arguments make of them."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
IMPORT_SEARCH = "<frozen importlib._bootstrap_external>"
STANDARD_LIBRARY = (sysconfig.get_path("stdlib") + "/", "<frozen ")
PACKAGES = "/site-packages/"
OURS = f"{Path(__file__).parent}/"


class Place(msgspec.Struct, frozen=True):
    """Where in the tree a deed comes from."""

    file: str
    line: int


class Watch:
    """Tells each deed once.

    Args:
        tree: the release tree; deeds of code outside it are not told unless code in it led to them.
        scratch: where writing is a small matter.
        readable: what may be read.
        tell: takes a deed to where it cannot be taken back.
    """

    def __init__(self, *, tree: Path, scratch: Path, readable: tuple[str, ...], tell: Tell) -> None:
        self._tree = f"{tree}/"
        self._scratch = f"{scratch}/"
        self._readable = readable
        self._tell = tell
        self._told: set[tuple[str, str, str, int]] = set()
        self._reads: set[str] = set()
        self._get_frame = sys._getframe  # noqa: SLF001 (the one way to know who called)
        self.is_on = False

    def start(self) -> None:
        """From now on deeds are told, until the process ends or `is_on` is false."""
        self.is_on = True
        events, see = dict(EVENTS), self._see

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            watched = events.get(event)
            if watched is not None and self.is_on:
                see(event, watched, arguments)

        sys.addaudithook(hook)

    def reads(self) -> tuple[str, ...] | None:
        """Files of the tree that were opened, and with a slash at the end folders that were listed, whoever did it;
        from the tree's root, sorted. None: more than are kept.
        """
        return tuple(sorted(self._reads)) if len(self._reads) <= MAX_READS else None

    def tell(self, kind: DeedKind, subject: str, *, reach: str = "any", seconds: float = 0.0) -> None:
        """The deed is told where code of the tree led to it and it is new."""
        if not self.is_on:
            return
        self.is_on = False
        try:
            place = self._find_place(reach)
            if place is not None:
                self._tell_once(Deed(kind=kind, subject=subject, file=place.file, line=place.line, seconds=seconds))
        finally:
            self.is_on = True

    def _see(self, event: str, watched: Watched, arguments: tuple[Any, ...]) -> None:
        kind, reach = watched.kind, watched.reach
        subject = _name(arguments, watched.argument)
        if event == "socket.__new__":
            if arguments[1] == socket.AF_UNIX:
                return
            subject = "a socket"
        if event == "import":
            if not subject.startswith(self._tree):
                return
        elif kind in (DeedKind.WRITE, DeedKind.READ_OUTSIDE):
            judged = self._judge_path(event, arguments, subject)
            if judged is None:
                return
            kind, reach = judged
        subject = subject.removeprefix(self._scratch)
        self.tell(kind, f"{event} {subject}" if kind in (TAMPER, DeedKind.NATIVE) else subject, reach=reach)

    def _judge_path(self, event: str, arguments: tuple[Any, ...], subject: str) -> tuple[DeedKind, str] | None:
        if type(arguments[0]) is int:
            return None
        is_listing = event in ("os.listdir", "os.scandir")
        path = os.path.abspath("." if arguments[0] is None else subject)  # noqa: PTH100 (resolve asks the file system)
        if is_listing or (event == "open" and not arguments[2] & WRITING):
            self._note_read(f"{path}/" if is_listing else path, is_listing=is_listing)
            return None if path.startswith(self._readable) else (DeedKind.READ_OUTSIDE, "own")
        if path == os.devnull:
            return None
        return (DeedKind.WRITE if path.startswith(self._scratch) else DeedKind.WRITE_OUTSIDE), "any"

    def _note_read(self, path: str, *, is_listing: bool) -> None:
        """What Python lists to find a module is left out: which modules a file imports is seen by what it opens."""
        if not path.startswith(self._tree) or len(self._reads) > MAX_READS:
            return
        if not is_listing or self._get_frame(4).f_code.co_filename != IMPORT_SEARCH:
            self._reads.add(path.removeprefix(self._tree))

    def _find_place(self, wanted: str) -> Place | None:
        """The innermost frame of the tree within reach; None where there is none, or an import stands between."""
        frame: FrameType | None = self._get_frame(2)
        reach = "self"
        while frame is not None and (wanted == "any" or reach in ("self", wanted)):
            file = frame.f_code.co_filename
            if file.startswith(self._tree):
                return Place(file, frame.f_lineno)
            if file == IMPORT_SYSTEM:
                return None
            if not file.startswith(OURS):
                is_standard = file.startswith(STANDARD_LIBRARY) and PACKAGES not in file
                reach = "own" if is_standard and reach != "any" else "any"
            frame = frame.f_back
        return None

    def _tell_once(self, deed: Deed) -> None:
        key = (deed.kind, deed.subject, deed.file, deed.line)
        if key not in self._told and len(self._told) < MAX_DEEDS:
            self._told.add(key)
            self._tell(deed)


def _name(arguments: tuple[Any, ...], index: int) -> str:
    """The argument in a few characters, without running its own code: only plain values are shown."""
    value = arguments[index] if index < len(arguments) else ""
    if type(value) is bytes:
        value = os.fsdecode(value)
    if type(value) in (tuple, list):
        value = " ".join(str(part) for part in value if type(part) in (str, int))
    if type(value) not in (str, int):
        fspath = getattr(type(value), "__fspath__", None) if isinstance(value, Path) else None
        value = fspath(value) if fspath is not None else f"({type(value).__name__})"
    return str(value)[:MAX_SUBJECT_CHARS]
