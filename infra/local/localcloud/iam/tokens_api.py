"""The public token endpoint and the certificates one verifies signatures with.

Source: developers.google.com/identity/protocols/oauth2/service-account; RFC 7523; the certificate paths are those of
www.googleapis.com.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from localcloud.iam import keys
from localcloud.iam.accounts import Accounts
from localcloud.iam.tokens import ISSUER, LIFETIME_S, InvalidGrant, Tokens
from localcloud.rest import ApiError, Asked, Method

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokensApi:
    """Exchanges assertions for tokens, and publishes certificates; nobody needs to have signed in for that."""

    def __init__(self, accounts: Accounts, tokens: Tokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    def methods(self) -> tuple[Method, ...]:
        """The table of methods."""
        x509, jwk = "metadata/x509/{account}", "jwk/{account}"
        return (
            Method("POST", "/token", "token", self.exchange, reads_form=True, is_public=True),
            Method("GET", f"/service_accounts/v1/{x509}", "certificates", self.certificates, is_public=True),
            Method("GET", f"/robot/v1/{x509}", "certificates", self.certificates, is_public=True),
            Method("GET", f"/service_accounts/v1/{jwk}", "jwk", self.jwk, is_public=True),
            Method("GET", "/oauth2/v1/certs", "oauth2.certs", self.oidc_certificates, is_public=True),
            Method("GET", "/oauth2/v3/certs", "oauth2.certs", self.oidc_jwk, is_public=True),
        )

    def exchange(self, asked: Asked) -> Mapping[str, Any] | Response:
        """An access token, or an OIDC token where the assertion names a target audience."""
        try:
            form = parse_qs(str(asked.body["form"]), max_num_fields=20)
            if form.get("grant_type") != [_JWT_BEARER]:
                return _refuse("unsupported_grant_type", f"Only {_JWT_BEARER} is known here.")
            account, audience = self._tokens.exchange(form.get("assertion", [""])[0])
        except (InvalidGrant, ValueError) as error:
            return _refuse("invalid_grant", str(error))
        if audience:
            return {"id_token": self._tokens.sign_oidc(account.email, audience)}
        token, _ = self._tokens.issue_access(account.email)
        return {"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}

    def certificates(self, asked: Asked) -> Mapping[str, Any]:
        """Key id -> certificate of every key of an account."""
        return self._certificates_of(asked.path["account"])

    def jwk(self, asked: Asked) -> Mapping[str, Any]:
        """The same keys as a JSON Web Key Set."""
        return _to_key_set(self._certificates_of(asked.path["account"]))

    def oidc_certificates(self, asked: Asked) -> Mapping[str, Any]:  # noqa: ARG002
        """Key id -> certificate of the keys that sign OIDC tokens."""
        return {key.key_id: key.certificate_pem for key in [self._accounts.system_key(ISSUER)]}

    def oidc_jwk(self, asked: Asked) -> Mapping[str, Any]:
        """The same keys as a JSON Web Key Set."""
        return _to_key_set(self.oidc_certificates(asked))

    def _certificates_of(self, account: str) -> dict[str, str]:
        found = self._accounts.find(account)
        if found is None:
            raise ApiError("NOT_FOUND", f"Unknown service account: {account}")
        return self._accounts.certificates(found.email)


def _to_key_set(certificates: Mapping[str, str]) -> dict[str, Any]:
    return {"keys": [keys.to_jwk(certificate, key_id) for key_id, certificate in certificates.items()]}


def _refuse(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=400)
