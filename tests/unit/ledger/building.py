"""Builds releases, states and envelopes for the ledger's tests, signed with a key made here."""

from __future__ import annotations

import datetime as dt
from functools import cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from dagwarden.cloud.identity import Signature
from dagwarden.ledger.archive import PlainFile, pack_files
from dagwarden.ledger.commit import Draft, draft_release
from dagwarden.ledger.envelope import open_envelope, seal, to_statement
from dagwarden.ledger.release import DeleteFile, FileChange, PutFile, SignedRelease
from dagwarden.ledger.state import LedgerState, advance
from dagwarden.names import Digest, PushId, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.wire import digest, md5_hex

GATE = "gate@proj-local.iam.gserviceaccount.com"
KEY_ID = "k1"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@cache
def private_key(name: str = KEY_ID) -> rsa.RSAPrivateKey:
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(content: bytes) -> Signature:
    return Signature(KEY_ID, private_key().sign(content, padding.PKCS1v15(), SHA256()))


def key_of(account: str, key_id: str) -> rsa.RSAPublicKey | None:
    return private_key().public_key() if (account, key_id) == (GATE, KEY_ID) else None


def put(path: str, content: bytes, **more: str) -> tuple[PutFile, PlainFile]:
    change = PutFile(
        path=ReleasePath(path),
        sha256=digest(content),
        md5=md5_hex(content),
        size_bytes=len(content),
        mode="0644",
        source=more.get("source", ""),
    )
    return change, PlainFile(ReleasePath(path), "0644", content)


def draft(files: dict[str, bytes], deletes: tuple[str, ...] = (), *, source: str = "git:a", head: str = "c1") -> Draft:
    pairs = [put(path, content) for path, content in files.items()]
    changes: list[FileChange] = [change for change, _ in pairs]
    changes += [DeleteFile(path=ReleasePath(path)) for path in deletes]
    return Draft(
        changes=tuple(changes),
        files=tuple(file for _, file in pairs),
        push_id=PushId(digest(repr((files, deletes, source, head)).encode())),
        source=source,
        base_commit="",
        head_commit=head,
        ref="refs/heads/main",
        authors=("Ada <ada@example.com>",),
        message="a message",
        principal=Principal(name="ada@example.com", attested_by="jwt"),
        policy_digest=Digest("b" * 64),
        warnings=0,
        forced=False,
        pushed_at=NOW,
    )


def release_on(state: LedgerState, draft_: Draft, attempt: str = "attempt-1") -> tuple[bytes, LedgerState]:
    """The envelope of the draft committed on a state, and the state after it."""
    archive = pack_files(draft_.files) if draft_.files else None
    release = draft_release(state, draft_, archive, attempt=attempt, now=NOW)
    payload = to_statement(release, GATE, "gs://store/prod/policy.yaml")
    return seal(payload, GATE, sign), advance(state, release, digest(payload))


def open_release(envelope: bytes) -> SignedRelease:
    return open_envelope(envelope, GATE, key_of, subject="prod/releases/x.json")
