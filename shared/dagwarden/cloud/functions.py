"""Calls a function over HTTP, as this process's service account."""

from __future__ import annotations

import threading
import time

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.cloud.identity import Certificates, Signer

TOKEN_LIFETIME_S = 600
TOKEN_REUSE_S = 300.0
CLOCK_SKEW_S = 60
MAX_TOKEN_CHARS = 6_000


class FunctionCaller:
    """Calls one function.

    A call bears two tokens. The function believes the one in `Authorization`: this service account's own signature,
    which it checks itself, wherever it runs. Cloud Run believes the one in `X-Serverless-Authorization`, Google's ID
    token, and lets nobody through who lacks run.invoker.

    Source: cloud.google.com/run/docs/authenticating/service-to-service.
    """

    def __init__(self, url: str, audience: str, signer: Signer, *, timeout_s: float) -> None:
        self.url = url
        self._audience = audience
        self._signer = signer
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._signed_at = float("-inf")
        self._tokens: dict[str, str] = {}

    def post(self, body: bytes) -> bytes:
        """The answer to a JSON body.

        Raises:
            PreconditionFailed, Unavailable, AccessDenied, InvalidInput: as the function, or Cloud Run, says.
        """
        import requests
        from google.api_core.exceptions import from_http_response

        with mapped("call", self.url):
            response = requests.post(self.url, data=body, headers=self._headers(), timeout=self._timeout_s)
            if response.status_code >= 400:
                raise from_http_response(response)
            return response.content

    def _headers(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._signed_at > TOKEN_REUSE_S:
                now = int(time.time())
                claims = {"iss": self._signer.service_account, "aud": self._audience, "iat": now}
                own = self._signer.sign_jwt({**claims, "exp": now + TOKEN_LIFETIME_S})
                googles = self._signer.make_id_token(self.url)
                self._tokens = {"authorization": f"Bearer {own}", "x-serverless-authorization": f"Bearer {googles}"}
                self._signed_at = time.monotonic()
            return {"content-type": "application/json", **self._tokens}


def check_caller(authorization: str, *, caller: str, audience: str, certificates: Certificates) -> None:
    """The header is the signature of this service account, for this audience, now.

    Raises:
        AccessDenied: it is not.
        Unavailable: the public keys cannot be asked for.
    """
    import jwt

    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_CHARS:
        raise _deny("it bears no token", caller)
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = certificates.key(caller, key_id) if isinstance(key_id, str) else None
        if key is None:
            raise _deny("it is signed by no key of that account", caller)
        required = ["iss", "aud", "iat", "exp"]
        jwt.decode(
            token, key, algorithms=["RS256"], audience=audience, issuer=caller, leeway=CLOCK_SKEW_S,
            options={"require": required, "strict_aud": True},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _deny(f"its token does not hold: {error}", caller) from error


def _deny(why: str, caller: str) -> errors.AccessDenied:
    hint = f"only {caller} may call this function"
    return errors.AccessDenied(f"the call is refused: {why}", operation="call function", hint=hint)
