"""Who this process is, and what it signs: IAM Credentials and service accounts' public certificates."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.cloud.rest import Rest
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from google.auth.credentials import Credentials
    from google.auth.transport.requests import AuthorizedSession

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
IAM_CREDENTIALS = "https://iamcredentials.{universe}"
"""Source: google.auth.iam, of a universe domain: googleapis.com, or that of a partner's cloud."""

CERTIFICATES_FRESH_S = 3600.0


class Signature(msgspec.Struct, frozen=True):
    """RSA PKCS#1 v1.5 over SHA-256, by one of a service account's Google-managed keys."""

    key_id: str
    signature: bytes


class Signer:
    """Signs as one service account through IAM Credentials; no private key is ever held."""

    def __init__(self, session: AuthorizedSession, service_account: str, settings: Settings) -> None:
        self.service_account = service_account
        self._rest = Rest(session, settings)
        base = settings.iam_endpoint.rstrip("/") or IAM_CREDENTIALS.format(universe=self._rest.universe)
        self._url = f"{base}/v1/projects/-/serviceAccounts/{service_account}"

    def sign(self, content: bytes) -> Signature:
        """Sign some bytes.

        Raises:
            AccessDenied: the identity lacks iam.serviceAccounts.signBlob on the service account.
        """
        answer = self._post("signBlob", {"payload": base64.b64encode(content).decode()})
        return Signature(str(answer["keyId"]), base64.b64decode(answer["signedBlob"]))

    def sign_jwt(self, claims: dict[str, Any]) -> str:
        """Sign a JWT (RS256) with these claims.

        Raises:
            AccessDenied: the identity lacks iam.serviceAccounts.signJwt on the service account.
        """
        return str(self._post("signJwt", {"payload": json.dumps(claims)})["signedJwt"])

    def make_id_token(self, audience: str) -> str:
        """Google's word, for an hour, that this service account calls `audience`, as Cloud Run wants it.

        Raises:
            AccessDenied: the identity lacks iam.serviceAccounts.getOpenIdToken on the service account.
        """
        return str(self._post("generateIdToken", {"audience": audience, "includeEmail": True})["token"])

    def _post(self, method: str, body: dict[str, str | bool]) -> dict[str, Any]:
        return self._rest.post(f"{self._url}:{method}", body, method, self.service_account)


class Certificates:
    """Public keys of service accounts, read from Google's certificate endpoint and kept for an hour.

    A signature by a key not yet seen makes it look again (keys rotate), at most once in 10 s for each account.
    """

    def __init__(self, settings: Settings) -> None:
        self._base = settings.certificates_endpoint.rstrip("/")
        self._timeout_s = settings.request_timeout_s
        self._kept: dict[str, tuple[float, dict[str, RSAPublicKey]]] = {}
        self._lock = threading.Lock()

    def key(self, service_account: str, key_id: str) -> RSAPublicKey | None:
        """The public key with this id of this service account; None when the account has (or had) none such."""
        with self._lock:
            read_at, keys = self._kept.get(service_account, (float("-inf"), {}))
            age_s = time.monotonic() - read_at
            if age_s > CERTIFICATES_FRESH_S or (key_id not in keys and age_s > 10.0):
                keys = {**keys, **self._read(service_account)}
                self._kept[service_account] = (time.monotonic(), keys)
            return keys.get(key_id)

    def _read(self, service_account: str) -> dict[str, RSAPublicKey]:
        import requests
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from google.api_core.exceptions import from_http_response

        with mapped("read certificates", service_account):
            url = f"{self._base}/service_accounts/v1/metadata/x509/{service_account}"
            response = requests.get(url, timeout=self._timeout_s)
            if response.status_code == 404:
                return {}
            if response.status_code >= 400:
                raise from_http_response(response)
            keys = {}
            for key_id, certificate in response.json().items():
                key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
                if isinstance(key, RSAPublicKey):
                    keys[key_id] = key
            return keys


def is_signed(content: bytes, signature: Signature, key: RSAPublicKey) -> bool:
    """Whether `signature` over `content` was made by the holder of `key` (RSA PKCS#1 v1.5, SHA-256)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(signature.signature, content, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def find_credentials() -> Credentials:
    """The application default credentials.

    Raises:
        AccessDenied: there are none.
    """
    import google.auth

    with mapped("find credentials", "application default credentials"):
        credentials, _ = google.auth.default(scopes=SCOPES)
        return credentials


def service_account_of(credentials: Credentials, settings: Settings) -> str:
    """Which service account to sign as: the one in the settings, else the credentials' own.

    Raises:
        AccessDenied: the credentials are a person's, and no service account is set.
    """
    if settings.service_account:
        return settings.service_account
    email = getattr(credentials, "service_account_email", "")
    if email == "default":  # compute credentials learn their e-mail from the metadata server at the first refresh
        from google.auth.transport.requests import Request

        with mapped("find identity", "metadata server"):
            credentials.refresh(Request())
        email = getattr(credentials, "service_account_email", "")
    if not email:
        raise errors.AccessDenied(
            "these credentials are of no service account",
            operation="sign",
            hint="set DAGWARDEN_SERVICE_ACCOUNT to one you may impersonate",
        )
    return str(email)


def utc_now() -> dt.datetime:
    """The time, aware, in UTC. Handlers take it as an argument so that tests can choose it."""
    return dt.datetime.now(dt.UTC)
