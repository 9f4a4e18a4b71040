"""A ledger in memory, written by the real commit and read by the real Ledger, and files to release through it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import cast

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.storage import Created, ObjectInfo
from dagwarden.cloud.topics import Incoming, Outgoing
from dagwarden.errors import NotFound, Unavailable
from dagwarden.ledger.commit import commit
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import SignedRelease
from dagwarden.ledger.snapshot import adopt_newest, write_snapshot
from dagwarden.ledger.state import LedgerState, empty_state
from dagwarden.names import EnvironmentName, PushId, ReleaseNumber, ReleasePath, release_object
from dagwarden.settings import Settings
from dagwarden.sync.notice import Notice, Receipt
from dagwarden.wire import decode, encode, md5_hex
from tests.unit.ledger import building

PROD = EnvironmentName("prod")
NOW = building.NOW


class MemoryBucket:
    """The part of cloud.storage.Bucket that ledger and agent use."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.reads: list[str] = []
        self.is_down = False

    def read(self, name: str, generation: int | None = None) -> bytes:
        self._answer()
        self.reads.append(name)
        if name not in self.objects:
            raise NotFound("no such object", operation="read object", subject=name)
        return self.objects[name][0]

    def create(
        self, name: str, content: bytes, *, attempt: str, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> Created:
        is_free = name not in self.objects
        if is_free:
            self.objects[name] = (content, dict(metadata or {}))
        return Created(self._info(name), is_free)

    def list(self, prefix: str, *, start_at: str | None = None) -> Iterator[ObjectInfo]:
        self._answer()
        for name in sorted(self.objects):
            if name.startswith(prefix) and name >= (start_at or ""):
                yield self._info(name)

    def _answer(self) -> None:
        if self.is_down:
            raise Unavailable("down", operation="read object", subject=self.name)

    def _info(self, name: str) -> ObjectInfo:
        content, metadata = self.objects[name]
        return ObjectInfo(
            bucket=self.name,
            name=name,
            generation=1,
            metageneration=1,
            size_bytes=len(content),
            md5=md5_hex(content),
            updated_at=NOW,
            metadata=metadata,
        )


class _Signer:
    service_account = building.GATE

    def sign(self, content: bytes) -> object:
        return building.sign(content)


class _Certificates:
    def key(self, account: str, key_id: str) -> object:
        return building.key_of(account, key_id)


class MemoryTopics:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Outgoing]] = []
        self.is_down = False

    def publish(self, topic: str, *messages: Outgoing) -> list[str]:
        if self.is_down:
            raise Unavailable("down", operation="publish", subject=topic)
        self.published += [(topic, message) for message in messages]
        return [str(len(self.published)) for _ in messages]

    def receipts(self) -> list[Receipt]:
        return [decode(Receipt, message.data) for _, message in self.published]


class MemoryCloud:
    """Stands for cloud.clients.Cloud."""

    def __init__(self, **settings: object) -> None:
        self.settings = Settings(
            project="proj-local",
            ledger_bucket="ledger",
            store_bucket="store",
            gate_service_account=building.GATE,
            **settings,  # type: ignore[arg-type]
        )
        self.ledger = MemoryBucket("ledger")
        self.store = MemoryBucket("store")
        self.topics = MemoryTopics()
        self.signer = _Signer()
        self.certificates = _Certificates()

    def typed(self) -> Cloud:
        return cast("Cloud", self)


class Chain:
    """Releases one after another, as the gate would."""

    def __init__(self, cloud: MemoryCloud | None = None) -> None:
        self.memory = cloud or MemoryCloud()
        self.cloud = self.memory.typed()
        self.ledger = Ledger(self.cloud)
        self.state: LedgerState = empty_state(PROD)

    def release(self, files: Mapping[str, bytes] | None = None, deletes: tuple[str, ...] = ()) -> SignedRelease:
        """Commit one release that puts `files` and takes `deletes` away."""
        draft = building.draft(dict(files or {}), deletes, head=f"c{self.state.number + 1}")
        after = commit(self.cloud, self.state, draft, attempt=f"a{self.state.number}", now=NOW)
        assert after is not None
        self.state = after.state
        signed = self.ledger.read(PROD, self.state.number)
        self.memory.ledger.reads.pop()  # counted are the agent's reads only
        return signed

    def snapshot(self) -> None:
        """The next release restores from here."""
        write_snapshot(self.cloud, self.ledger, self.state, attempt="s")
        self.ledger.remember(self.state)
        self.state = adopt_newest(self.cloud, self.ledger, self.state)

    def forge(self, number: int, signed: SignedRelease) -> None:
        """Another record lies under a release's number."""
        name = release_object(PROD, ReleaseNumber(number))
        self.memory.ledger.objects[name] = (signed.envelope, {})

    def contents(self) -> dict[str, str]:
        """Path -> sha256 of the newest release."""
        return {path: entry.sha256 for path, entry in self.state.files.items()}

    def notice(self, number: int | None = None, **fields: object) -> Incoming:
        """The message that a release exists."""
        notice = Notice(
            environment=PROD,
            component="worker",
            release=ReleaseNumber(self.state.number if number is None else number),
            digest=self.state.digest,
            push_id=PushId("0" * 64),
        )
        at = NOW - dt.timedelta(milliseconds=20)
        return Incoming(id="1", data=encode(notice), attributes={}, published_at=at, delivery_attempt=None)


def paths(*names: str) -> list[ReleasePath]:
    """Some paths, typed."""
    return [ReleasePath(name) for name in names]
