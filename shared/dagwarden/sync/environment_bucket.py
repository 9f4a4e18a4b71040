"""The environment's bucket, `dags/` and `plugins/` of it: looked at, and changed one object at a time by generation."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dagwarden.errors import Contended, NotFound, PreconditionFailed
from dagwarden.ledger.state import FileEntry
from dagwarden.sync.drift import PREFIXES, holds, in_phases
from dagwarden.sync.stretch import RELEASE, SHA256
from dagwarden.wire import md5_hex

if TYPE_CHECKING:
    from dagwarden.cloud.storage import Bucket, ObjectInfo

T = TypeVar("T")
U = TypeVar("U")

THREADS = 8
"""Requests under way at once; below the client's pool of ten connections."""
ATTEMPTS = 5
"""How often an object that others write at the same time is looked at again."""

_TYPES = mimetypes.MimeTypes()  # the tables of Python itself: those of the machine differ from one to the next
_MORE_TYPES = {
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".sql": "application/sql",
    ".md": "text/markdown",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One object to be made what the head has."""

    path: str
    live: ObjectInfo | None
    """What lay there when looked at."""
    wanted: FileEntry | None
    content: bytes = b""
    """The bytes to put; empty for a delete."""

    @property
    def is_put(self) -> bool:
        """Whether a file is written, not taken away."""
        return self.wanted is not None


MayReplace = Callable[[str, "ObjectInfo | None"], bool]
"""Asked when something else than what was looked at lies at a path: whether to go on over it."""


class EnvironmentBucket:
    """Reads and changes what lies under `dags/` and `plugins/`. Every change names the generation it replaces."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.name = bucket.name

    def look(self, path: str) -> ObjectInfo | None:
        """The live object, its md5 known; None when there is none."""
        for _ in range(ATTEMPTS):
            live = self._bucket.stat(path)
            if live is None or live.md5:
                return live
            try:
                return self._weigh(live)
            except NotFound:
                continue  # replaced meanwhile
        raise Contended("replaced again and again", operation="look at object", subject=f"gs://{self.name}/{path}")

    def look_at_all(self, paths: Sequence[str]) -> dict[str, ObjectInfo | None]:
        """The live objects at these paths."""
        return dict(zip(paths, in_parallel(self.look, paths), strict=True))

    def list_all(self) -> dict[str, ObjectInfo]:
        """All live objects by name, their md5 known: one call per thousand, and one per composed object."""
        found: dict[str, ObjectInfo] = {}
        for prefix in PREFIXES:
            for live in self._bucket.list(prefix):
                weighed = live if live.md5 else self.look(live.name)
                if weighed is not None:
                    found[live.name] = weighed
        return found

    def apply(self, changes: Iterable[Change], may_replace: MayReplace) -> None:
        """All changes are made: puts first, a DAG after what it imports; then the deletes.

        Raises:
            Contended: somebody else keeps writing one of the objects.
        """
        by_path = {change.path: change for change in changes}
        puts = ((change.path, change.content) for change in by_path.values() if change.is_put)
        deletes = tuple(change.path for change in by_path.values() if not change.is_put)
        for phase in (*in_phases(puts), deletes):
            in_parallel(lambda path: self._settle(by_path[path], may_replace), phase)

    def _settle(self, change: Change, may_replace: MayReplace) -> None:
        live = change.live
        for attempt in range(ATTEMPTS):
            if attempt:
                live = self.look(change.path)
                if holds(live, change.wanted) or not may_replace(change.path, live):
                    return None
            try:
                return self._change(change, live)
            except PreconditionFailed:
                continue  # another mirror, a stranger, or this very call answered 503 and repeated by the client
        raise Contended("others keep writing it", operation="mirror", subject=f"gs://{self.name}/{change.path}")

    def _change(self, change: Change, live: ObjectInfo | None) -> None:
        if change.wanted is not None:
            self._bucket.write(
                change.path,
                change.content,
                generation=live.generation if live else 0,
                content_type=guess_type(change.path),
                metadata={RELEASE: str(change.wanted.release), SHA256: change.wanted.sha256},
            )
        elif live is not None:
            self._bucket.delete(change.path, generation=live.generation)

    def _weigh(self, live: ObjectInfo) -> ObjectInfo:
        """Composed objects carry no md5: read it, and compute."""
        content = self._bucket.read(live.name, live.generation)
        return msgspec.structs.replace(live, md5=md5_hex(content))


def guess_type(path: str) -> str:
    """The content type of a file by its name; the same on every machine."""
    kind, encoding = _TYPES.guess_type(path)
    if encoding:
        return f"application/{encoding}"
    dot = path.rfind(".")
    return kind or _MORE_TYPES.get(path[dot:] if dot >= 0 else "", "application/octet-stream")


def in_parallel(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """The results of `work` on each item, in order; the first error is raised once nothing is under way any more."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(THREADS, len(items)), thread_name_prefix="mirror") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
