"""Signatures by SSH key over what a person says: made by `ssh-keygen`, checked without it. A push's is over its id."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.names import EnvironmentName, PushId, audience
from dagwarden.policy.signers import Signer, find_signer
from dagwarden.policy.verdict import Principal
from dagwarden.push.attest import CLOCK_SKEW, MAX_LIFETIME
from dagwarden.push.ssh_signature import put_in_one_line, read_signature

ATTESTED_BY_SSH = "ssh"


def sign_with_key(key: str, message: bytes, namespace: str) -> str:
    """A signature by an SSH key. What `ssh-keygen` asks (a passphrase, a touch) it asks on the terminal itself.

    Args:
        key: file of a private key; or of a public one whose private half an agent or a hardware key holds.
        namespace: what it is for, so that it passes for nothing else.

    Raises:
        InvalidInput: it cannot be signed with; `ssh-keygen` has said why.
    """
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(Path(key).expanduser())]
    hint = "name a key file, or the .pub file of a key that your agent holds (ssh-add -L)"
    try:
        done = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise InvalidInput("there is no ssh-keygen here", operation="sign", hint="install OpenSSH") from error
    if done.returncode:
        raise InvalidInput("ssh-keygen did not sign", operation="sign", subject=key, hint=hint)
    return put_in_one_line(done.stdout.decode("ascii"))


def verify_ssh_attestation(
    armor: str,
    push_id: PushId,
    environment: EnvironmentName,
    signers: Sequence[Signer],
    *,
    created_at: dt.datetime,
    at: dt.datetime,
) -> Principal:
    """Who signed for this push.

    An SSH signature has no time of its own; the push id that is signed covers when the push was made.

    Args:
        signers: whose keys the policy knows.
        created_at: when the push says it was made.
        at: when the push object was complete in the inbox.

    Raises:
        InvalidInput: the text is no SSH signature that is taken.
        AccessDenied: it is one, but does not hold: forged, for something else, by nobody known, or out of its time.
    """
    principal = verify_signature(armor, push_id.encode(), audience(environment), signers, at=at)
    if created_at > at + CLOCK_SKEW:
        raise _deny(f"{principal.name} signed in the future: check the pusher's clock")
    if created_at + MAX_LIFETIME < at - CLOCK_SKEW:
        raise _deny(f"{principal.name} signed more than {MAX_LIFETIME} before the push arrived")
    return principal


def verify_signature(
    armor: str, message: bytes, namespace: str, signers: Sequence[Signer], *, at: dt.datetime
) -> Principal:
    """Who signed a message for one purpose, whenever that was.

    Args:
        at: when the keys must count.

    Raises:
        InvalidInput: the text is no SSH signature that is taken.
        AccessDenied: it is one, but does not hold: forged, for something else, or by nobody known.
    """
    signature = read_signature(armor)
    name, why = find_signer(signers, signature.key, namespace, at)
    if why:
        raise _deny(why)
    if signature.namespace != namespace:
        raise _deny(f"the signature of {name} is not for {namespace}")
    if not signature.holds(message):
        raise _deny(f"the signature of {name} does not hold for this push")
    return Principal(name=name, attested_by=ATTESTED_BY_SSH, key_id=signature.key.fingerprint)


def _deny(why: str) -> AccessDenied:
    return AccessDenied(why, operation="verify attestation", hint="push again, as who you are")
