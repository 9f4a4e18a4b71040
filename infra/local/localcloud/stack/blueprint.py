"""What the local stack is made of, as tables: accounts, buckets, grants, topics, triggers, functions, agents.

`infra/terraform` says the same of a real project.
"""

from __future__ import annotations

import msgspec

from dagwarden.events.iam_changes import METHODS
from dagwarden.names import Component, EnvironmentName
from dagwarden.settings import Settings

PROJECT = "proj-local"
LOCATION = "local"
ENVIRONMENT = EnvironmentName("prod")

INBOX = f"{PROJECT}-inbox"
LEDGER = f"{PROJECT}-ledger"
STORE = f"{PROJECT}-store"
ENVIRONMENT_BUCKET = f"{PROJECT}-{ENVIRONMENT}"

COMPOSER = f"projects/{PROJECT}/locations/{LOCATION}/environments/{ENVIRONMENT}"
"""The environment, as Cloud Composer knows it: settings alone; what runs are the agents."""

BUCKET_CHANGES_TOPIC = f"dagwarden-bucket-{ENVIRONMENT}"
"""Where the environment's bucket tells of changes under dags/ and plugins/."""

IAM_TOPIC = "dagwarden-iam"
"""A message on it makes the guard look at the whole of IAM; a schedule sends them."""

DEAD_LETTERS_SUBSCRIPTION = "dagwarden-dead-letters"


def account(name: str) -> str:
    """The e-mail of one of the local service accounts.

    >>> account("gate")
    'gate-sa@proj-local.iam.gserviceaccount.com'
    """
    return f"{account_id(name)}@{PROJECT}.iam.gserviceaccount.com"


def account_id(name: str) -> str:
    """The part before the `@`: such ids have no underscores."""
    return f"{name.replace('_', '-')}-sa"


ACCOUNTS = (
    "gate",
    "validate",
    "notify",
    "mirror",
    "record",
    "iam_guard",
    "scheduler",
    "worker",
    "webserver",
    "ada",
    "ops",
)
"""One for each function, one for each component that runs an agent, Ada, who pushes, and the platform team."""

OBJECTS_UNDER = 'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{prefix}")'


class Grant(msgspec.Struct, frozen=True):
    """A role on a bucket, on the project (bucket "") or, with `on_account`, on a service account."""

    who: str
    role: str
    bucket: str = ""
    prefix: str = ""
    """Only for objects whose names begin so."""
    on_account: str = ""


GRANTS: tuple[Grant, ...] = (
    Grant("gate", "roles/storage.objectViewer", INBOX),
    Grant("gate", "roles/storage.objectViewer", LEDGER),
    Grant("gate", "roles/storage.objectCreator", LEDGER),
    Grant("gate", "roles/storage.objectViewer", STORE),
    Grant("gate", "roles/storage.objectCreator", STORE),
    Grant("gate", "roles/logging.logWriter"),
    Grant("gate", "roles/iam.serviceAccountTokenCreator", on_account="gate"),
    *(Grant("validate", "roles/storage.objectViewer", bucket) for bucket in (INBOX, LEDGER, STORE)),
    Grant("notify", "roles/storage.objectViewer", LEDGER),
    Grant("notify", "roles/pubsub.publisher"),
    Grant("notify", "roles/logging.logWriter"),
    Grant("mirror", "roles/storage.objectViewer", LEDGER),
    Grant("mirror", "roles/storage.objectViewer", STORE),
    Grant("mirror", "roles/storage.objectViewer", ENVIRONMENT_BUCKET),
    Grant("mirror", "roles/storage.objectUser", ENVIRONMENT_BUCKET, "dags/"),
    Grant("mirror", "roles/storage.objectUser", ENVIRONMENT_BUCKET, "plugins/"),
    Grant("mirror", "roles/pubsub.publisher"),
    Grant("mirror", "roles/logging.logWriter"),
    Grant("record", "roles/storage.objectViewer", STORE),
    Grant("record", "roles/storage.objectUser", STORE, f"{ENVIRONMENT}/status/"),
    Grant("record", "roles/logging.logWriter"),
    Grant("iam_guard", "roles/storage.objectViewer", STORE),
    Grant("iam_guard", "roles/storage.bucketViewer"),
    Grant("iam_guard", "roles/iam.securityReviewer"),
    Grant("iam_guard", "roles/composer.user"),
    Grant("iam_guard", "roles/logging.viewer"),
    Grant("iam_guard", "roles/logging.logWriter"),
    *(
        grant
        for component in ("scheduler", "worker", "webserver")
        for grant in (
            Grant(component, "roles/storage.objectViewer", LEDGER),
            Grant(component, "roles/storage.objectViewer", STORE),
            Grant(component, "roles/pubsub.subscriber"),
            Grant(component, "roles/pubsub.publisher"),
        )
    ),
    Grant("ada", "roles/storage.objectCreator", INBOX),
    Grant("ada", "roles/storage.objectViewer", INBOX),
    Grant("ada", "roles/storage.objectViewer", LEDGER),
    Grant("ada", "roles/storage.objectViewer", STORE),
    Grant("ada", "roles/storage.objectViewer", ENVIRONMENT_BUCKET),
    Grant("ada", "roles/logging.viewer"),
    Grant("ada", "roles/iam.serviceAccountTokenCreator", on_account="ada"),
    *(Grant("ops", "roles/storage.objectViewer", bucket) for bucket in (INBOX, LEDGER, STORE, ENVIRONMENT_BUCKET)),
    Grant("ops", "roles/storage.objectUser", STORE, f"{ENVIRONMENT}/policy.yaml"),
    Grant("ops", "roles/storage.objectUser", STORE, f"{ENVIRONMENT}/environment.yaml"),
    Grant("ops", "roles/storage.objectCreator", INBOX),
    Grant("ops", "roles/pubsub.editor"),
    Grant("ops", "roles/iam.securityReviewer"),
    Grant("ops", "roles/composer.user"),
    Grant("ops", "roles/storage.bucketViewer"),
    Grant("ops", "roles/logging.viewer"),
    Grant("ops", "roles/logging.logWriter"),
    Grant("ops", "roles/iam.serviceAccountTokenCreator", on_account="ops"),
)
"""Who may do what: the least each needs."""


