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
PARTS = ("serviceData", "metadata", "resourceName", "authenticationInfo", "requestMetadata", "status", "methodName")


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


@pytest.mark.parametrize(("service", "method"), METHODS)
def test_every_method_names_its_resource(service: str, method: str) -> None:
    names = {
        "storage.googleapis.com": ("projects/_/buckets/b/objects/o", "buckets/b"),
        "cloudresourcemanager.googleapis.com": ("projects/p", "projects/p"),
        "iam.googleapis.com": ("projects/-/serviceAccounts/a@p.iam.gserviceaccount.com/keys/1",
                               "serviceAccounts/a@p.iam.gserviceaccount.com"),
    }  # fmt: skip
    told, expected = names[service]
    entry = change(serviceName=service, methodName=method, resourceName=told)
    assert read_iam_change(ATTRIBUTES, entry).change.resource == expected


@pytest.mark.parametrize("name", ["organizations/1", "projects/p/locations/l", "", "projects/-/serviceAccounts/123"])
def test_what_is_no_resource_of_ours_is_refused(name: str) -> None:
    for service, method in METHODS:
        entry = change(serviceName=service, methodName=method, resourceName=name)
        with pytest.raises(InvalidInput):
            read_iam_change(ATTRIBUTES, entry)
