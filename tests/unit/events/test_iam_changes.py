"""Entries that tell of changes to IAM: whatever comes is a change or is refused."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.events.iam_changes import METHODS, IamChange, Subject, read_iam_change, read_logged_change
from dagwarden.iam.origins import DeltaAction

EVENTS = Path(__file__).parents[2] / "events"
SAMPLE = json.loads((EVENTS / "audit" / "LogEntryData-storageSetIamPermissions.json").read_text())
ATTRIBUTES = {"id": "1", "type": "google.cloud.audit.log.v1.written"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = (
    "request",
    "response",
    "serviceData",
    "metadata",
    "resourceName",
    "authenticationInfo",
    "requestMetadata",
    "status",
    "methodName",
)


def change(**payload: Any) -> dict[str, Any]:
    entry: dict[str, Any] = copy.deepcopy(SAMPLE)
    entry["protoPayload"].update(payload)
    return entry


def test_the_sample_tells_who_added_what_where() -> None:
    read = read_iam_change(ATTRIBUTES, SAMPLE)
    assert (read.subject, read.project) == (Subject.POLICY, "proj-local")
    assert read.change.resource == "buckets/docs-bucket"
    assert read.change.origin.principal == "admin@example.com"
    assert read.change.origin.caller_ip == "203.0.113.7"
    assert [delta.action for delta in read.change.deltas or ()] == [DeltaAction.ADD, DeltaAction.REMOVE]
    assert [grant.member for grant in read.change.added] == ["allUsers"]


@given(part=st.sampled_from(PARTS), value=JSON)
def test_any_part_of_an_entry_may_be_anything(part: str, value: object) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(read_iam_change(ATTRIBUTES, change(**{part: value})), IamChange)
    entry = change(**{part: value})
    read_logged_change(entry["protoPayload"], {}, entry["timestamp"])


@given(delta=JSON)
def test_a_delta_in_unknown_words_tells_nothing(delta: object) -> None:
    details = {"policyDelta": {"bindingDeltas": [{"action": "RENAME", "role": "r", "member": "m", "more": delta}]}}
    assert read_iam_change(ATTRIBUTES, change(serviceData=details)).change.deltas is None


def test_a_part_of_a_split_entry_does_not_count_as_the_whole() -> None:
    assert read_iam_change(ATTRIBUTES, {**SAMPLE, "split": {"uid": "u"}}).change.deltas is None


P = "projects/p"
ACCOUNT = "a@p.iam.gserviceaccount.com"
NAMES = {
    "storage.googleapis.com": ("projects/_/buckets/b/objects/o", "buckets/b"),
    "cloudresourcemanager.googleapis.com": (P, P),
    "iam.googleapis.com": (f"projects/-/serviceAccounts/{ACCOUNT}/keys/1", f"serviceAccounts/{ACCOUNT}"),
    "pubsub.googleapis.com": (f"{P}/topics/t", f"//pubsub.googleapis.com/{P}/topics/t"),
    "run.googleapis.com": (f"{P}/locations/l/services/s", f"//run.googleapis.com/{P}/locations/l/services/s"),
    "secretmanager.googleapis.com": ("projects/12345/secrets/s", f"//secretmanager.googleapis.com/{P}/secrets/s"),
    "composer.googleapis.com": (
        f"{P}/locations/l/environments/e", f"//composer.googleapis.com/{P}/locations/l/environments/e"
    ),
}  # fmt: skip
"""Service -> a name as its entries have it, in the project `p` of number 12345, and the resource."""


def entry_of(service: str, method: str, name: str, **labels: str) -> dict[str, Any]:
    entry = change(serviceName=service, methodName=method, resourceName=name)
    return {**entry, "resource": {"type": "x", "labels": {"project_id": "p", **labels}}}


@pytest.mark.parametrize(("service", "method"), METHODS)
def test_every_method_names_its_resource(service: str, method: str) -> None:
    told, expected = NAMES[service]
    assert read_iam_change(ATTRIBUTES, entry_of(service, method, told)).change.resource == expected


@pytest.mark.parametrize(
    "method",
    [
        "storage.setIamPermissions",
        "SetIamPolicy",
        "google.cloud.resourcemanager.v3.Projects.SetIamPolicy",
        "google.iam.admin.v1.SetIAMPolicy",
        "google.iam.v1.IAMPolicy.SetIamPolicy",
        "google.cloud.run.v1.Services.SetIamPolicy",
        "google.cloud.run.v2.Services.SetIamPolicy",
        "google.cloud.run.v2.Jobs.SetIamPolicy",
        "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy",
        "google.cloud.secrets.v1beta1.SecretManagerService.SetIamPolicy",
    ],
)
def test_each_spelling_of_setting_a_policy_is_known(method: str) -> None:
    """Those of google-cloudevents' service catalogue, for the services that Dagwarden is made of."""
    [service] = [service for service, known in METHODS if known == method]
    read = read_iam_change(ATTRIBUTES, entry_of(service, method, NAMES[service][0]))
    assert read.subject is Subject.POLICY
    assert read.change.added


