"""Takes an offer all the way to its verdict, telling how far it is: what git's helper and `dagwarden push` share."""

from __future__ import annotations

import datetime as dt
import enum
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagwarden.names import PushId
from dagwarden.policy.verdict import Verdict
from dagwarden.push.changes import Offer
from dagwarden.push.manifest import Delete, PushManifest
from dagwarden.push.submit import attest, check_inbox, make_packed, say_caller, say_signer, submit, wait_for_verdict

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud


class Stage(enum.Enum):
    """How far a push has come; each says what an interruption means."""

    PREPARING = "nothing was sent"
    SENDING = "it was being sent: it has arrived whole or not at all"
    WAITING = "it was submitted, and is decided without you"


class Delivery:
    """One push on its way.

    Args:
        say: takes a line of progress.
        while_waiting: sleeps between looks for the verdict; gets the seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        say: Callable[[str], None],
        now: Callable[[], dt.datetime],
        while_waiting: Callable[[float], None] = time.sleep,
    ) -> None:
        self.stage = Stage.PREPARING
        self.push_id: PushId | None = None
        self._cloud = cloud
        self._say = say
        self._now = now
        self._while_waiting = while_waiting

    def check_inbox(self) -> None:
        """There is an inbox; said aloud where this identity seems not to be allowed to write to it.

        Raises:
            NotFound: there is none.
        """
        if not check_inbox(self._cloud):
            name, account = self._cloud.inbox.name, say_caller(self._cloud)
            self._say(f"{account} may not create objects everywhere in gs://{name}: a push may fail")

    def deliver(self, manifest: PushManifest, offer: Offer, timeout_s: float) -> Verdict:
        """Pack, sign, send, wait.

        Raises:
            NotFound: there is no such inbox.
            InvalidInput: the SSH key to sign with cannot be signed with.
            AccessDenied: this identity may not sign or not write to the inbox.
            Unavailable: a service does not answer, or there is no verdict in time.
        """
        packed = make_packed(manifest, offer)
        self._say(say_packed(offer, len(packed.content)))
        attestation = attest(self._cloud, packed, self._now())
        self.stage, self.push_id = Stage.SENDING, packed.push_id
        is_new = submit(self._cloud, packed, attestation)
        self.stage = Stage.WAITING
        known = "" if is_new else ", where it was already"
        self._say(f"sent push {packed.push_id[:12]} {say_signer(self._cloud)}{known}; waiting for the gate")
        return wait_for_verdict(
            self._cloud, packed.environment, packed.push_id, timeout_s=timeout_s, sleep=self._while_waiting
        )

    def say_interrupted(self) -> str:
        """What became of the push that was interrupted now."""
        which = f" (push {self.push_id})" if self.push_id else ""
        return f"interrupted: {self.stage.value}{which}"


def say_packed(offer: Offer, size_bytes: int) -> str:
    """`packed 3 files, 12 KiB; 1 deleted`."""
    deleted = sum(isinstance(change, Delete) for change in offer.changes)
    put = len(offer.changes) - deleted
    files = "1 file" if put == 1 else f"{put:,} files"
    return f"packed {files}, {format_size(size_bytes)}" + (f"; {deleted:,} deleted" if deleted else "")


def say_left_behind(count: int) -> str:
    """`4 files outside dags/ and plugins/ stay behind`."""
    return (
        f"{count:,} file{'' if count == 1 else 's'} outside dags/ and plugins/ stay{'s' if count == 1 else ''} behind"
    )


def format_size(size_bytes: int) -> str:
    """`812 bytes`, `12 KiB`, `3.4 MiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} bytes"
    if size_bytes < 1024 * 1024:
        return f"{size_bytes / 1024:.0f} KiB"
    return f"{size_bytes / 1024 / 1024:.1f} MiB"
