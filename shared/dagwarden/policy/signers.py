"""Whose SSH keys count: the policy's form of OpenSSH's allowed_signers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from dagwarden.errors import InvalidInput
from dagwarden.policy.globs import match_name
from dagwarden.policy.section import Glob, Identity, Section
from dagwarden.push.ssh_key import SshKey, read_key_line
from dagwarden.yaml_nodes import Fault


class Signer(Section, frozen=True, kw_only=True):
    """One person or machine, and the SSH keys by which it is known."""

    principal: Annotated[Identity, Meta(description="what it is called in `pushers`, mostly an e-mail")]
    keys: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="lines of .pub files: `ssh-ed25519 AAAA… comment`; no DSA, RSA from 2,048 bits"),
    ]
    namespaces: Annotated[
        tuple[Glob, ...],
        Meta(
            description="what they may sign: `dagwarden:ENVIRONMENT` is a push, `dagwarden:ENVIRONMENT:approval` an "
            "approval, `git` a commit; `*` is any text"
        ),
    ] = ("dagwarden:*", "git")
    valid_after: Annotated[dt.date | None, Meta(description="the first day they count, in UTC")] = None
    valid_before: Annotated[dt.date | None, Meta(description="the day from which they count no more, in UTC")] = None


def find_signer(signers: Sequence[Signer], key: SshKey, namespace: str, at: dt.datetime) -> tuple[str, str]:
    """Whose key this is.

    Args:
        namespace: what was signed.
        at: when.

    Returns:
        The principal and an empty text; or nobody, and why.
    """
    why = f"{key.fingerprint} is a key of nobody that the policy names under `signers`"
    for signer in signers:
        if key in map(read_key_line, signer.keys):
            if not (reason := _explain(signer, namespace, at.astimezone(dt.UTC).date())):
                return signer.principal, ""
            why = f"the key {key.fingerprint} of {signer.principal} {reason}"
    return "", why


def _explain(signer: Signer, namespace: str, today: dt.date) -> str:
    """Why a signer's keys do not count for this; empty when they do."""
    if not match_name(namespace, signer.namespaces):
        return f"may not sign `{namespace}`"
    if signer.valid_after is not None and today < signer.valid_after:
        return f"counts from {signer.valid_after} only"
    if signer.valid_before is not None and today >= signer.valid_before:
        return f"counts no more since {signer.valid_before}"
    return ""


def check_signers(signers: Sequence[Signer], line: Callable[..., int]) -> Iterator[Fault]:
    """What is wrong with the keys that a policy names."""
    owners: dict[SshKey, str] = {}
    for index, signer in enumerate(signers):
        for place, text in enumerate(signer.keys):
            where = line("signers", index, "keys", place)
            try:
                key = read_key_line(text)
            except InvalidInput as error:
                yield Fault(where, f"no key of {signer.principal}: {error.message}")
                continue
            if (owner := owners.setdefault(key, signer.principal)) != signer.principal:
                yield Fault(where, f"the key {key.fingerprint} is {owner}'s already; a key says who somebody is")
        if signer.valid_after and signer.valid_before and signer.valid_after >= signer.valid_before:
            said = f"the keys of {signer.principal} never count: valid_before comes after valid_after"
            yield Fault(line("signers", index, "valid_before"), said)
