"""Says what somebody who is refused lacks: the role for each operation, or a login."""

from __future__ import annotations

import google.auth.exceptions
from google.api_core import exceptions as api

READER, CREATOR, WRITER = "roles/storage.objectViewer", "roles/storage.objectCreator", "roles/storage.objectUser"
SIGNER, REVIEWER, SUBSCRIBER = (
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.securityReviewer",
    "roles/pubsub.subscriber",
)

ROLES: dict[str, str] = {
    "read object": f"{READER} on the bucket",
    "stat object": f"{READER} on the bucket",
    "list objects": f"{READER} on the bucket",
    "list folders": f"{READER} on the bucket",
    "write object": f"{CREATOR} on the bucket (to write over what is there: {WRITER})",
    "delete object": f"{WRITER} on the bucket",
    "read bucket": "roles/storage.bucketViewer on the project",
    "signBlob": f"{SIGNER} on that service account",
    "signJwt": f"{SIGNER} on that service account",
    "generateIdToken": f"{SIGNER} on that service account",
    "read log": "roles/logging.viewer on the project (for Data Access logs: roles/logging.privateLogViewer)",
    "write log": "roles/logging.logWriter on the project",
    "publish": "roles/pubsub.publisher on the topic",
    "pull": f"{SUBSCRIBER} on the subscription",
    "acknowledge": f"{SUBSCRIBER} on the subscription",
    "give back": f"{SUBSCRIBER} on the subscription",
    "receive": f"{SUBSCRIBER} on the subscription",
    "look up subscription": "roles/pubsub.viewer on the project",
    "create subscription": "roles/pubsub.editor on the project",
    "delete subscription": "roles/pubsub.editor on the project",
    "read policy": f"{REVIEWER} on the project",
    "list accounts": f"{REVIEWER} on the project",
    "list keys": f"{REVIEWER} on the project",
    "read role": f"{REVIEWER} on the project",
    "read environment": "roles/composer.user on the project",
    "list image versions": "roles/composer.user on the project",
    "set policy": "the permission to set that IAM policy: docs/iam.md, what is put right",
    "call": "roles/run.invoker on the function",
}
"""What each operation of the clients takes. Source: cloud.google.com/iam/docs/understanding-roles."""

NO_LOGIN = (google.auth.exceptions.GoogleAuthError, api.Unauthorized)
LOG_IN = (
    "log in (gcloud auth application-default login), or name a key in GOOGLE_APPLICATION_CREDENTIALS; "
    'for the local stack: eval "$(dagwarden local env)"'
)


def say_grant(error: Exception, operation: str) -> str:
    """What to do about being refused, for people and for whoever deploys functions."""
    if isinstance(error, NO_LOGIN):
        return LOG_IN
    role = ROLES.get(operation)
    return f"ask the platform team for {role}; docs/access.md says who needs what" if role else "see docs/access.md"
