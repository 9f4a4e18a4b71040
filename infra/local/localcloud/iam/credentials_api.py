"""The methods of `iamcredentials.googleapis.com`: signatures and tokens in a service account's name.

Source: cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from localcloud.iam import keys
from localcloud.iam.access import Access
from localcloud.iam.accounts import Account, Accounts
from localcloud.iam.accounts_api import name_of
from localcloud.iam.tokens import LIFETIME_S, Tokens
from localcloud.rest import ApiError, Asked, Method, text_field
from localcloud.timestamps import format_ns

_MAX_JWT_LIFETIME_S = 12 * 3600


class CredentialsApi:
    """Signs with the keys that Google would hold."""

    def __init__(self, accounts: Accounts, tokens: Tokens, access: Access) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._access = access

    def methods(self) -> tuple[Method, ...]:
        """The table of methods."""
        account = "/v1/projects/{project}/serviceAccounts/{account}"
        return (
            Method("POST", account + ":signBlob", "signBlob", self.sign_blob),
            Method("POST", account + ":signJwt", "signJwt", self.sign_jwt),
            Method("POST", account + ":generateAccessToken", "generateAccessToken", self.generate_access_token),
            Method("POST", account + ":generateIdToken", "generateIdToken", self.generate_id_token),
        )

    def sign_blob(self, asked: Asked) -> Mapping[str, Any]:
        """An RS256 signature over the payload's bytes."""
        account = self._permitted(asked, "iam.serviceAccounts.signBlob")
        try:
            payload = base64.b64decode(text_field(asked.body, "payload"), validate=True)
        except (binascii.Error, ValueError):
            raise ApiError("INVALID_ARGUMENT", "Invalid value at 'payload': base64 is needed.") from None
        key = self._accounts.system_key(account.email)
        assert key.private_pem is not None
        return {"keyId": key.key_id, "signedBlob": base64.b64encode(keys.sign(key.private_pem, payload)).decode()}

    def sign_jwt(self, asked: Asked) -> Mapping[str, Any]:
        """A JWT of the payload's claims."""
        account = self._permitted(asked, "iam.serviceAccounts.signJwt")
        payload = text_field(asked.body, "payload")
        _check_claims(payload)
        key = self._accounts.system_key(account.email)
        assert key.private_pem is not None
        return {"keyId": key.key_id, "signedJwt": keys.encode_jwt(payload, key.private_pem, key.key_id)}

    def generate_access_token(self, asked: Asked) -> Mapping[str, Any]:
        """A short-lived access token."""
        account = self._permitted(asked, "iam.serviceAccounts.getAccessToken")
        scope = asked.body.get("scope")
        if not isinstance(scope, list) or not scope or not all(isinstance(each, str) for each in scope):
            raise ApiError("INVALID_ARGUMENT", "Invalid value at 'scope': at least one scope is needed.")
        token, expires_at = self._tokens.issue_access(account.email, _read_lifetime_s(asked.body))
        return {"accessToken": token, "expireTime": format_ns(expires_at * 10**9)}

    def generate_id_token(self, asked: Asked) -> Mapping[str, Any]:
        """An OIDC token for the audience."""
        account = self._permitted(asked, "iam.serviceAccounts.getOpenIdToken")
        audience = text_field(asked.body, "audience")
        if not audience:
            raise ApiError("INVALID_ARGUMENT", "Invalid value at 'audience': it must not be empty.")
        return {"token": self._tokens.sign_oidc(account.email, audience)}

    def _permitted(self, asked: Asked, permission: str) -> Account:
        account = self._accounts.get(asked.path["account"], asked.path["project"])
        self._access.require(asked.caller, permission, name_of(account))
        if account.is_disabled:
            raise ApiError("PERMISSION_DENIED", f"Service account {account.email} is disabled.")
        return account


def _check_claims(payload: str) -> None:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid value at 'payload': a JSON object of claims is needed.")
    expires = claims.get("exp")
    if expires is not None and (
        isinstance(expires, bool)
        or not isinstance(expires, (int, float))
        or not expires <= time.time() + _MAX_JWT_LIFETIME_S
    ):
        raise ApiError("INVALID_ARGUMENT", "Invalid claim 'exp': at most 12 hours from now.")


def _read_lifetime_s(body: Mapping[str, Any]) -> int:
    text = text_field(body, "lifetime", f"{LIFETIME_S}s")
    match = re.fullmatch(r"(\d{1,6})(?:\.\d+)?s", text, re.ASCII)
    if match is None or not 0 < int(match[1]) <= LIFETIME_S:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'lifetime': 1s to {LIFETIME_S}s.")
    return int(match[1])
