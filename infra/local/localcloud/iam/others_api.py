"""getIamPolicy and setIamPolicy on topics, subscriptions, services, jobs and secrets.

Policies are kept by name, whether or not there is such a thing, and grant nothing here: the project's policy does.
Source: the REST references of Pub/Sub v1, Cloud Run v2 and Secret Manager v1.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from localcloud.iam.access import Access
from localcloud.iam.audit import Change, policy_delta
from localcloud.iam.policies import Policies
from localcloud.rest import Asked, Method, object_field
from localcloud.state import State


class Kind(msgspec.Struct, frozen=True):
    """A kind of thing that has a policy."""

    path: str
    """Of its name, below the project."""
    service: str
    method_name: str
    resource_type: str
    version: str = "v1"
    has_delta: bool = True
    """Whether the log tells what came and went."""


_RUN = "google.cloud.run.v2."
_PUBSUB = ("pubsub", "google.iam.v1.IAMPolicy.SetIamPolicy")
_SECRETS = ("secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy")
KINDS = (
    Kind("topics/{name}", *_PUBSUB, "pubsub_topic"),
    Kind("subscriptions/{name}", *_PUBSUB, "pubsub_subscription"),
    Kind("secrets/{name}", *_SECRETS, "audited_resource"),
    *(
        Kind(f"locations/{{location}}/{kind.lower()}/{{name}}", "run", f"{_RUN}{kind}.SetIamPolicy", type_, "v2", False)
        for kind, type_ in (("Services", "cloud_run_revision"), ("Jobs", "cloud_run_job"))
    ),
)


class OthersApi:
    """Shows and replaces such policies; every replacement is in the audit log."""

    def __init__(self, state: State, policies: Policies, access: Access) -> None:
        self._state = state
        self._policies = policies
        self._access = access

    def methods(self) -> tuple[Method, ...]:
        """The table of methods."""
        found = []
        for kind in KINDS:
            path, name = f"/{kind.version}/projects/{{project}}/{kind.path}", kind.path.split("/")[-2]
            get, set_ = functools.partial(self._get, kind), functools.partial(self._set, kind)
            found.append(Method("GET", f"{path}:getIamPolicy", f"{name}.getIamPolicy", get))
            found.append(Method("POST", f"{path}:setIamPolicy", f"{name}.setIamPolicy", set_))
        return tuple(found)

    def _get(self, kind: Kind, asked: Asked) -> Mapping[str, Any]:
        self._access.require(asked.caller, _permission(kind, "get"), f"projects/{asked.path['project']}")
        return self._policies.get(_name(kind, asked))

    def _set(self, kind: Kind, asked: Asked) -> Mapping[str, Any]:
        project, name = asked.path["project"], _name(kind, asked)
        self._access.require(asked.caller, _permission(kind, "set"), f"projects/{project}")
        change = Change(
            project=project,
            service_name=f"{kind.service}.googleapis.com",
            method_name=kind.method_name,
            resource_name=name,
            resource_type=kind.resource_type,
            resource_labels={key: value for key, value in asked.path.items() if key == "location"},
            permission=_permission(kind, "set"),
            principal=asked.caller,
            caller_ip=asked.caller_ip,
            user_agent=asked.user_agent,
        )
        with self._state.transaction():
            before = self._policies.get(name)
            after = self._policies.set(name, object_field(asked.body, "policy"))
            told = policy_delta(before, after) if kind.has_delta else {"response": dict(after)}
            self._access.record(change.with_details(told))
        return after


def _name(kind: Kind, asked: Asked) -> str:
    return f"projects/{asked.path['project']}/{kind.path.format(**asked.path)}"


def _permission(kind: Kind, verb: str) -> str:
    """E.g. `pubsub.topics.setIamPolicy`."""
    return f"{kind.service}.{kind.path.split('/')[-2]}.{verb}IamPolicy"
