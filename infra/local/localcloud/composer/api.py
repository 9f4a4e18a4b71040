"""The methods of `composer.googleapis.com` on environments and image versions.

Changes are long-running operations there, with one audit entry at their beginning and one at their end; here they are
done when answered, and logged the same way.
Source: cloud.google.com/composer/docs/reference/rest/v1/projects.locations.environments, /docs/audit-logging.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.routing import Route

from localcloud.calls import Calls
from localcloud.composer.environments import IMAGE_VERSIONS, Environments
from localcloud.iam.access import Access
from localcloud.iam.audit import Change
from localcloud.rest import Api, Asked, Method, text_field
from localcloud.state import State

_TYPES = "type.googleapis.com/google.cloud.orchestration.airflow.service.v1."
_METHODS = "google.cloud.orchestration.airflow.service.v1.Environments."


class ComposerApi:
    """Creates, shows, changes and deletes environments; every change is in the audit log."""

    def __init__(self, state: State, access: Access) -> None:
        self._state = state
        self._environments = Environments(state)
        self._access = access

    def routes(self, calls: Calls) -> list[Route]:
        """The HTTP API."""
        place = "/v1/projects/{project}/locations/{location}"
        environments, one = f"{place}/environments", f"{place}/environments/{{environment}}"
        methods = (
            Method("GET", f"{place}/imageVersions", "imageVersions.list", self.list_images),
            Method("POST", environments, "environments.create", self.create),
            Method("GET", environments, "environments.list", self.list_environments),
            Method("GET", one, "environments.get", self.get),
            Method("PATCH", one, "environments.patch", self.update),
            Method("DELETE", one, "environments.delete", self.delete),
        )
        return Api("composer", calls, self._access).routes(methods)

    def list_images(self, asked: Asked) -> Mapping[str, Any]:
        """The image versions, on one page; the old ones too where `includePastReleases` is set."""
        self._permit(asked, "composer.imageversions.list")
        has_old = asked.query.get("includePastReleases") == "true"
        return {"imageVersions": [each for each in IMAGE_VERSIONS if has_old or not each.get("creationDisabled")]}

    def list_environments(self, asked: Asked) -> Mapping[str, Any]:
        """All environments of a place, on one page."""
        self._permit(asked, "composer.environments.list")
        found = self._environments.list_in(_place(asked))
        return {"environments": found} if found else {}

    def get(self, asked: Asked) -> Mapping[str, Any]:
        """One environment."""
        self._permit(asked, "composer.environments.get")
        return self._environments.get(_name(asked))

    def create(self, asked: Asked) -> Mapping[str, Any]:
        """A new environment, called as its body says."""
        name = text_field(asked.body, "name")
        request = {"parent": _place(asked), "environment": dict(asked.body)}
        return self._change(
            asked, "Create", name, request, lambda: self._environments.create(_place(asked), asked.body)
        )  # fmt: skip

    def update(self, asked: Asked) -> Mapping[str, Any]:
        """The fields that the query's `updateMask` names are those of the body."""
        name, mask = _name(asked), asked.query.get("updateMask", "")
        request = {"name": name, "environment": dict(asked.body), "updateMask": mask}
        return self._change(
            asked, "Update", name, request, lambda: self._environments.update(name, asked.body, mask)
        )  # fmt: skip

    def delete(self, asked: Asked) -> Mapping[str, Any]:
        """The environment is gone."""
        name = _name(asked)
        return self._change(asked, "Delete", name, {"name": name}, lambda: self._environments.delete(name))

    def _change(
        self, asked: Asked, verb: str, name: str, request: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """The change is made and told of twice: with what was asked, and when it is done."""
        permission = f"composer.environments.{verb.lower()}"
        self._permit(asked, permission)
        operation = f"{_place(asked)}/operations/{uuid.uuid4()}"
        about = {"environment_name": name.rpartition("/")[2], "location": asked.path["location"]}
        begun = Change(
            project=asked.path["project"],
            service_name="composer.googleapis.com",
            method_name=f"{_METHODS}{verb}Environment",
            resource_name=name,
            resource_type="cloud_composer_environment",
            resource_labels=about,
            permission=permission,
            principal=asked.caller,
            caller_ip=asked.caller_ip,
            user_agent=asked.user_agent,
            details={"request": {"@type": f"{_TYPES}{verb}EnvironmentRequest", **request}},
            operation={"id": operation, "producer": "composer.googleapis.com", "first": True},
        )
        with self._state.transaction():
            made = make()
            self._access.record(begun)
            self._access.record(_end(begun))
        response = {"@type": f"{_TYPES}Environment", **made} if verb != "Delete" else {}
        return {"name": operation, "done": True, "response": response}

    def _permit(self, asked: Asked, permission: str) -> None:
        self._access.require(asked.caller, permission, f"projects/{asked.path['project']}")


def _end(begun: Change) -> Change:
    """The entry of the operation's end: it does not repeat what was asked."""
    operation = {"id": begun.operation["id"], "producer": begun.operation["producer"], "last": True}
    return msgspec.structs.replace(begun, details={}, operation=operation)


def _place(asked: Asked) -> str:
    return f"projects/{asked.path['project']}/locations/{asked.path['location']}"


def _name(asked: Asked) -> str:
    return f"{_place(asked)}/environments/{asked.path['environment']}"
