"""Signatures of OpenSSH, as `ssh-keygen -Y sign` and git make them: read, and held against the key they name.

OpenSSH's own program is not in the images that functions run in. The library `sshsig` on PyPI verifies Ed25519 and RSA,
but no ECDSA and no hardware keys, so the envelope is read here; the mathematics are those of `cryptography`.
Source: OpenSSH, PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.push.ssh_key import Fields, SshKey, is_signed_by, pack_string, read_key

BEGIN = "-----BEGIN SSH SIGNATURE-----"
END = "-----END SSH SIGNATURE-----"
MAX_ARMOR_CHARS = 7_000
"""One by an RSA key of 16,384 bits has 5,700. Source: Cloud Storage, 8 KiB of custom metadata for an object."""

_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = frozenset({"sha256", "sha512"})


class SshSignature(msgspec.Struct, frozen=True):
    """What a signature says of itself; nothing of it is believed before `holds` says so."""

    key: SshKey
    namespace: str
    reserved: bytes
    hash_name: str
    signature: bytes

    def holds(self, message: bytes) -> bool:
        """Whether the holder of `key` signed this message under `namespace`.

        Raises:
            InvalidInput: the signature is of no kind that is taken.
        """
        parts = (
            self.namespace.encode("ascii"),
            self.reserved,
            self.hash_name.encode("ascii"),
            hashlib.new(self.hash_name, message).digest(),
        )
        return is_signed_by(self.key, self.signature, _MAGIC + b"".join(map(pack_string, parts)))


def is_armored(text: str) -> bool:
    """Whether a text means to be an SSH signature.

    >>> is_armored("-----BEGIN SSH SIGNATURE-----")
    True
    """
    return text.lstrip().startswith(BEGIN)


def put_in_one_line(armor: str) -> str:
    """An armored signature without line breaks, as it can be metadata of an object.

    >>> put_in_one_line("-----BEGIN SSH SIGNATURE-----\\nAAAA\\nBBBB\\n-----END SSH SIGNATURE-----\\n")
    '-----BEGIN SSH SIGNATURE----- AAAA BBBB -----END SSH SIGNATURE-----'
    """
    return " ".join(armor.split("\n")).strip()


def read_signature(armor: str) -> SshSignature:
    """The signature that a text is, in lines or in one.

    Raises:
        InvalidInput: it is none, or one of a kind that is not taken.
    """
    if len(armor) > MAX_ARMOR_CHARS:
        raise _refuse(f"{len(armor):,} characters are too many")
    text = armor.strip()
    if not (text.startswith(BEGIN) and text.endswith(END)):
        raise _refuse("it is not whole")
    try:
        content = base64.b64decode("".join(text[len(BEGIN) : -len(END)].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refuse("it is no base64") from error
    fields = Fields(content)
    if fields.take(len(_MAGIC)) != _MAGIC or fields.number() != _VERSION:
        raise _refuse("it is of another format")
    key = read_key(fields.string())
    found = SshSignature(key, fields.text(), fields.string(), fields.text(), fields.string())
    fields.end()
    if found.hash_name not in _HASHES:
        raise _refuse(f"{found.hash_name[:60]!r} is no hash that is taken; {' and '.join(sorted(_HASHES))} are")
    if not found.namespace:
        raise _refuse("it has no namespace")
    return found


def _refuse(why: str) -> InvalidInput:
    return InvalidInput(f"no SSH signature: {why}", operation="read SSH signature")
