"""The real storage client, with a key file, may do what bindings say and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Forbidden, Unauthorized
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.requests import Request as Transport
from google.cloud import storage
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from localcloud.testing import RunningCloud

from .conftest import Iam


@pytest.fixture
def owner(iam: Iam, http: requests.Session) -> storage.Client:
    return storage.Client(iam.project, AnonymousCredentials(), _http=http, client_options={"api_endpoint": iam.url})


@pytest.fixture
def gate(iam: Iam, key_file: Path, transport: Transport) -> Iterator[storage.Client]:
    scope = "https://www.googleapis.com/auth/devstorage.full_control"
    key = service_account.Credentials.from_service_account_file(str(key_file), scopes=[scope])
    key.refresh(transport)
    # Used directly, a key's credentials would ask Google for the account's regional access boundary in the background.
    credentials = Credentials(key.token)
    with AuthorizedSession(credentials) as session:
        yield storage.Client(iam.project, credentials, _http=session, client_options={"api_endpoint": iam.url})


@pytest.fixture
def bucket(owner: storage.Client, iam: Iam) -> storage.Bucket:
    bucket: storage.Bucket = owner.bucket(f"{iam.project}-environment")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.create()
    return bucket


def _bind(bucket: storage.Bucket, role: str, email: str, condition: str = "") -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.version = 3
    binding: dict[str, Any] = {"role": role, "members": {f"serviceAccount:{email}"}}
    if condition:
        binding["condition"] = {"title": "t", "expression": condition}
    policy.bindings.append(binding)
    bucket.set_iam_policy(policy)


def _email(iam: Iam) -> str:
    return f"gate-sa@{iam.project}.iam.gserviceaccount.com"


def test_without_a_binding_nothing_is_allowed(gate: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(Forbidden, match=r"storage\.objects\.create"):
        gate.bucket(bucket.name).blob("dags/a.py").upload_from_string(b"a")
    with pytest.raises(Forbidden):
        list(gate.list_blobs(bucket.name))


def test_a_bucket_binding_allows_what_its_role_says(gate: storage.Client, bucket: storage.Bucket, iam: Iam) -> None:
    _bind(bucket, "roles/storage.objectViewer", _email(iam))
    bucket.blob("dags/a.py").upload_from_string(b"a")
    assert gate.bucket(bucket.name).blob("dags/a.py").download_as_bytes() == b"a"
    assert [blob.name for blob in gate.list_blobs(bucket.name)] == ["dags/a.py"]
    with pytest.raises(Forbidden):
        gate.bucket(bucket.name).blob("dags/a.py").delete()


def test_a_project_binding_allows_it_on_every_bucket(gate: storage.Client, bucket: storage.Bucket, iam: Iam) -> None:
    iam.grant(f"projects/{iam.project}", "roles/storage.objectAdmin", f"serviceAccount:{_email(iam)}")
    gate.bucket(bucket.name).blob("dags/a.py").upload_from_string(b"a")


def test_a_conditional_binding_allows_its_prefix_only(gate: storage.Client, bucket: storage.Bucket, iam: Iam) -> None:
    prefix = f"projects/_/buckets/{bucket.name}/objects/dags/"
    _bind(bucket, "roles/storage.objectAdmin", _email(iam), f'resource.name.startsWith("{prefix}")')
    gate.bucket(bucket.name).blob("dags/a.py").upload_from_string(b"a")
    gate.bucket(bucket.name).blob("dags/a.py").upload_from_string(b"b")
    gate.bucket(bucket.name).blob("dags/a.py").delete()
    with pytest.raises(Forbidden):
        gate.bucket(bucket.name).blob("logs/a.log").upload_from_string(b"a")


def test_a_bucket_policy_change_is_in_the_audit_log(bucket: storage.Bucket, iam: Iam) -> None:
    _bind(bucket, "roles/storage.objectViewer", "eve@example.com")
    payload = [e["protoPayload"] for e in iam.audit() if "setIamPermissions" in e["protoPayload"]["methodName"]][-1]
    assert payload["serviceName"] == "storage.googleapis.com"
    assert payload["resourceName"] == f"projects/_/buckets/{bucket.name}"
    assert {
        "action": "ADD",
        "role": "roles/storage.objectViewer",
        "member": "serviceAccount:eve@example.com",
    } in payload["serviceData"]["policyDelta"]["bindingDeltas"]


def test_counters_name_the_service_account(
    gate: storage.Client, bucket: storage.Bucket, iam: Iam, cloud: RunningCloud
) -> None:
    _bind(bucket, "roles/storage.objectAdmin", _email(iam))
    gate.bucket(bucket.name).blob("dags/a.py").upload_from_string(b"a")
    assert cloud.admin.count("storage", "objects.insert", _email(iam)) == 1


def test_a_token_of_nobody_may_nothing(bucket: storage.Bucket, http: requests.Session, iam: Iam) -> None:
    url = f"{iam.url}/storage/v1/b/{bucket.name}/o"
    response = http.get(url, headers={"authorization": "Bearer nonsense"}, timeout=5)
    assert response.status_code in (Unauthorized.code, Forbidden.code)
