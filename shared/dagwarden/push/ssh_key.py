"""Public keys of OpenSSH: read from their lines, known by their fingerprints, asked whether a signature is theirs."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import InvalidInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16_384
USER_PRESENT = 0x01
"""The flag by which a hardware key says that somebody touched it. Source: OpenSSH, PROTOCOL.u2f."""

SIGNATURES: dict[str, dict[str, str]] = {
    "ssh-ed25519": {"ssh-ed25519": "sha512"},
    "ecdsa-sha2-nistp256": {"ecdsa-sha2-nistp256": "sha256"},
    "ecdsa-sha2-nistp384": {"ecdsa-sha2-nistp384": "sha384"},
    "ecdsa-sha2-nistp521": {"ecdsa-sha2-nistp521": "sha512"},
    "ssh-rsa": {"rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512"},
    "sk-ssh-ed25519@openssh.com": {"sk-ssh-ed25519@openssh.com": "sha256"},
    "sk-ecdsa-sha2-nistp256@openssh.com": {"sk-ecdsa-sha2-nistp256@openssh.com": "sha256"},
}
"""The kinds of key there are here, and the kinds of signature each makes, by their hash. No DSA, nothing with SHA-1.

Source: RFC 8332 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519), OpenSSH's PROTOCOL.u2f (hardware keys, `sk-`).
"""


class SshKey(msgspec.Struct, frozen=True):
    """A public key as OpenSSH puts it into bytes; two are one key exactly where their bytes are the same."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


class Fields:
    """The fields of an SSH message, taken one by one from its bytes. Source: RFC 4251, section 5."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def take(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            InvalidInput: there are not that many.
        """
        if count > len(self._left):
            raise InvalidInput("it ends too early", operation="read SSH message")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def number(self) -> int:
        """A uint32."""
        return int.from_bytes(self.take(4))

    def string(self) -> bytes:
        """A string: its length and so many bytes."""
        return self.take(self.number())

    def text(self) -> str:
        """A string that is ASCII: the name of something."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as error:
            raise InvalidInput("a name in it is no ASCII", operation="read SSH message") from error

    def end(self) -> None:
        """Nothing happens where nothing is left.

        Raises:
            InvalidInput: there is more.
        """
        if self._left:
            raise InvalidInput("something follows its end", operation="read SSH message")


def pack_string(content: bytes) -> bytes:
    """A string of an SSH message."""
    return len(content).to_bytes(4) + content


def read_key_line(line: str) -> SshKey:
    """The key of one line, as it stands in a `.pub` file: `ssh-ed25519 AAAA… comment`.

    Raises:
        InvalidInput: it is none, or none that may sign here: of a kind that is not taken, or too weak.
    """
    kind, _, rest = line.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    _check_kind(kind)
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("its second word is no base64", operation="read SSH key") from error
    key = read_key(blob)
    if key.kind != kind:
        raise InvalidInput(f"it says {kind} and is {key.kind}", operation="read SSH key")
    load(key)
    return key


def read_key(blob: bytes) -> SshKey:
    """The key that some bytes are, not yet known to be sound.

    Raises:
        InvalidInput: they are of no kind of key that is taken.
    """
    kind = Fields(blob).text()
    _check_kind(kind)
    return SshKey(kind, blob)


def _check_kind(kind: str) -> None:
    if "-cert-" in kind:
        raise InvalidInput("certificates are not taken", operation="read SSH key", hint="name the key itself")
    if kind not in SIGNATURES:
        known = ", ".join(SIGNATURES)
        raise InvalidInput(f"{kind[:60]!r} is no kind of key that is taken; {known} are", operation="read SSH key")


@functools.lru_cache(maxsize=256)
def load(key: SshKey) -> PublicKey:
    """The key as one that verifies.

    Raises:
        InvalidInput: it is no sound key, or a weak one.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        loaded = load_ssh_public_key(key.kind.encode() + b" " + base64.b64encode(key.blob))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"it is no sound {key.kind} key", operation="read SSH key") from error
    assert not isinstance(loaded, DSAPublicKey)
    if isinstance(loaded, RSAPublicKey) and not MIN_RSA_BITS <= loaded.key_size <= MAX_RSA_BITS:
        said = f"it has {loaded.key_size:,} bits; RSA keys have {MIN_RSA_BITS:,} to {MAX_RSA_BITS:,} here"
        raise InvalidInput(said, operation="read SSH key", hint="make a new one: ssh-keygen -t ed25519")
    return loaded


def is_signed_by(key: SshKey, signature: bytes, content: bytes) -> bool:
    """Whether a signature, as OpenSSH puts it into bytes, was made over `content` by the holder of `key`.

    Raises:
        InvalidInput: it is no signature, or of a kind that such a key does not make here.
    """
    fields = Fields(signature)
    kind, raw = fields.text(), fields.string()
    if kind not in SIGNATURES[key.kind]:
        raise InvalidInput(
            f"{kind[:60]!r} is no signature that {key.kind} makes here", operation="verify SSH signature"
        )
    hash_name = SIGNATURES[key.kind][kind]
    if key.kind.startswith("sk-"):
        said = fields.take(5)
        if not said[0] & USER_PRESENT:
            return False
        content = _application(key) + said + hashlib.sha256(content).digest()
    fields.end()
    return _verify(load(key), raw, content, hash_name)


def _application(key: SshKey) -> bytes:
    """The hash of what a hardware key is for, mostly `ssh:`: the last field of its public key."""
    fields = Fields(key.blob)
    fields.string()
    if key.kind.startswith("sk-ecdsa"):
        fields.string()
    fields.string()
    return hashlib.sha256(fields.string()).digest()


def _verify(key: PublicKey, raw: bytes, content: bytes, hash_name: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    algorithms: dict[str, Callable[[], hashes.HashAlgorithm]] = {
        "sha256": hashes.SHA256,
        "sha384": hashes.SHA384,
        "sha512": hashes.SHA512,
    }
    algorithm = algorithms[hash_name]()
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(raw, content, PKCS1v15(), algorithm)
        elif isinstance(key, EllipticCurvePublicKey):
            key.verify(_to_der(raw), content, ECDSA(algorithm))
        else:
            key.verify(raw, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _to_der(raw: bytes) -> bytes:
    """ECDSA's two numbers, from SSH's form into that of X.509."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    fields = Fields(raw)
    first, second = (int.from_bytes(fields.string(), signed=True) for _ in range(2))
    fields.end()
    if min(first, second) <= 0:
        raise InvalidInput("its numbers are not positive", operation="verify SSH signature")
    return encode_dss_signature(first, second)
