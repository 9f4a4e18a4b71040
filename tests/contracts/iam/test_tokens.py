"""google-auth gets tokens with keys made here, and verifies what is signed here."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import pytest
import requests
from google.auth import crypt, jwt
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError
from google.auth.iam import Signer
from google.oauth2 import id_token, service_account

from localcloud.testing import RunningCloud, running_cloud

from .conftest import TOKEN_CREATOR, Iam

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
Transport = google.auth.transport.requests.Request


def test_a_key_file_gets_an_access_token_that_names_its_account(iam: Iam, key_file: Path, transport: Transport) -> None:
    credentials = service_account.Credentials.from_service_account_file(str(key_file), scopes=[SCOPE])
    credentials.refresh(transport)
    assert credentials.token
    assert credentials.valid
    member = f"serviceAccount:{credentials.service_account_email}"
    iam.grant(f"projects/{iam.project}", "roles/logging.viewer", member)
    body = {"permissions": ["logging.logEntries.list", "logging.logEntries.create"]}
    _, answer = iam.send("POST", f"/v1/projects/{iam.project}:testIamPermissions", body, credentials.token)
    assert answer == {"permissions": ["logging.logEntries.list"]}


def test_a_key_file_gets_an_id_token_that_google_auth_verifies(
    cloud: RunningCloud, key_file: Path, transport: Transport
) -> None:
    audience = "http://127.0.0.1:8080/validate"
    credentials = service_account.IDTokenCredentials.from_service_account_file(str(key_file), target_audience=audience)
    credentials.refresh(transport)
    claims = id_token.verify_token(credentials.token, transport, audience, f"{cloud.url}/oauth2/v1/certs")
    assert claims["email"] == credentials.service_account_email
    assert claims["email_verified"] is True
    assert claims["iss"] == "https://accounts.google.com"
    assert id_token.verify_token(credentials.token, transport, audience, f"{cloud.url}/oauth2/v3/certs") == claims
    with pytest.raises(ValueError, match="audience"):
        id_token.verify_token(credentials.token, transport, "http://other", f"{cloud.url}/oauth2/v1/certs")


def test_a_self_signed_jwt_is_taken_as_a_token(iam: Iam, key_file: Path, transport: Transport) -> None:
    credentials = service_account.Credentials.from_service_account_file(str(key_file), always_use_jwt_access=True)
    credentials = credentials.with_scopes([SCOPE])
    credentials.refresh(transport)
    assert credentials.token.count(".") == 2
    status, answer = iam.send("GET", f"/v1/projects/{iam.project}/serviceAccounts", token=credentials.token)
    assert (status, answer["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert credentials.service_account_email in answer["error"]["message"]


def test_sign_blob_signs_what_the_published_certificates_verify(iam: Iam, cloud: RunningCloud) -> None:
    email = iam.account("gate-sa")
    signature = Signer(_Redirected(cloud.url), AnonymousCredentials(), email).sign(b"release 12")
    _, certificates = iam.send("GET", f"/service_accounts/v1/metadata/x509/{email}")
    assert crypt.verify_signature(b"release 12", signature, list(certificates.values()))
    assert not crypt.verify_signature(b"release 13", signature, list(certificates.values()))


def test_sign_jwt_signs_the_claims_it_is_given(iam: Iam) -> None:
    email = iam.account("gate-sa")
    payload = json.dumps({"push": "abc", "iss": email, "iat": int(time.time()), "exp": int(time.time()) + 60})
    _, made = iam.send("POST", f"{iam.path(email, '-')}:signJwt", {"payload": payload})
    _, certificates = iam.send("GET", f"/robot/v1/metadata/x509/{email}")
    assert jwt.decode(made["signedJwt"], certs=certificates) == json.loads(payload)
    assert jwt.decode_header(made["signedJwt"])["kid"] == made["keyId"]
    assert made["keyId"] in certificates
    _, jwk = iam.send("GET", f"/service_accounts/v1/jwk/{email}")
    assert [key["kid"] for key in jwk["keys"]] == [made["keyId"]]


def test_signing_needs_the_token_creator_role(iam: Iam) -> None:
    gate, other = iam.account("gate-sa"), iam.account("other-sa")
    token = iam.token(other)
    body = {"payload": base64.b64encode(b"x").decode()}
    assert iam.send("POST", f"{iam.path(gate, '-')}:signBlob", body, token)[0] == 403
    iam.grant(f"projects/{iam.project}/serviceAccounts/{gate}", TOKEN_CREATOR, f"serviceAccount:{other}")
    assert iam.send("POST", f"{iam.path(gate, '-')}:signBlob", body, token)[0] == 200
    assert iam.send("POST", f"{iam.path(other, '-')}:signBlob", body, token)[0] == 403


def test_generate_id_token_is_verified_by_google_auth(iam: Iam, cloud: RunningCloud, transport: Transport) -> None:
    email = iam.account("gate-sa")
    _, made = iam.send("POST", f"{iam.path(email, '-')}:generateIdToken", {"audience": "a", "includeEmail": True})
    claims = id_token.verify_token(made["token"], transport, "a", f"{cloud.url}/oauth2/v1/certs")
    assert claims["email"] == email


def test_a_deleted_key_gets_no_token(iam: Iam, key_file: Path, transport: Transport) -> None:
    key = json.loads(key_file.read_text())
    credentials = service_account.Credentials.from_service_account_info(key, scopes=[SCOPE])
    assert iam.send("DELETE", f"{iam.path(key['client_email'])}/keys/{key['private_key_id']}")[0] == 200
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(transport)


def test_a_disabled_account_gets_no_token_and_its_old_ones_are_void(
    iam: Iam, key_file: Path, transport: Transport
) -> None:
    credentials = service_account.Credentials.from_service_account_file(str(key_file), scopes=[SCOPE])
    credentials.refresh(transport)
    iam.send("POST", f"{iam.path(credentials.service_account_email)}:disable", {})
    assert iam.send("GET", f"/v1/projects/{iam.project}/serviceAccounts", token=credentials.token)[0] == 401
    with pytest.raises(RefreshError):
        credentials.refresh(transport)
    iam.send("POST", f"{iam.path(credentials.service_account_email)}:enable", {})
    credentials.refresh(transport)


def test_tokens_outlive_a_restart(tmp_path: Path, http: requests.Session) -> None:
    with running_cloud(tmp_path) as cloud:
        iam = Iam(http, cloud.url, "proj-local")
        token = iam.token(iam.account("gate-sa"))
    with running_cloud(tmp_path) as cloud:
        status, _ = Iam(http, cloud.url, "proj-local").send("GET", "/v1/projects/p/serviceAccounts", token=token)
    assert status == 403  # known, and without a role


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "", "é", "ya29.local-x", "e30.e30.e30", "." * 5000])
def test_a_token_of_nobody_is_refused(iam: Iam, http: requests.Session, token: str) -> None:
    headers = {"authorization": b"Bearer " + token.encode()}
    response = http.get(f"{iam.url}/v1/projects/p/serviceAccounts", headers=headers, timeout=5)
    assert response.status_code == 401
    headers = {"authorization": b"Basic abc"}
    assert http.get(f"{iam.url}/v1/projects/p/serviceAccounts", headers=headers, timeout=5).status_code == 401


def _assertion(key: dict[str, Any], **claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": key["client_email"], "aud": key["token_uri"], "iat": now, "exp": now + 3600, "scope": SCOPE}
    signer = crypt.RSASigner.from_string(key["private_key"], key["private_key_id"])
    given = {name: value for name, value in {**whole, **claims}.items() if value is not None}
    return str(jwt.encode(signer, given).decode())


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "someone@else.example"},
        {"iss": None},
        {"iss": ["a"]},
        {"aud": "https://example.com/"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": int(time.time()) + 3000},
        {"exp": int(time.time()) + 90_000},
    ],
)
def test_an_assertion_that_is_not_right_gets_nothing(iam: Iam, http: requests.Session, claims: dict[str, Any]) -> None:
    key = iam.key(iam.account("gate-sa"))
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    good = http.post(key["token_uri"], data={"grant_type": grant, "assertion": _assertion(key)}, timeout=5)
    assert good.status_code == 200
    bad = http.post(key["token_uri"], data={"grant_type": grant, "assertion": _assertion(key, **claims)}, timeout=5)
    assert (bad.status_code, bad.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"grant_type=password",
        b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
        b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c",
        b"&".join(b"a%d=1" % n for n in range(100)),
    ],
)
def test_a_hostile_token_request_is_refused(iam: Iam, body: bytes) -> None:
    status, answer = iam.send("POST", "/token", body)
    assert status == 400
    assert "error" in answer


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("signBlob", {"payload": "***"}),
        ("signBlob", {"payload": 7}),
        ("signJwt", {"payload": "no json"}),
        ("signJwt", {"payload": "[]"}),
        ("signJwt", {"payload": '{"exp": 99999999999}'}),
        ("signJwt", {"payload": '{"exp": "soon"}'}),
        ("signJwt", {"payload": '{"exp": NaN}'}),
        ("signJwt", {"payload": "[" * 100_000}),
        ("generateAccessToken", {}),
        ("generateAccessToken", {"scope": [1]}),
        ("generateAccessToken", {"scope": ["a"], "lifetime": "2h"}),
        ("generateAccessToken", {"scope": ["a"], "lifetime": "7200s"}),
        ("generateIdToken", {}),
    ],
)
def test_a_hostile_signing_request_is_refused(iam: Iam, method: str, body: dict[str, Any]) -> None:
    email = iam.account("gate-sa")
    assert iam.send("POST", f"{iam.path(email, '-')}:{method}", body)[0] == 400
    assert iam.send("POST", f"{iam.path('nobody@example.com', '-')}:{method}", body)[0] == 404


class _Redirected(Transport):
    """google-auth's own transport; the signer's endpoint is not configurable, so its host is replaced."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def __call__(self, url: str, *arguments: Any, **keywords: Any) -> Any:
        there = url.replace("https://iamcredentials.googleapis.com", self._url)
        return super().__call__(there, *arguments, **keywords)  # type: ignore[no-untyped-call]
