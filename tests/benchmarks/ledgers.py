"""A ledger written without a gate, and a bucket filled without a mirror: what agents and bundles are measured on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from google.auth.credentials import AnonymousCredentials
from google.oauth2.service_account import Credentials

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import SCOPES, utc_now
from dagwarden.ledger.archive import PlainFile
from dagwarden.ledger.commit import Draft, commit
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import PutFile
from dagwarden.ledger.snapshot import adopt_newest, write_snapshot
from dagwarden.ledger.state import LedgerState, empty_state
from dagwarden.names import Digest, PushId, ReleasePath
from dagwarden.policy.verdict import Principal
from dagwarden.settings import Settings
from dagwarden.wire import digest, md5_hex
from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack


class Scribe:
    """Commits releases as the gate would, each on top of the one before."""

    def __init__(self, stack: Stack) -> None:
        environ = stack.environ("gate")
        os.environ.update(environ)
        settings = Settings.load({name: value for name, value in environ.items() if name.startswith("DAGWARDEN_")})
        key = environ["GOOGLE_APPLICATION_CREDENTIALS"]
        self.cloud = Cloud(settings, Credentials.from_service_account_file(key, scopes=SCOPES))
        self.state: LedgerState = empty_state(plan.ENVIRONMENT)
        self._ledger = Ledger(self.cloud)

    def release(self, files: Mapping[ReleasePath, bytes]) -> None:
        """The next release puts these files."""
        committed = commit(self.cloud, self.state, _draft(files), attempt=secrets.token_hex(8), now=utc_now())
        assert committed is not None
        self.state = committed.state

    def snapshot(self) -> None:
        """There is a snapshot of the newest release, and the next one names it."""
        write_snapshot(self.cloud, self._ledger, self.state, attempt=secrets.token_hex(8))
        self.state = adopt_newest(self.cloud, self._ledger, self.state)


@contextmanager
def running_storage(folder: Path) -> Iterator[Stack]:
    """A local cloud whose events start nothing."""
    with Stack(folder, with_functions=False, with_agents=False) as stack:
        triggers = f"/v1/projects/{plan.PROJECT}/locations/{plan.LOCATION}/triggers"
        with httpx.Client(base_url=stack.endpoints.http, timeout=30.0, trust_env=False) as http:
            for trigger in plan.TRIGGERS:
                http.delete(f"{triggers}/{trigger.name}").raise_for_status()
        yield stack


def fill_bucket(settings: Settings, files: Mapping[ReleasePath, bytes]) -> Cloud:
    """The environment's bucket holds these files; returns clients of who owns it."""
    owner = Cloud(settings, AnonymousCredentials())
    bucket = owner.bucket(plan.ENVIRONMENT_BUCKET)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in pool.map(
            lambda item: bucket.write(*item, generation=None, content_type="text/x-python"), files.items()
        ):
            pass
    return owner


def _draft(files: Mapping[ReleasePath, bytes]) -> Draft:
    return Draft(
        changes=tuple(
            PutFile(path=path, sha256=digest(content), md5=md5_hex(content), size_bytes=len(content), mode="0644")
            for path, content in files.items()
        ),
        files=tuple(PlainFile(path, "0644", content) for path, content in files.items()),
        push_id=PushId(digest(secrets.token_bytes(16))),
        source="benchmark",
        base_commit="",
        head_commit="0" * 40,
        ref="refs/heads/main",
        authors=("Ada <ada@example.com>",),
        message="Change a DAG",
        principal=Principal(name=plan.account("ada"), attested_by="jwt"),
        policy_digest=Digest("0" * 64),
        warnings=0,
        forced=False,
        pushed_at=utc_now(),
    )
