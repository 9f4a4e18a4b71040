"""Puts accounts, bindings and triggers into a running local cloud; what is there already stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx

from localcloud.eventarc.triggers import Delivery, to_delivery_fields


class ProvisionError(Exception):
    """The local cloud refused: what was asked, and its reason."""


class Provisioner:
    """Speaks to the local cloud as the machine's owner, for one project.

    Args:
        url: of the local cloud's HTTP APIs.
    """

    def __init__(self, url: str, project: str, timeout_s: float = 30.0) -> None:
        self.url = url
        self.project = project
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Provisioner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def account(self, account_id: str, display_name: str = "") -> str:
        """The service account exists; returns its e-mail."""
        body = {"accountId": account_id, "serviceAccount": {"displayName": display_name}}
        self._make(f"/v1/projects/{self.project}/serviceAccounts", body)
        return f"{account_id}@{self.project}.iam.gserviceaccount.com"

    def bind_project(self, role: str, member: str) -> None:
        """`member` (`serviceAccount:E`, …) holds `role` on the project."""
        self._bind(f"/v1/projects/{self.project}", role, member)

    def trigger(
        self,
        trigger_id: str,
        event_type: str,
        uri: str,
        *,
        service_account: str = "",
        attributes: Mapping[str, str] | None = None,
        resource_pattern: str = "",
        topic: str = "",
        location: str = "local",
        delivery: Delivery | None = None,
    ) -> None:
        """The trigger exists and posts to `uri`.

        Args:
            event_type: e.g. `google.cloud.storage.object.v1.finalized`.
            attributes: `bucket`, or `serviceName` and `methodName`.
            resource_pattern: path pattern for `resourceName` (audit-log events).
            topic: `projects/P/topics/T` (Pub/Sub events).
            delivery: back-off, attempts and dead-letter topic; the real defaults unless given.
        """
        filters = [{"attribute": name, "value": value} for name, value in (attributes or {}).items()]
        filters.append({"attribute": "type", "value": event_type})
        if resource_pattern:
            filters.append({"attribute": "resourceName", "value": resource_pattern, "operator": "match-path-pattern"})
        body = {
            "eventFilters": filters,
            "destination": {"httpEndpoint": {"uri": uri}},
            "serviceAccount": service_account,
            "transport": {"pubsub": {"topic": topic}},
            "localDelivery": to_delivery_fields(delivery or Delivery()),
        }
        self._make(f"/v1/projects/{self.project}/locations/{location}/triggers?triggerId={trigger_id}", body)

    def delete_trigger(self, trigger_id: str, location: str = "local") -> None:
        """The trigger is gone; what it had not delivered is lost.

        Raises:
            ProvisionError: there was none.
        """
        self._send("DELETE", f"/v1/projects/{self.project}/locations/{location}/triggers/{trigger_id}")

    def _bind(self, path: str, role: str, member: str) -> None:
        policy = self._send("POST", f"{path}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
        bindings = policy.get("bindings", [])
        if any(each["role"] == role and member in each["members"] and "condition" not in each for each in bindings):
            return
        bindings.append({"role": role, "members": [member]})
        self._send("POST", f"{path}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})

    def _account_path(self, email: str) -> str:
        return f"/v1/projects/{self.project}/serviceAccounts/{email}"

    def _make(self, path: str, body: Mapping[str, Any]) -> None:
        self._send("POST", path, body, accepts=(200, 409))

    def _send(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, accepts: tuple[int, ...] = (200,)
    ) -> dict[str, Any]:
        response = self._http.request(verb, path, json=body)
        if response.status_code not in accepts:
            raise ProvisionError(f"{verb} {path}: {response.status_code} {response.text[:500]}")
        answer: dict[str, Any] = response.json()
        return answer
