"""The guard of IAM, on the local cloud: what it tells of, what it puts right, what it leaves alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.functions.house import ATTRIBUTES, SAMPLE, VIEWER, House

from dagwarden.audit.entry import Kind
from dagwarden.errors import AccessDenied, Contended, InvalidInput, LimitExceeded
from dagwarden.handlers.iam_remedy import ATTEMPTS
from localcloud.testing import RunningCloud

APPLY = "  remediation: {rules: {consumer-member: apply, forbidden-binding: apply}}\n"
STRANGER = "user:someone@gmail.com"


def test_a_grant_is_told_with_who_set_it_and_the_smallest_fix(house: House) -> None:
    house.describe("  remediation: {default: propose}\n")
    house.grant(STRANGER)
    entry = house.logged()
    entry["protoPayload"]["authenticationInfo"]["principalEmail"] = "bob@example.com"
    house.tell(entry)
    [told] = house.entries()
    assert told.what.action == "consumer-member"
    assert told.who.name == told.details["set_by"] == "bob@example.com"
    assert dt.datetime.fromisoformat(told.details["set_at"]) == told.when.occurred_at
    assert told.details["fix"] == {
        "type": "remove_member",
        "resource": f"buckets/{house.bucket}",
        "role": VIEWER,
        "member": STRANGER,
    }
    assert told.details["command"].startswith("gcloud storage buckets remove-iam-policy-binding gs://")
    assert told.details["note"] == "proposed"
    assert STRANGER in house.members()


def test_exactly_the_member_is_taken_out_and_that_is_on_record_first(house: House) -> None:
    house.describe(APPLY)
    house.grant("user:anna@example.com")
    before = house.policy()["bindings"]
    house.grant(STRANGER)
    house.tell(house.logged())
    assert sorted(house.policy()["bindings"], key=str) == sorted(before, key=str)
    assert house.found() == {"consumer-member": "the member is taken out"}
    [record] = house.entries(Kind.IAM_REMEDIATED)
    assert record.outcome == "begun"


def test_nothing_is_put_right_that_cannot_be_recorded(house: House, cloud_server: RunningCloud) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    cloud_server.admin.plan("logging", "fail", status=403, times=1000)
    with pytest.raises(AccessDenied):
        house.tell(entry)
    cloud_server.admin.forget_faults()
    assert STRANGER in house.members()


def test_the_same_event_twice_tells_and_mends_once(house: House) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    house.tell(entry)
    house.tell(entry)
    assert len(house.entries()) == len(house.entries(Kind.IAM_REMEDIATED)) == 1
    house.grant(STRANGER)  # somebody insists: that is another deed
    house.tell(house.logged())
    assert len(house.entries(Kind.IAM_REMEDIATED)) == 2


def test_a_policy_that_changes_meanwhile_is_read_again(house: House, cloud_server: RunningCloud) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    fault = cloud_server.admin.plan("storage", "fail", method="buckets.setIamPolicy", status=412, times=1)
    house.tell(house.logged())
    assert cloud_server.admin.struck(fault) == 1
    assert STRANGER not in house.members()


def test_a_policy_that_changes_again_and_again_is_left_to_the_next_delivery(
    house: House, cloud_server: RunningCloud
) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    fault = cloud_server.admin.plan("storage", "fail", method="buckets.setIamPolicy", status=412, times=100)
    with pytest.raises(Contended):
        house.tell(entry)
    assert cloud_server.admin.struck(fault) == ATTEMPTS
    cloud_server.admin.forget_faults()
    house.tell(entry)
    assert STRANGER not in house.members()
    assert len(house.entries(Kind.IAM_REMEDIATED)) == 1


def test_what_no_longer_stands_is_told_and_not_touched(house: House) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    policy = house.policy()
    policy["bindings"] = [each for each in policy["bindings"] if STRANGER not in each["members"]]
    house.http.put(f"/storage/v1/b/{house.bucket}/iam", json=policy).raise_for_status()
    house.tell(entry)
    assert house.found() == {"consumer-member": "it no longer stands"}
    assert house.entries(Kind.IAM_REMEDIATED) == []


def test_accounts_that_dagwarden_runs_as_keep_their_roles(house: House) -> None:
    gate = f"serviceAccount:{house.cloud.settings.gate_service_account}"
    house.describe(f"{APPLY}  forbidden: [{{name: none, members: ['{gate}']}}]\n")
    house.grant(gate)
    house.tell(house.logged())
    assert "it would stop working" in house.found()["forbidden-binding"]
    assert gate in house.members()


def test_the_last_who_may_set_a_policy_is_not_taken_out(house: House) -> None:
    house.describe(f"{APPLY}  forbidden: [{{name: none, members: ['user:*'], roles: [roles/owner]}}]\n")
    owner = {"role": "roles/owner", "members": ["user:anna@example.com"]}
    path = f"/v1/projects/{house.project}"
    policy = house.http.post(f"{path}:getIamPolicy", json={}).json()
    # The gate of these tests owns its project; while it may read only, nobody but Anna is left.
    viewing = [each for each in policy["bindings"] if each["role"] != "roles/owner"]
    gate = f"serviceAccount:{house.cloud.settings.gate_service_account}"
    more = [{"role": role, "members": [gate]} for role in ("roles/storage.admin", "roles/iam.securityReviewer")]
    more.append({"role": "roles/logging.admin", "members": [gate]})
    body = {"policy": {**policy, "bindings": [*viewing, *more, owner]}}
    house.http.post(f"{path}:setIamPolicy", json=body).raise_for_status()
    house.tell(house.logged("SetIamPolicy"))
    assert "nobody could set the policy" in house.found()["forbidden-binding"]


def set_policy(house: House, resource: str, bindings: list[dict[str, Any]]) -> None:
    body = {"policy": {"version": 3, "bindings": bindings}}
    house.http.post(f"/v1/{resource}:setIamPolicy", json=body).raise_for_status()


def bindings_of(house: House, resource: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.http.post(f"/v1/{resource}:getIamPolicy", json={}).json()["bindings"]
    return found


def test_of_several_who_may_set_a_policy_the_last_stays(house: House) -> None:
    """Each could go while the other is there: after the first has gone, the second may not."""
    role, gate = "roles/iam.serviceAccountAdmin", house.cloud.settings.gate_service_account
    house.describe(f"{APPLY}  forbidden: [{{name: none, members: ['user:*'], roles: [{role}]}}]\n")
    project, own = f"projects/{house.project}", [f"serviceAccount:{gate}"]
    # The guard itself may set it, but under a condition: it does not count as somebody who always can.
    condition = {"title": "here", "expression": 'resource.name.startsWith("projects/")'}
    roles = ("roles/storage.admin", "roles/iam.securityReviewer", "roles/logging.admin")
    setter = {"role": "roles/iam.securityAdmin", "members": own, "condition": condition}
    set_policy(house, project, [setter, *({"role": each, "members": own} for each in roles)])
    two = {"role": role, "members": ["user:anna@example.com", "user:bob@example.com"]}
    set_policy(house, f"{project}/serviceAccounts/{gate}", [two])
    with pytest.raises(LimitExceeded, match="nobody could set the policy"):
        house.tell(house.logged("google.iam.admin.v1.SetIAMPolicy"))
    [left] = bindings_of(house, f"{project}/serviceAccounts/{gate}")
    assert len(left["members"]) == 1


@pytest.mark.parametrize(
    "method",
    ["SetIamPolicy", "google.cloud.resourcemanager.v3.Projects.SetIamPolicy", "google.iam.admin.v1.SetIAMPolicy"],
)
def test_policies_of_projects_and_accounts_are_put_right_too(house: House, method: str) -> None:
    house.describe(APPLY)
    resource, logged = f"projects/{house.project}", "SetIamPolicy"
    if "admin" in method:
        resource, logged = f"{resource}/serviceAccounts/{house.cloud.settings.gate_service_account}", method
    before = bindings_of(house, resource)
    set_policy(house, resource, [*before, {"role": "roles/browser", "members": [STRANGER]}])
    entry = house.logged(logged)
    house.tell({**entry, "protoPayload": {**entry["protoPayload"], "methodName": method}})
    assert bindings_of(house, resource) == before
    [record] = house.entries(Kind.IAM_REMEDIATED)
    assert record.details["fix"]["member"] == STRANGER


@pytest.mark.parametrize(
    ("remedy", "note", "stays"),
    [("off", "reported", True), ("propose", "proposed", True), ("apply", "the member is taken out", False)],
)
def test_what_is_done_is_for_each_rule_to_say(house: House, remedy: str, note: str, stays: bool) -> None:
    default = "propose" if remedy == "off" else "off"
    house.describe(f"  remediation: {{default: '{default}', rules: {{consumer-member: '{remedy}'}}}}\n")
    house.grant(STRANGER)
    house.tell(house.logged())
    assert house.found() == {"consumer-member": note}
    assert (STRANGER in house.members()) is stays


def test_more_than_the_limit_changes_nothing(house: House) -> None:
    house.describe("  remediation: {rules: {consumer-member: apply}, max_removals: 1}\n")
    policy = house.policy()
    strangers = ["user:a@gmail.com", "user:b@gmail.com"]
    policy["bindings"].append({"role": VIEWER, "members": strangers})
    house.http.put(f"/storage/v1/b/{house.bucket}/iam", json=policy).raise_for_status()
    house.tell(house.logged())
    assert house.found() == {"consumer-member": "not put right: 2 members would go, at most 1 may: nothing is changed"}
    assert house.members() == strangers


def test_what_environments_share_changes_by_consent(house: House) -> None:
    house.describe(f"{APPLY}  forbidden: [{{name: no, members: ['user:anna@*']}}]\n")
    house.describe("  remediation: {default: 'off'}\n", "other")
    house.grant("user:anna@example.com")
    house.tell(house.logged())
    assert house.found() == {"forbidden-binding": "not put right: another environment's policy finds it in order"}


def test_a_policy_that_cannot_be_read_hides_nothing_and_consents_to_nothing(house: House) -> None:
    house.describe(APPLY)
    house.describe("  nonsense: true\n", "broken")
    house.cloud.store.write("not_an_environment/x", b"", generation=0, content_type="text/plain")
    house.grant(STRANGER)
    with pytest.raises(InvalidInput, match="nonsense"):
        house.tell(house.logged())
    assert house.found() == {"consumer-member": "not put right: another environment's policy was not asked"}
    assert STRANGER in house.members()


def test_a_look_at_one_environment_changes_nothing_that_others_share(house: House) -> None:
    house.describe(APPLY)
    house.describe(APPLY, "other")
    house.grant(STRANGER)
    house.look("prod")
    assert house.found()["consumer-member"] == "not put right: another environment's policy was not asked"
    house.look("")
    assert STRANGER not in house.members()
    with pytest.raises(InvalidInput, match="no such environment"):
        house.look("nowhere")


def test_a_missing_delta_makes_the_guard_read_the_policy(house: House) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    del entry["protoPayload"]["serviceData"]
    house.tell(entry)
    assert house.found()["consumer-member"] == "the member is taken out"


def test_parts_of_a_split_entry_are_one_deed(house: House) -> None:
    house.describe("  remediation: {default: propose}\n")
    house.grant(STRANGER)
    entry = house.logged()
    for index in range(2):
        house.tell({**entry, "split": {"uid": "u", "index": index, "totalSplits": 2}})
    assert [told.what.action for told in house.entries() if told.what.action == "consumer-member"] == [
        "consumer-member"
    ]


def test_a_key_that_is_made_is_told(house: House) -> None:
    house.describe("  remediation: {default: propose}\n")
    account = house.cloud.settings.gate_service_account
    house.http.post(f"/v1/projects/{house.project}/serviceAccounts/{account}/keys", json={}).raise_for_status()
    house.tell(house.logged("google.iam.admin.v1.CreateServiceAccountKey"))
    told = [entry for entry in house.entries() if entry.what.action == "user-managed-key"]
    assert all("keys delete" in entry.details["command"] for entry in told)
    made = house.logged("google.iam.admin.v1.CreateServiceAccountKey")["protoPayload"]["response"]["name"]
    [new] = [entry for entry in told if entry.details["fix"]["key_id"] == made.rpartition("/")[2]]
    assert new.details["set_by"] == "anonymous"
    assert new.details["set_at"]


def test_a_setting_that_is_turned_off_is_told(house: House) -> None:
    house.describe("  remediation: {default: propose}\n")
    house.http.patch(f"/storage/v1/b/{house.bucket}", json={"versioning": {"enabled": False}}).raise_for_status()
    house.tell(house.logged("storage.buckets.update"))
    told = {entry.what.action: entry.details["command"] for entry in house.entries()}
    assert told["bucket-not-versioned"] == f"gcloud storage buckets update gs://{house.bucket} --versioning"


def test_agents_of_googles_services_are_left_alone(house: House) -> None:
    agent = "serviceAccount:service-1@gcp-sa-x.iam.gserviceaccount.com"
    house.describe(f"{APPLY}  forbidden: [{{name: none, members: ['{agent}']}}]\n")
    house.grant(agent)
    house.tell(house.logged())
    assert "agent of Google's" in house.found()["forbidden-binding"]
    assert agent in house.members()


def test_the_schedule_looks_at_everything_and_knows_who_set_it(house: House) -> None:
    house.describe("  remediation: {default: propose}\n")
    house.grant(STRANGER)
    house.look("")
    [checked] = house.entries(Kind.IAM_CHECKED)
    assert checked.details["rules"]["consumer-member"] == 1
    settings = house.cloud.settings
    assert {
        f"projects/{house.project}",
        *(f"buckets/{bucket}" for bucket in (settings.inbox_bucket, settings.ledger_bucket, settings.store_bucket)),
        f"serviceAccounts/{settings.gate_service_account}",
    } <= set(checked.details["looked_at"])
    rules = {told.what.action for told in house.entries()}
    assert {"consumer-member", "basic-role", "user-managed-key", "bucket-may-become-public"} <= rules
    [stranger] = [told for told in house.entries() if told.what.action == "consumer-member"]
    assert stranger.details["set_by"] == "anonymous"


@pytest.mark.parametrize(
    "change",
    [
        {"methodName": "storage.objects.get"},
        {"resourceName": "projects/_/buckets/"},
        {"serviceName": "evil.googleapis.com"},
        {"serviceName": 7},
    ],
)
def test_an_entry_that_means_nothing_here_is_refused(house: House, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        house.tell({**SAMPLE, "protoPayload": {**SAMPLE["protoPayload"], **change}})


@pytest.mark.parametrize(
    "data", [None, b"{", [], {"protoPayload": {}}, "x", {**SAMPLE, "logName": "projects/p/logs/x"}]
)
def test_what_is_no_entry_of_the_activity_log_is_refused(house: House, data: object) -> None:
    with pytest.raises(InvalidInput):
        house.guard.take(ATTRIBUTES, data)
    with pytest.raises(InvalidInput):
        house.guard.take({"id": "1", "type": "google.cloud.storage.object.v1.finalized"}, data)


def test_another_projects_entry_about_our_bucket_is_refused(house: House) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    with pytest.raises(InvalidInput, match="the log of evil"):
        house.tell({**entry, "logName": "projects/evil/logs/cloudaudit.googleapis.com%2Factivity"})
    assert STRANGER in house.members()


def test_failed_calls_removals_and_buckets_of_nobody_start_nothing(house: House) -> None:
    house.describe(APPLY)
    house.grant(STRANGER)
    entry = house.logged()
    payload = entry["protoPayload"]
    house.tell({**entry, "protoPayload": {**payload, "status": {"code": 7}}})
    delta = {"bindingDeltas": [{"action": "REMOVE", "role": VIEWER, "member": STRANGER}]}
    house.tell({**entry, "protoPayload": {**payload, "serviceData": {"policyDelta": delta}}})
    house.tell({**entry, "protoPayload": {**payload, "resourceName": "projects/_/buckets/somebody-elses"}})
    assert house.entries() == []
    assert STRANGER in house.members()
