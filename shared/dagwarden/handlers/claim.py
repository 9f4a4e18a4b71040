"""The claims on a push, by which gates that handle it at the same time come to one verdict.

An event may be delivered to two gates at once, and they may read different heads or policies: one would deny what the
other is about to release. The release and the verdict are two objects, so neither create alone can decide. Therefore a
gate lays down what it has found, as the next object of a list that only grows, before anything follows from it:

- A claim that nothing is to be released (a denial, a dry run, no change) is final: all follow it.
- A claim to release holds for the head it names. Who finds it while that head still is the head follows it. Who finds
  it on a newer head knows that its release can not be committed any more, and lays down a claim of his own.
- Who has read an older head than a standing claim names has to read the head again.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import msgspec

from dagwarden.names import claim_object
from dagwarden.policy.verdict import Verdict
from dagwarden.wire import decode, encode

if TYPE_CHECKING:
    from dagwarden.cloud.storage import Bucket


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate found, made known to all before it takes effect."""

    verdict: Verdict
    """As it will be published, but for the release's number."""
    releases: bool
    """Whether a release is to follow, on top of `verdict.head` and nowhere else."""


def take_claim(store: Bucket, found: Claim, *, attempt: str) -> Claim:
    """The claim that now stands: `found`, unless another gate's is to be followed.

    Args:
        attempt: random id of this attempt.

    Returns:
        Another gate's claim when it is final, is on the same head, or is on a newer one than `found`.
    """
    verdict = found.verdict
    content = encode(found)
    for index in count():
        name = claim_object(verdict.environment, verdict.push_id, index)
        if store.create(name, content, attempt=attempt, content_type="application/json").is_ours:
            return found
        standing = decode(Claim, store.read(name), subject=name)
        if not standing.releases or standing.verdict.head >= verdict.head:
            return standing
    raise AssertionError("counting never ends")