COMPOSER_SETTINGS = {
    "nodeConfig": {"serviceAccount": account("worker")},
    "softwareConfig": {"imageVersion": "composer-3-airflow-3.3.2-build.1"},
    "privateEnvironmentConfig": {"enablePrivateEnvironment": True, "enablePrivateBuildsOnly": True},
    "webServerNetworkAccessControl": {"allowedIpRanges": [{"value": "10.0.0.0/8", "description": "ours"}]},
    "maintenanceWindow": {
        "startTime": "2026-01-01T01:00:00Z",
        "endTime": "2026-01-01T05:00:00Z",
        "recurrence": "FREQ=WEEKLY;BYDAY=FR,SA,SU",
    },
    "recoveryConfig": {"scheduledSnapshotsConfig": {"enabled": True, "timeZone": "UTC"}},
}
"""As they should be: no rule finds fault with them."""


class BucketPlan(msgspec.Struct, frozen=True):
    """A bucket; all have versions, uniform access and public access prevention."""

    name: str
    retention_s: int = 0


BUCKETS = (
    BucketPlan(INBOX),
    BucketPlan(LEDGER, retention_s=7 * 86_400),
    BucketPlan(STORE),
    BucketPlan(ENVIRONMENT_BUCKET),
)

NOTIFIED_PREFIXES = ("dags/", "plugins/")
"""logs/ and data/ must start nothing."""

FINALIZED = "google.cloud.storage.object.v1.finalized"
ARCHIVED = "google.cloud.storage.object.v1.archived"
DELETED = "google.cloud.storage.object.v1.deleted"
LOGGED = "google.cloud.audit.log.v1.written"
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"


class TriggerPlan(msgspec.Struct, frozen=True):
    """What starts a function: something that happened to an object, a message on a topic, or a call that is logged."""

    name: str
    function: str
    bucket: str = ""
    topic: str = ""
    event_type: str = FINALIZED
    """Of the bucket's events; Eventarc matches one type for each trigger."""
    service: str = ""
    method: str = ""
    """Of the calls in the log of admin activity that start it; Eventarc matches one method for each trigger."""


def make_settings() -> Settings:
    """The settings that hold for every process of the stack."""
    return Settings(
        project=PROJECT,
        inbox_bucket=INBOX,
        ledger_bucket=LEDGER,
        store_bucket=STORE,
        gate_service_account=account("gate"),
    )


TRIGGERS = (
    TriggerPlan("gate", "gate", bucket=INBOX),
    TriggerPlan("gate-archived", "gate", bucket=INBOX, event_type=ARCHIVED),
    TriggerPlan("gate-deleted", "gate", bucket=INBOX, event_type=DELETED),
    TriggerPlan("gate-held", "gate", topic=make_settings().held_topic),
    TriggerPlan("notify", "notify", bucket=LEDGER),
    TriggerPlan("mirror-releases", "mirror", bucket=LEDGER),
    TriggerPlan("mirror-drift", "mirror", topic=BUCKET_CHANGES_TOPIC),
    TriggerPlan("record", "record", topic=make_settings().receipts_topic),
    TriggerPlan("record-dead-letters", "record", topic=make_settings().dead_letters_topic),
    TriggerPlan("iam-schedule", "iam_guard", topic=IAM_TOPIC),
    *(
        TriggerPlan(f"iam-change-{number}", "iam_guard", service=service, method=method)
        for number, (service, method) in enumerate(METHODS, 1)
    ),
)

FUNCTIONS = ("gate", "notify", "mirror", "record", "iam_guard")
"""Started by events."""

CALLED = ("validate",)
"""Called over HTTP."""

ALL_FUNCTIONS = (*CALLED, *FUNCTIONS)


class AgentPlan(msgspec.Struct, frozen=True):
    """One instance of a component."""

    component: Component
    instance: str


AGENTS = (
    AgentPlan(Component.SCHEDULER, "scheduler-1"),
    AgentPlan(Component.WORKER, "worker-1"),
    AgentPlan(Component.WORKER, "worker-2"),
    AgentPlan(Component.WEBSERVER, "webserver-1"),
)

DELIVERY = {"minBackoffS": 10 / 60, "maxBackoffS": 600 / 60, "maxAttempts": 100}
"""The real 10-600 s with a minute in each second, and as many attempts as Pub/Sub grants.

So an event outlives a quarter of an hour without a store here, and 16 hours on Google Cloud, before it is a dead
letter, and is taken at most 10 s (there: 10 minutes) after the store is back.

Source: cloud.google.com/eventarc/docs/retry-events; cloud.google.com/pubsub/docs/handling-failures, 5 to 100 attempts.
"""
