"""Who signed the commit that is pushed, where the policy wants to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dagwarden.errors import InvalidInput
from dagwarden.policy.signers import Signer, find_signer
from dagwarden.push.git_commit import is_commit, split_commit
from dagwarden.push.manifest import PushManifest
from dagwarden.push.ssh_signature import is_armored, read_signature

GIT = "git"
"""The namespace of what git signs. Source: git, gpg-interface.c."""


def explain_commit(manifest: PushManifest, signers: Sequence[Signer], at: dt.datetime) -> str:
    """Why the head commit counts as signed by nobody; empty when one of the signers signed it.

    Args:
        at: by which keys must count: when the push arrived, since a commit's own date proves nothing.
    """
    if not manifest.commit:
        return "the push does not hold its commit"
    if not is_commit(manifest.commit, manifest.head_commit):
        return f"what the push holds is not the commit {manifest.head_commit[:12]}"
    return _explain_signature(manifest, signers, at)


def _explain_signature(manifest: PushManifest, signers: Sequence[Signer], at: dt.datetime) -> str:
    which = f"the commit {manifest.head_commit[:12]}"
    signed = split_commit(manifest.commit, manifest.head_commit)
    if not signed.signature:
        return f"{which} is not signed"
    if not is_armored(signed.signature):
        return f"{which} is not signed with an SSH key (git config gpg.format ssh); others are not verified"
    try:
        signature = read_signature(signed.signature)
        _, why = find_signer(signers, signature.key, GIT, at)
        if why:
            return f"{which}: {why}"
        holds = signature.namespace == GIT and signature.holds(signed.payload)
    except InvalidInput as error:
        return f"the signature of {which} cannot be read: {error.message}"
    return "" if holds else f"the signature of {which} does not hold"
