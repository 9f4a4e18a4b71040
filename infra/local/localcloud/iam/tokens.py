"""Access tokens and OIDC tokens: issued to service accounts, and recognised again."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from localcloud.iam import keys
from localcloud.iam.accounts import Account, Accounts
from localcloud.ports import ANONYMOUS, UNKNOWN
from localcloud.state import State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS access_tokens (
    token_sha256 TEXT PRIMARY KEY, email TEXT NOT NULL, expires_at INTEGER NOT NULL
) STRICT;
"""

ISSUER = "https://accounts.google.com"
LIFETIME_S = 3600
_CLOCK_SKEW_S = 300
_REUSE_S = 600  # an OIDC token is signed anew after this long, well before it expires


class InvalidGrant(ValueError):
    """The token endpoint does not take this assertion."""


class Tokens:
    """The tokens of all service accounts."""

    def __init__(self, state: State, accounts: Accounts) -> None:
        self._state = state
        self._accounts = accounts
        self._signed: dict[tuple[str, str], tuple[float, str]] = {}
        state.db.executescript(_SCHEMA)

    def caller(self, headers: Mapping[str, str]) -> str:
        """Who sent a request with these headers: an e-mail, ANONYMOUS or UNKNOWN."""
        authorization = headers.get("authorization", "")
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        email = self._email_of(token.strip()) if scheme.lower() == "bearer" else None
        account = self._accounts.find(email) if email else None
        return account.email if account and not account.is_disabled else UNKNOWN

    def issue_access(self, email: str, lifetime_s: int = LIFETIME_S) -> tuple[str, int]:
        """A new opaque access token for `email`, and when it expires (Unix seconds)."""
        token = f"ya29.local-{secrets.token_urlsafe(32)}"
        now = int(time.time())
        with self._state.transaction() as db:
            db.execute("DELETE FROM access_tokens WHERE expires_at < ?", (now,))
            db.execute("INSERT INTO access_tokens VALUES (?, ?, ?)", (_digest(token), email, now + lifetime_s))
        return token, now + lifetime_s

    def sign_oidc(self, email: str, audience: str) -> str:
        """An OIDC token that says `email` calls `audience`, as Pub/Sub push and the metadata server make them.

        Raises:
            KeyError: there is no such service account.
        """
        account = self._accounts.find(email)
        if account is None:
            raise KeyError(f"no service account {email}")
        now = time.time()
        signed_at, token = self._signed.get((account.unique_id, audience), (0.0, ""))
        if now - signed_at > _REUSE_S:
            key = self._accounts.system_key(ISSUER)
            assert key.private_pem is not None
            claims = _oidc_claims(account, audience, int(now))
            signed_at, token = now, keys.encode_jwt(json.dumps(claims), key.private_pem, key.key_id)
            self._signed[account.unique_id, audience] = signed_at, token
        return token

    def exchange(self, assertion: str) -> tuple[Account, str]:
        """Check a JWT-bearer assertion; returns who made it and the `target_audience` it asks for (or "").

        Raises:
            InvalidGrant: it is not one a user-managed key of an enabled account has signed for a token endpoint.
        """
        try:
            claims = keys.decode_jwt(assertion, self._certificates_of_issuer)
        except keys.InvalidJwt as error:
            raise InvalidGrant(str(error)) from None
        if not str(claims.get("aud", "")).endswith("/token") or not _is_current(claims):
            raise InvalidGrant("Invalid JWT: it must be for this token endpoint, issued now, valid an hour at most.")
        account = self._accounts.find(str(claims["iss"]))
        if account is None or account.is_disabled:
            raise InvalidGrant("Invalid grant: account not found.")
        return account, str(claims.get("target_audience", ""))

    def _email_of(self, token: str) -> str | None:
        now = int(time.time())
        row = self._state.db.execute(
            "SELECT email FROM access_tokens WHERE token_sha256 = ? AND expires_at > ?", (_digest(token), now)
        ).fetchone()
        return str(row["email"]) if row else self._email_of_self_signed(token)

    def _email_of_self_signed(self, token: str) -> str | None:
        """Google's clients may send a JWT signed by the account's key instead of fetching an access token."""
        try:
            claims = keys.decode_jwt(token, self._certificates_of_issuer)
        except keys.InvalidJwt:
            return None
        return str(claims["iss"]) if claims.get("sub") == claims["iss"] and _is_current(claims) else None

    def _certificates_of_issuer(self, claims: Mapping[str, Any]) -> dict[str, str]:
        found = self._accounts.keys(str(claims.get("iss", "")))
        return {key.key_id: key.certificate_pem for key in found if not key.is_system_managed}


def _oidc_claims(account: Account, audience: str, now: int) -> dict[str, Any]:
    return {
        "aud": audience,
        "azp": account.unique_id,
        "email": account.email,
        "email_verified": True,
        "exp": now + LIFETIME_S,
        "iat": now,
        "iss": ISSUER,
        "sub": account.unique_id,
    }


def _is_current(claims: Mapping[str, Any]) -> bool:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, (int, float)) or not isinstance(expires, (int, float)):
        return False
    now = time.time()
    return issued <= now + _CLOCK_SKEW_S and now - _CLOCK_SKEW_S < expires <= issued + LIFETIME_S + _CLOCK_SKEW_S


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
