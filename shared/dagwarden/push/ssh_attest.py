"""The pusher's attestation by SSH key: a signature over the push id, made by `ssh-keygen` and checked without it."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.names import EnvironmentName, PushId
from dagwarden.policy.signers import Signer, find_signer
from dagwarden.policy.verdict import Principal
from dagwarden.push.attest import CLOCK_SKEW, MAX_LIFETIME, audience
from dagwarden.push.ssh_signature import put_in_one_line, read_signature

ATTESTED_BY_SSH = "ssh"


def sign_with_key(key: str, push_id: PushId, environment: EnvironmentName) -> str:
    """An attestation by an SSH key. What `ssh-keygen` asks (a passphrase, a touch) it asks on the terminal itself.

    Args:
        key: file of a private key; or of a public one whose private half an agent or a hardware key holds.

    Raises:
        InvalidInput: it cannot be signed with; `ssh-keygen` has said why.
    """
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", audience(environment), "-f", str(Path(key).expanduser())]
    hint = "name a key file, or the .pub file of a key that your agent holds (ssh-add -L)"
    try:
        done = subprocess.run(command, input=push_id.encode(), stdout=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise InvalidInput("there is no ssh-keygen here", operation="sign push", hint="install OpenSSH") from error
    if done.returncode:
        raise InvalidInput("ssh-keygen did not sign", operation="sign push", subject=key, hint=hint)
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
    signature = read_signature(armor)
    principal, why = find_signer(signers, signature.key, audience(environment), at)
    if why:
        raise _deny(why)
    if signature.namespace != audience(environment):
        raise _deny(f"the signature of {principal} is not for {audience(environment)}")
    if not signature.holds(push_id.encode()):
        raise _deny(f"the signature of {principal} does not hold for this push")
    if created_at > at + CLOCK_SKEW:
        raise _deny(f"{principal} signed in the future: check the pusher's clock")
    if created_at + MAX_LIFETIME < at - CLOCK_SKEW:
        raise _deny(f"{principal} signed more than {MAX_LIFETIME} before the push arrived")
    return Principal(name=principal, attested_by=ATTESTED_BY_SSH, key_id=signature.key.fingerprint)


def _deny(why: str) -> AccessDenied:
    return AccessDenied(why, operation="verify attestation", hint="push again, as who you are")
