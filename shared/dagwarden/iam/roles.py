"""What roles permit, as far as it matters here."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files

from dagwarden.iam.snapshot import Snapshot

BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")

SERVICE_ACCOUNT_ROLES = (
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.workloadIdentityUser",
)
"""Of whom holds one on a project it is said of every account in it. Source: CIS Google Cloud 1.6."""

ESCALATIONS: Mapping[str, str] = {
    "cloudbuild.builds.create": "runs builds as the build's service account",
    "cloudfunctions.functions.create": "runs functions as any account it may act as",
    "cloudfunctions.functions.setIamPolicy": "grants itself any role on functions",
    "cloudfunctions.functions.update": "changes what functions run",
    "composer.environments.create": "runs DAGs as any account it may act as",
    "composer.environments.executeAirflowCommand": "runs Airflow commands as the environment",
    "composer.environments.update": "installs packages that run as the environment",
    "compute.instances.create": "starts machines as any account it may act as",
    "compute.instances.setMetadata": "starts scripts on machines, as their account",
    "compute.instances.setServiceAccount": "gives machines any account it may act as",
    "dataflow.jobs.create": "runs jobs as any account it may act as",
    "dataproc.clusters.create": "runs clusters as any account it may act as",
    "deploymentmanager.deployments.create": "deploys as an editor of the project",
    "iam.roles.update": "widens custom roles, its own among them",
    "iam.serviceAccountKeys.create": "makes itself keys of service accounts",
    "iam.serviceAccounts.getAccessToken": "gets tokens of service accounts",
    "iam.serviceAccounts.implicitDelegation": "gets tokens through chains of service accounts",
    "iam.serviceAccounts.setIamPolicy": "lets itself act as service accounts",
    "iam.serviceAccounts.signBlob": "signs as service accounts",
    "iam.serviceAccounts.signJwt": "signs tokens as service accounts",
    "pubsub.subscriptions.setIamPolicy": "grants itself any role on subscriptions",
    "pubsub.topics.setIamPolicy": "grants itself any role on topics",
    "resourcemanager.folders.setIamPolicy": "grants itself any role on the folder",
    "resourcemanager.organizations.setIamPolicy": "grants itself any role on the organisation",
    "resourcemanager.projects.setIamPolicy": "grants itself any role on the project",
    "run.services.create": "runs services as any account it may act as",
    "run.services.setIamPolicy": "grants itself any role on services",
    "run.services.update": "changes what services run",
    "secretmanager.secrets.setIamPolicy": "grants itself any role on secrets",
    "storage.buckets.setIamPolicy": "grants itself any role on buckets",
    "storage.hmacKeys.create": "makes itself keys of service accounts for Cloud Storage",
}
"""Permissions by which one comes to more than one was given. `storage.objects.setIamPolicy` is not among them: it says
nothing where access is uniform, and whatever writes objects holds it.

Source: rules.sonarsource.com/terraform/rspec-6408; RhinoSecurityLabs/GCP-IAM-Privilege-Escalation."""


@functools.cache
def read_table() -> Mapping[str, frozenset[str]]:
    """Predefined role -> those of its permissions that are escalations or that the access matrix asks for.

    Source: `gcloud iam roles describe` of every predefined role, as kept by github.com/jdyke/gcp_iam_update_bot
    (0a622b4, 2026-06-27), cut to 41 permissions; roles that hold none of them are left out.
    """
    text = (files("dagwarden.iam") / "roles.json").read_text("utf-8")
    return {role: frozenset(permissions) for role, permissions in json.loads(text).items()}


def find_permissions(role: str, snapshot: Snapshot) -> frozenset[str] | None:
    """What the role permits, of what matters here; None where nobody knows."""
    table = read_table()
    return table[role] if role in table else snapshot.roles.get(role)


def list_unknown(snapshot: Snapshot) -> tuple[str, ...]:
    """The roles in the snapshot's bindings that have to be read to know what they permit."""
    roles = {binding.role for policy in snapshot.policies for binding in policy.bindings}
    return tuple(sorted(roles - read_table().keys() - snapshot.roles.keys()))
