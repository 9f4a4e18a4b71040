"""Which permissions the predefined roles hold: the part of Google's catalogue that the local services ask about.

Source: cloud.google.com/iam/docs/roles-permissions (storage, composer, iam, logging, pubsub, resourcemanager), cut to
the permissions the local cloud checks or an access report speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping

_OBJECT_READ = frozenset({"storage.objects.get", "storage.objects.list"})
_OBJECT_WRITE = frozenset(
    {
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.move",
        "storage.objects.restore",
        "storage.objects.update",
        "storage.multipartUploads.abort",
        "storage.multipartUploads.create",
        "storage.multipartUploads.list",
        "storage.multipartUploads.listParts",
    }
)
_OBJECT_GOVERN = frozenset(
    {
        "storage.objects.getIamPolicy",
        "storage.objects.setIamPolicy",
        "storage.objects.setRetention",
        "storage.objects.overrideUnlockedRetention",
    }
)
_OBJECT_ALL = _OBJECT_READ | _OBJECT_WRITE | _OBJECT_GOVERN
_BUCKET_ALL = frozenset(
    {
        "storage.buckets.create",
        "storage.buckets.delete",
        "storage.buckets.enableObjectRetention",
        "storage.buckets.get",
        "storage.buckets.getIamPolicy",
        "storage.buckets.list",
        "storage.buckets.restore",
        "storage.buckets.setIamPolicy",
        "storage.buckets.update",
    }
)
_LEGACY_WRITE = frozenset(
    {
        "storage.buckets.get",
        "storage.multipartUploads.abort",
        "storage.multipartUploads.create",
        "storage.multipartUploads.list",
        "storage.multipartUploads.listParts",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.list",
        "storage.objects.restore",
        "storage.objects.setRetention",
    }
)
_COMPOSER_VIEW = frozenset(
    {
        "composer.dags.execute",
        "composer.dags.get",
        "composer.dags.getSourceCode",
        "composer.dags.list",
        "composer.environments.get",
        "composer.environments.list",
        "composer.imageversions.list",
        "composer.operations.get",
        "composer.operations.list",
        "composer.userworkloadsconfigmaps.get",
        "composer.userworkloadsconfigmaps.list",
        "composer.userworkloadssecrets.get",
        "composer.userworkloadssecrets.list",
    }
)
_COMPOSER_ALL = _COMPOSER_VIEW | {
    "composer.environments.create",
    "composer.environments.delete",
    "composer.environments.executeAirflowCommand",
    "composer.environments.update",
    "composer.operations.delete",
    "composer.userworkloadsconfigmaps.create",
    "composer.userworkloadsconfigmaps.delete",
    "composer.userworkloadsconfigmaps.update",
    "composer.userworkloadssecrets.create",
    "composer.userworkloadssecrets.delete",
    "composer.userworkloadssecrets.update",
}
_PUBSUB_USE = frozenset(
    {
        "pubsub.subscriptions.consume",
        "pubsub.subscriptions.create",
        "pubsub.subscriptions.delete",
        "pubsub.subscriptions.get",
        "pubsub.subscriptions.list",
        "pubsub.topics.attachSubscription",
        "pubsub.topics.create",
        "pubsub.topics.delete",
        "pubsub.topics.get",
        "pubsub.topics.list",
        "pubsub.topics.publish",
    }
)
_LOGS_READ = frozenset({"logging.logEntries.list", "logging.logs.list", "logging.privateLogEntries.list"})
_OTHERS = ("pubsub.topics", "pubsub.subscriptions", "run.services", "run.jobs", "secretmanager.secrets")
_OTHERS_SET = frozenset(f"{kind}.setIamPolicy" for kind in _OTHERS)
_POLICY_READ = frozenset(
    {
        "iam.serviceAccounts.getIamPolicy",
        "resourcemanager.projects.getIamPolicy",
        "storage.buckets.getIamPolicy",
        "storage.objects.getIamPolicy",
        *(f"{kind}.getIamPolicy" for kind in _OTHERS),
    }
)
_ACCOUNT_READ = frozenset(
    {
        "iam.serviceAccountKeys.get",
        "iam.serviceAccountKeys.list",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.list",
    }
)
_ACCOUNT_ADMIN = frozenset(
    {
        "iam.serviceAccounts.create",
        "iam.serviceAccounts.delete",
        "iam.serviceAccounts.disable",
        "iam.serviceAccounts.enable",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.list",
        "iam.serviceAccounts.setIamPolicy",
    }
)
_KEY_ADMIN = frozenset(
    {
        "iam.serviceAccountKeys.create",
        "iam.serviceAccountKeys.delete",
        "iam.serviceAccountKeys.get",
        "iam.serviceAccountKeys.list",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.list",
    }
)
_TRIGGERS_READ = frozenset({"eventarc.triggers.get", "eventarc.triggers.list"})
_TRIGGERS_ALL = _TRIGGERS_READ | {"eventarc.triggers.create", "eventarc.triggers.delete"}
_VIEW = _TRIGGERS_READ | _LOGS_READ | _ACCOUNT_READ | _COMPOSER_VIEW | {"storage.buckets.list"}
_EDIT = _VIEW | _TRIGGERS_ALL | _PUBSUB_USE | _KEY_ADMIN | _COMPOSER_ALL | {"logging.logEntries.create"}

ROLES: Mapping[str, frozenset[str]] = {
    "roles/viewer": _VIEW,
    "roles/editor": _EDIT | {"iam.serviceAccounts.actAs", "storage.buckets.create", "storage.buckets.delete"},
    "roles/owner": _EDIT
    | _BUCKET_ALL
    | _OBJECT_ALL
    | _ACCOUNT_ADMIN
    | _POLICY_READ
    | _OTHERS_SET
    | {"iam.serviceAccounts.actAs", "logging.logs.delete", "resourcemanager.projects.setIamPolicy"},
    "roles/storage.admin": _BUCKET_ALL | _OBJECT_ALL,
    "roles/storage.bucketViewer": frozenset({"storage.buckets.get", "storage.buckets.list"}),
    "roles/storage.objectAdmin": _OBJECT_ALL,
    "roles/storage.objectCreator": frozenset(
        {
            "storage.objects.create",
            "storage.multipartUploads.abort",
            "storage.multipartUploads.create",
            "storage.multipartUploads.listParts",
        }
    ),
    "roles/storage.objectUser": _OBJECT_READ | _OBJECT_WRITE,
    "roles/storage.objectViewer": _OBJECT_READ,
    "roles/storage.legacyBucketOwner": _LEGACY_WRITE
    | {
        "storage.buckets.enableObjectRetention",
        "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
        "storage.buckets.update",
    },
    "roles/storage.legacyBucketReader": frozenset(
        {"storage.buckets.get", "storage.multipartUploads.list", "storage.objects.list"}
    ),
    "roles/storage.legacyBucketWriter": _LEGACY_WRITE,
    "roles/storage.legacyObjectOwner": _OBJECT_GOVERN | {"storage.objects.get", "storage.objects.update"},
    "roles/storage.legacyObjectReader": frozenset({"storage.objects.get"}),
    "roles/composer.admin": _COMPOSER_ALL,
    "roles/composer.environmentAndStorageObjectAdmin": _COMPOSER_ALL | _OBJECT_ALL,
    "roles/composer.environmentAndStorageObjectUser": _COMPOSER_VIEW | _OBJECT_READ,
    "roles/composer.environmentAndStorageObjectViewer": _COMPOSER_VIEW | _OBJECT_READ,
    "roles/composer.user": _COMPOSER_VIEW,
    "roles/composer.worker": _OBJECT_ALL
    | _PUBSUB_USE
    | {"composer.environments.get", "logging.logEntries.create"}
    | {"storage.buckets.create", "storage.buckets.get", "storage.buckets.list"},
    "roles/eventarc.admin": _TRIGGERS_ALL,
    "roles/eventarc.viewer": _TRIGGERS_READ,
    "roles/iam.securityAdmin": _POLICY_READ
    | _ACCOUNT_READ
    | _OTHERS_SET
    | {
        "iam.serviceAccounts.setIamPolicy",
        "resourcemanager.projects.setIamPolicy",
        "storage.buckets.list",
        "storage.buckets.setIamPolicy",
    },
    "roles/iam.securityReviewer": _POLICY_READ | _ACCOUNT_READ | {"storage.buckets.list"},
    "roles/iam.serviceAccountAdmin": _ACCOUNT_ADMIN,
    "roles/iam.serviceAccountKeyAdmin": _KEY_ADMIN,
    "roles/iam.serviceAccountOpenIdTokenCreator": frozenset({"iam.serviceAccounts.getOpenIdToken"}),
    "roles/iam.serviceAccountTokenCreator": frozenset(
        {
            "iam.serviceAccounts.getAccessToken",
            "iam.serviceAccounts.getOpenIdToken",
            "iam.serviceAccounts.signBlob",
            "iam.serviceAccounts.signJwt",
        }
    ),
    "roles/iam.serviceAccountUser": frozenset(
        {"iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list"}
    ),
    "roles/iam.serviceAccountViewer": _ACCOUNT_READ | {"iam.serviceAccounts.getIamPolicy"},
    "roles/logging.admin": _LOGS_READ | {"logging.logEntries.create", "logging.logs.delete"},
    "roles/logging.logWriter": frozenset({"logging.logEntries.create"}),
    "roles/logging.privateLogViewer": _LOGS_READ,
    "roles/logging.viewer": frozenset({"logging.logEntries.list", "logging.logs.list"}),
    "roles/pubsub.editor": _PUBSUB_USE,
    "roles/pubsub.publisher": frozenset({"pubsub.topics.publish"}),
    "roles/pubsub.subscriber": frozenset({"pubsub.subscriptions.consume", "pubsub.topics.attachSubscription"}),
}
"""Role -> permissions. A role that is not here can be granted, and grants nothing."""
