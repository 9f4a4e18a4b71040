"""Makes what the blueprint names exist in a running local cloud. Doing it again changes nothing."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import google.api_core.exceptions
import httpx
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage

from localcloud.stack import blueprint as plan

_KEY_MODE = 0o600


class Provisioner:
    """Speaks to the local cloud as its owner, through the same APIs as anybody."""

    def __init__(self, url: str, pubsub: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30.0)
        self._storage = storage.Client(
            project=plan.PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        options = {"api_endpoint": pubsub}
        self._publisher = pubsub_v1.PublisherClient(transport=_plaintext(pubsub, "publisher"), client_options=options)
        self._subscriber = pubsub_v1.SubscriberClient(
            transport=_plaintext(pubsub, "subscriber"), client_options=options
        )

    def provision(self, keys: Path, function_urls: Mapping[str, str]) -> None:
        """Everything of the blueprint exists afterwards.

        Args:
            keys: folder that gets one key file for each account, unless it has it.
            function_urls: where each function is reached.
        """
        self._make_accounts(keys)
        self._make_topics()
        self._make_buckets()
        self._make_grants()
        self._make_notifications()
        self._make_environment()
        self._make_triggers(function_urls)
        self._put_defaults()

    def _make_accounts(self, keys: Path) -> None:
        keys.mkdir(parents=True, exist_ok=True)
        accounts = f"/v1/projects/{plan.PROJECT}/serviceAccounts"
        for name in plan.ACCOUNTS:
            self._post(accounts, {"accountId": plan.account_id(name)}, may_exist=True)
            file = keys / f"{name}.json"
            if not file.exists():
                key = self._post(f"{accounts}/{plan.account(name)}/keys", {})
                file.touch(_KEY_MODE)
                file.write_bytes(base64.b64decode(key["privateKeyData"]))

    def _make_topics(self) -> None:
        settings = plan.make_settings()
        topics = (
            settings.notices_topic,
            settings.receipts_topic,
            settings.dead_letters_topic,
            settings.held_topic,
            plan.BUCKET_CHANGES_TOPIC,
            plan.IAM_TOPIC,
        )
        for topic in topics:
            _unless_there(self._publisher.create_topic, {"name": _topic(topic)})
        subscription = f"projects/{plan.PROJECT}/subscriptions/{plan.DEAD_LETTERS_SUBSCRIPTION}"
        _unless_there(
            self._subscriber.create_subscription, {"name": subscription, "topic": _topic(settings.dead_letters_topic)}
        )

    def _make_buckets(self) -> None:
        for wanted in plan.BUCKETS:
            bucket = self._storage.bucket(wanted.name)
            bucket.versioning_enabled = True
            bucket.iam_configuration.uniform_bucket_level_access_enabled = True
            bucket.iam_configuration.public_access_prevention = "enforced"
            if wanted.retention_s:
                bucket.retention_period = wanted.retention_s
            _unless_there(lambda _, new=bucket: self._storage.create_bucket(new), {})

    def _make_grants(self) -> None:
        on_buckets: dict[str, list[plan.Grant]] = defaultdict(list)
        for grant in plan.GRANTS:
            on_buckets[grant.bucket].append(grant)
        for bucket in plan.BUCKETS:
            policy = self._storage.bucket(bucket.name).get_iam_policy(requested_policy_version=3)
            policy.version = 3
            policy.bindings = [_binding(grant) for grant in on_buckets[bucket.name]]
            self._storage.bucket(bucket.name).set_iam_policy(policy)
        for resource, grants in _by_resource(on_buckets[""]).items():
            policy = self._post(f"/v1/{resource}:getIamPolicy", {})
            self._post(
                f"/v1/{resource}:setIamPolicy",
                {"policy": {**policy, "bindings": [_binding(grant) for grant in grants]}},
            )

    def _make_notifications(self) -> None:
        bucket = self._storage.bucket(plan.ENVIRONMENT_BUCKET)
        standing = {notification.blob_name_prefix for notification in bucket.list_notifications()}
        for prefix in plan.NOTIFIED_PREFIXES:
            if prefix not in standing:
                bucket.notification(
                    topic_name=plan.BUCKET_CHANGES_TOPIC,
                    topic_project=plan.PROJECT,
                    custom_attributes={"environment": plan.ENVIRONMENT},
                    blob_name_prefix=prefix,
                    payload_format="JSON_API_V1",
                ).create()

    def _make_environment(self) -> None:
        wanted = {"name": plan.COMPOSER, "config": plan.COMPOSER_SETTINGS}
        self._post(f"/v1/{plan.COMPOSER.rpartition('/')[0]}", wanted, may_exist=True)

    def _make_triggers(self, function_urls: Mapping[str, str]) -> None:
        triggers = f"/v1/projects/{plan.PROJECT}/locations/{plan.LOCATION}/triggers"
        found = self._http.get(triggers).raise_for_status().json().get("triggers", [])
        standing = {each["name"].rpartition("/")[2]: each for each in found}
        for wanted in plan.TRIGGERS:
            uri = function_urls[wanted.function]
            if wanted.name in standing:
                if standing[wanted.name]["destination"]["httpEndpoint"]["uri"] == uri:
                    continue
                self._http.delete(f"{triggers}/{wanted.name}").raise_for_status()
            self._post(f"{triggers}?triggerId={wanted.name}", _trigger(wanted, uri))

    def _put_defaults(self) -> None:
        store = self._storage.bucket(plan.STORE)
        defaults = files("localcloud") / "defaults"
        environment = (defaults / "environment.yaml").read_text()
        environment = environment.replace("name: local", f"name: {plan.ENVIRONMENT}")
        environment = environment.replace('bucket: ""', f"bucket: {plan.ENVIRONMENT_BUCKET}\ncomposer: {plan.COMPOSER}")
        documents = {"environment.yaml": environment, "policy.yaml": (defaults / "policy.yaml").read_text()}
        for name, text in documents.items():
            blob = store.blob(f"{plan.ENVIRONMENT}/{name}")
            try:
                blob.upload_from_string(text, content_type="application/yaml", if_generation_match=0)
            except google.api_core.exceptions.PreconditionFailed:
                continue  # the platform team's own stands there

    def _post(self, path: str, body: Mapping[str, Any], *, may_exist: bool = False) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        if may_exist and answer.status_code == 409:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _topic(name: str) -> str:
    return f"projects/{plan.PROJECT}/topics/{name}"


def _trigger(wanted: plan.TriggerPlan, uri: str) -> dict[str, Any]:
    dead_letters = _topic(plan.make_settings().dead_letters_topic)
    body: dict[str, Any] = {
        "eventFilters": [{"attribute": name, "value": value} for name, value in _filters(wanted)],
        "destination": {"httpEndpoint": {"uri": uri}},
        "serviceAccount": plan.account(wanted.function),
        "localDelivery": {**plan.DELIVERY, "deadLetterTopic": dead_letters},
    }
    if wanted.topic:
        body["transport"] = {"pubsub": {"topic": _topic(wanted.topic)}}
    return body


def _filters(wanted: plan.TriggerPlan) -> tuple[tuple[str, str], ...]:
    if wanted.bucket:
        return ("type", wanted.event_type), ("bucket", wanted.bucket)
    if wanted.method:
        return ("type", plan.LOGGED), ("serviceName", wanted.service), ("methodName", wanted.method)
    return (("type", plan.PUBLISHED),)


def _binding(grant: plan.Grant) -> dict[str, Any]:
    binding: dict[str, Any] = {"role": grant.role, "members": [f"serviceAccount:{plan.account(grant.who)}"]}
    if grant.prefix:
        expression = plan.OBJECTS_UNDER.format(bucket=grant.bucket, prefix=grant.prefix)
        binding["condition"] = {"title": f"under {grant.prefix}", "expression": expression}
    return binding


def _by_resource(grants: list[plan.Grant]) -> dict[str, list[plan.Grant]]:
    resources: dict[str, list[plan.Grant]] = defaultdict(list)
    for grant in grants:
        project = f"projects/{plan.PROJECT}"
        account = f"{project}/serviceAccounts/{plan.account(grant.on_account)}"
        resources[account if grant.on_account else project].append(grant)
    return resources


def _unless_there(create: Any, request: Mapping[str, Any]) -> None:
    try:
        create(request)
    except (google.api_core.exceptions.AlreadyExists, google.api_core.exceptions.Conflict):
        return


def _plaintext(target: str, service: str) -> Any:
    import grpc
    from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport
    from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport

    kinds = {"publisher": PublisherGrpcTransport, "subscriber": SubscriberGrpcTransport}
    return kinds[service](channel=grpc.insecure_channel(target))