def test_a_service_of_cloud_run_is_named_by_its_place() -> None:
    method = "google.cloud.run.v1.Services.SetIamPolicy"
    entry = entry_of("run.googleapis.com", method, "namespaces/p/services/s", location="l")
    assert read_iam_change(ATTRIBUTES, entry).change.resource == NAMES["run.googleapis.com"][1]


ENVIRONMENTS = "google.cloud.orchestration.airflow.service.v1.Environments."


def test_a_creation_that_names_the_place_alone_is_of_the_environment() -> None:
    labels = {"location": "l", "environment_name": "e"}
    entry = entry_of("composer.googleapis.com", f"{ENVIRONMENTS}CreateEnvironment", f"{P}/locations/l", **labels)
    read = read_iam_change(ATTRIBUTES, entry)
    assert (read.change.resource, read.change.settings) == (NAMES["composer.googleapis.com"][1], ("",))


@pytest.mark.parametrize(
    ("mask", "paths"),
    [
        ("config.nodeCount, config.softwareConfig", ("config.nodeCount", "config.softwareConfig")),
        ({"paths": ["config.node_count", 7]}, ("config.node_count",)),
        ("", ()),
        (None, ()),
        ({"paths": "x"}, ()),
        ([7], ()),
    ],
)
def test_what_an_update_is_to_change_is_read_from_its_mask(mask: object, paths: tuple[str, ...]) -> None:
    service = "composer.googleapis.com"
    entry = entry_of(service, f"{ENVIRONMENTS}UpdateEnvironment", NAMES[service][0])
    entry["protoPayload"]["request"] = {"updateMask": mask}
    assert read_iam_change(ATTRIBUTES, entry).change.settings == paths


@pytest.mark.parametrize(
    ("method", "name", "more"),
    [
        ("Create", "projects/-/serviceAccounts/123", {"response": {"name": f"{P}/serviceAccounts/{ACCOUNT}/keys/k1"}}),
        ("Upload", f"projects/-/serviceAccounts/{ACCOUNT}", {"response": {"name": "x/serviceAccounts/123/keys/k1"}}),
        ("Enable", f"projects/-/serviceAccounts/{ACCOUNT}/keys/k1", {"request": [], "response": None}),
    ],
)
def test_which_key_was_made_is_told(method: str, name: str, more: dict[str, Any]) -> None:
    entry = entry_of("iam.googleapis.com", f"google.iam.admin.v1.{method}ServiceAccountKey", name, email_id=ACCOUNT)
    entry["protoPayload"] |= more
    assert read_iam_change(ATTRIBUTES, entry).change.settings == ("k1",)


@pytest.mark.parametrize(
    ("operation", "is_under_way"),
    [
        (None, False),
        ({"first": True}, True),
        ({"last": True}, False),
        ({"first": True, "last": True}, False),
        ({}, False),
    ],
)
def test_an_operation_is_under_way_until_its_last_entry(operation: object, is_under_way: bool) -> None:
    entry = {**SAMPLE, "operation": operation}
    assert read_iam_change(ATTRIBUTES, entry).is_under_way is is_under_way


@pytest.mark.parametrize("name", ["organizations/1", "projects/p/locations/l", "", "projects/-/serviceAccounts/123"])
def test_what_is_no_resource_of_ours_is_refused(name: str) -> None:
    for service, method in METHODS:
        entry = change(serviceName=service, methodName=method, resourceName=name)
        with pytest.raises(InvalidInput):
            read_iam_change(ATTRIBUTES, entry)
