"""RSA keys, their certificates, and what is signed with them."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

KEY_SIZE_BITS = 2048


class InvalidJwt(ValueError):
    """A text is no JSON Web Token, or none that the given keys have signed."""


def generate_private_key() -> str:
    """A new RSA key, as PKCS #8 in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def certify(private_pem: str, common_name: str, valid_after: int, valid_before: int) -> str:
    """A self-signed certificate (PEM) for the public half, as Google publishes for service accounts.

    Args:
        common_name: cut to 64 characters, the most a certificate takes.
        valid_after: Unix seconds.
        valid_before: Unix seconds.
    """
    key = _load_private_key(private_pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(valid_after, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(valid_before, dt.UTC))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def name_key(certificate_pem: str) -> str:
    """The key's id: 40 hex digits, as Google's are."""
    public = _load_public_key(certificate_pem).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).hexdigest()[:40]


def sign(private_pem: str, message: bytes) -> bytes:
    """An RSASSA-PKCS1-v1_5 signature over SHA-256 (RS256)."""
    return _load_private_key(private_pem).sign(message, padding.PKCS1v15(), hashes.SHA256())


def encode_jwt(payload: str, private_pem: str, key_id: str) -> str:
    """`payload` (JSON text, taken as it is) signed as an RS256 token whose header names `key_id`."""
    header = json.dumps({"alg": "RS256", "kid": key_id, "typ": "JWT"}, separators=(",", ":"))
    signed = f"{_encode_base64url(header.encode())}.{_encode_base64url(payload.encode())}"
    return f"{signed}.{_encode_base64url(sign(private_pem, signed.encode()))}"


def decode_jwt(token: str, find_certificates: Callable[[Mapping[str, Any]], Mapping[str, str]]) -> dict[str, Any]:
    """The claims of a token that one of the certificates has signed. Times are the caller's to check.

    Args:
        find_certificates: key id -> certificate (PEM) of those who may sign such unverified claims.

    Raises:
        InvalidJwt: it is no RS256 token, or its signature is not theirs.
    """
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    header, claims = _decode_object(head), _decode_object(body)
    certificate = find_certificates(claims).get(str(header.get("kid")))
    if header.get("alg") != "RS256" or certificate is None:
        raise InvalidJwt("Invalid JWT: no such key.")
    try:
        _load_public_key(certificate).verify(
            _decode_base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        raise InvalidJwt("Invalid JWT Signature.") from None
    return claims


def to_jwk(certificate_pem: str, key_id: str) -> dict[str, str]:
    """The public key as a JSON Web Key."""
    numbers = _load_public_key(certificate_pem).public_numbers()
    return {
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": key_id,
        "n": _encode_base64url(_to_bytes(numbers.n)),
        "e": _encode_base64url(_to_bytes(numbers.e)),
    }


@functools.lru_cache(maxsize=256)
def _load_private_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@functools.lru_cache(maxsize=256)
def _load_public_key(certificate_pem: str) -> rsa.RSAPublicKey:
    key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def _decode_object(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(_decode_base64url(segment))
    except (ValueError, RecursionError):
        raise InvalidJwt("Invalid JWT: a segment is no JSON.") from None
    if not isinstance(value, dict):
        raise InvalidJwt("Invalid JWT: a segment is no JSON object.")
    return value


def _decode_base64url(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidJwt("Invalid JWT: a segment is no base64url.") from None


def _encode_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _to_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
