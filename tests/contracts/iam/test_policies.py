"""Policies are kept with an etag, judged by roles and conditions, and their changes are in the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam.policies import grants, prefixes_of

from .conftest import Iam


def test_a_policy_is_replaced_only_by_who_read_it_last(iam: Iam) -> None:
    resource = f"/v1/projects/{iam.project}"
    _, first = iam.send("POST", f"{resource}:getIamPolicy", {})
    bindings = [{"role": "roles/viewer", "members": ["user:ann@example.com"]}]
    status, second = iam.send("POST", f"{resource}:setIamPolicy", {"policy": {**first, "bindings": bindings}})
    assert status == 200
    assert second["bindings"] == bindings
    assert second["etag"] != first["etag"]
    status, answer = iam.send("POST", f"{resource}:setIamPolicy", {"policy": {**first, "bindings": []}})
    assert (status, answer["error"]["status"]) == (409, "ABORTED")
    _, third = iam.send("POST", f"{resource}:setIamPolicy", {"policy": {**second, "bindings": []}})
    assert third["etag"] not in (first["etag"], second["etag"])  # the same bindings again, and not the same policy
    assert iam.send("POST", f"/v3/projects/{iam.project}:getIamPolicy", {})[1] == third


def test_a_project_policy_change_is_in_the_audit_log(iam: Iam) -> None:
    iam.grant(f"projects/{iam.project}", "roles/owner", "user:eve@example.com")
    [entry] = iam.audit()
    payload = entry["protoPayload"]
    assert (payload["serviceName"], payload["methodName"]) == ("cloudresourcemanager.googleapis.com", "SetIamPolicy")
    assert payload["resourceName"] == f"projects/{iam.project}"
    assert payload["authenticationInfo"]["principalEmail"] == "anonymous"
    assert payload["serviceData"]["policyDelta"]["bindingDeltas"] == [
        {"action": "ADD", "role": "roles/owner", "member": "user:eve@example.com"}
    ]
    assert entry["resource"] == {"type": "project", "labels": {"project_id": iam.project}}
    assert entry["severity"] == "NOTICE"


def test_account_and_key_changes_are_in_the_audit_log(iam: Iam) -> None:
    email = iam.account("gate-sa")
    key = iam.key(email)
    iam.grant(f"projects/{iam.project}/serviceAccounts/{email}", "roles/iam.serviceAccountUser", "user:a@example.com")
    iam.send("DELETE", f"{iam.path(email)}/keys/{key['private_key_id']}")
    iam.send("DELETE", iam.path(email))
    methods = [entry["protoPayload"]["methodName"].rpartition(".")[2] for entry in iam.audit()]
    assert methods == [
        "CreateServiceAccount",
        "CreateServiceAccountKey",
        "SetIAMPolicy",
        "DeleteServiceAccountKey",
        "DeleteServiceAccount",
    ]
    made = iam.audit()[1]
    assert made["resource"]["labels"]["email_id"] == email
    assert made["protoPayload"]["response"]["name"].endswith(f"/keys/{key['private_key_id']}")
    assert "PRIVATE KEY" not in str(iam.audit())


def test_a_failed_change_leaves_no_audit_entry(iam: Iam) -> None:
    policy = {"etag": "AAAA", "bindings": []}
    assert iam.send("POST", f"/v1/projects/{iam.project}:setIamPolicy", {"policy": policy})[0] == 409
    assert iam.audit() == []


def test_accounts_are_created_listed_and_deleted(iam: Iam) -> None:
    email = iam.account("gate-sa")
    assert email == f"gate-sa@{iam.project}.iam.gserviceaccount.com"
    accounts = f"/v1/projects/{iam.project}/serviceAccounts"
    assert iam.send("POST", accounts, {"accountId": "gate-sa"})[0] == 409
    [shown] = iam.send("GET", accounts)[1]["accounts"]
    assert shown == iam.send("GET", iam.path(email))[1] == iam.send("GET", iam.path(shown["uniqueId"], "-"))[1]
    assert iam.send("GET", iam.path(email, "other-proj"))[0] == 404
    assert iam.send("DELETE", iam.path(email))[0] == 200
    assert iam.send("GET", iam.path(email))[0] == 404
    assert iam.send("GET", accounts)[1] == {}
    assert iam.send("GET", f"/service_accounts/v1/metadata/x509/{email}")[0] == 404


def test_an_account_has_ten_keys_at_most(iam: Iam) -> None:
    email = iam.account("gate-sa")
    names = {iam.key(email)["private_key_id"] for _ in range(10)}
    status, answer = iam.send("POST", f"{iam.path(email)}/keys", {})
    assert (status, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")
    listed = iam.send("GET", f"{iam.path(email)}/keys")[1]["keys"]
    assert {key["name"].rpartition("/")[2] for key in listed} == names
    assert {key["keyType"] for key in listed} == {"USER_MANAGED"}
    assert iam.send("GET", f"{iam.path(email)}/keys/{names.pop()}")[1]["publicKeyData"]


@pytest.mark.parametrize(
    "account_id", ["", "short", "Capital-sa", "9digits-first", "a" * 31, "dash-last-", "a/../b-c-d"]
)
def test_an_account_id_that_is_none_is_refused(iam: Iam, account_id: str) -> None:
    status, _ = iam.send("POST", f"/v1/projects/{iam.project}/serviceAccounts", {"accountId": account_id})
    assert status == 400


@pytest.mark.parametrize(
    "policy",
    [
        7,
        {"bindings": {"role": "roles/viewer"}},
        {"bindings": [7]},
        {"bindings": [{"role": "viewer", "members": []}]},
        {"bindings": [{"role": "roles/viewer", "members": "user:a"}]},
        {"bindings": [{"role": "roles/viewer", "members": ["ann@example.com"]}]},
        {"bindings": [{"role": "roles/viewer", "members": [7]}]},
        {"bindings": [{"role": "roles/viewer", "members": ["allUsers"], "condition": {"expression": "true"}}]},
        {"bindings": [{"role": "roles/viewer", "members": ["allUsers"], "condition": "x"}]},
        {"bindings": [{"role": "roles/viewer", "members": [f"user:{n}@e" for n in range(1501)]}]},
    ],
)
def test_a_policy_that_is_none_is_refused(iam: Iam, policy: Any) -> None:
    status, answer = iam.send("POST", f"/v1/projects/{iam.project}:setIamPolicy", {"policy": policy})
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


ANN = frozenset({"serviceAccount:ann@p"})
OBJECT = "projects/_/buckets/b/objects/"


def _policy(role: str, expression: str = "") -> dict[str, Any]:
    condition = {"condition": {"expression": expression}} if expression else {}
    return {"bindings": [{"role": role, "members": ["serviceAccount:ann@p"], **condition}]}


@pytest.mark.parametrize(
    ("role", "allowed", "denied"),
    [
        ("roles/storage.objectViewer", "storage.objects.get", "storage.objects.create"),
        ("roles/storage.objectCreator", "storage.objects.create", "storage.objects.delete"),
        ("roles/storage.objectUser", "storage.objects.delete", "storage.objects.setIamPolicy"),
        ("roles/storage.objectAdmin", "storage.objects.setIamPolicy", "storage.buckets.get"),
        ("roles/storage.admin", "storage.buckets.setIamPolicy", "logging.logEntries.create"),
        ("roles/storage.legacyBucketReader", "storage.objects.list", "storage.objects.get"),
        ("roles/storage.legacyObjectReader", "storage.objects.get", "storage.objects.list"),
        ("roles/composer.admin", "composer.environments.update", "storage.objects.get"),
        ("roles/composer.user", "composer.dags.execute", "storage.objects.list"),
        ("roles/composer.environmentAndStorageObjectViewer", "storage.objects.get", "storage.objects.create"),
        ("roles/composer.environmentAndStorageObjectAdmin", "storage.objects.delete", "storage.buckets.update"),
        ("roles/composer.worker", "storage.objects.update", "composer.environments.update"),
        ("roles/viewer", "logging.logEntries.list", "storage.objects.get"),
        ("roles/unheard.of", "", "storage.objects.get"),
    ],
)
def test_a_role_gives_what_it_gives_and_no_more(role: str, allowed: str, denied: str) -> None:
    assert not allowed or grants(_policy(role), ANN, allowed, OBJECT + "x")
    assert not grants(_policy(role), ANN, denied, OBJECT + "x")
    assert not grants(_policy(role), frozenset({"serviceAccount:bob@p"}), allowed or denied, OBJECT + "x")


@pytest.mark.parametrize(
    ("expression", "name", "is_allowed"),
    [
        (f'resource.name.startsWith("{OBJECT}dags/")', "dags/a.py", True),
        (f'resource.name.startsWith("{OBJECT}dags/")', "plugins/a.py", False),
        (f'resource.name.startsWith("{OBJECT}dags/")', "dags", False),
        (
            f"resource.name.startsWith('{OBJECT}dags/') || resource.name.startsWith('{OBJECT}plugins/')",
            "plugins/a.py",
            True,
        ),
        ('request.time < timestamp("2020-01-01T00:00:00Z")', "dags/a.py", False),
        ("true", "dags/a.py", False),
    ],
)
def test_a_condition_on_the_name_is_kept(expression: str, name: str, is_allowed: bool) -> None:
    policy = _policy("roles/storage.objectAdmin", expression)
    assert grants(policy, ANN, "storage.objects.create", OBJECT + name) is is_allowed


def test_a_condition_this_cloud_cannot_judge_has_no_prefixes() -> None:
    assert prefixes_of({"expression": 'resource.name.startsWith("a") && true'}) is None
    assert prefixes_of({}) is None
