"""The rules that the policy itself holds identities to: one page each.

Where a rule on the DAG model says the same already (`environment-identity`, `default-service-account`,
`templated-identity`, `identity-unreadable`, `body-without-service-account`, `pod-without-service-account`,
`grants-access`, `public-address`), the policy speaks under its id.
"""

from __future__ import annotations

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page
from dagwarden.validate.rules.rule import share_page

DOMAIN_WIDE_DELEGATION = share_page(
    "DW503", "domain-wide-delegation", Severity.WARNING, "Use `impersonation_chain` with an account of the team's."
)  # fmt: skip

_LISTED = "What no list of the file's team covers may not be used: teams share an environment, not their identities."
_LIMITS = "Decided on the imported DAG and, for accounts and connections that functions name, on the text."


def _page(code: str, rule: str, what: str, hint: str, *, why: str = _LISTED) -> Page:
    return Page(
        rule=rule, code=code, category="identity", severity=Severity.ERROR, what=what, why=why, hint=hint,
        limits=_LIMITS,
    )  # fmt: skip


ACCOUNT_NOT_ALLOWED = _page(
    "DW530", "service-account-not-allowed",
    "Finds service accounts that the file's team may not use: in arguments, in the bodies of clusters, jobs and "
    "services, in commands and in functions.",
    "Name an account of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
IMPERSONATION_NOT_ALLOWED = _page(
    "DW531", "impersonation-not-allowed",
    "Finds impersonation of service accounts that the file's team may not act as, or not by these delegates.",
    "Impersonate an account of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
ACCOUNT_OF_ANOTHER_PROJECT = _page(
    "DW532", "service-account-of-another-project",
    "Finds service accounts of projects that the policy does not list.",
    "Use an account of a project that `identities.projects` lists.",
    why="An account of another project is that project's to govern: a typing error there is somebody else's identity.",
)  # fmt: skip
CONNECTION_NOT_ALLOWED = _page(
    "DW533", "connection-not-allowed",
    "Finds connections that the file's team may not use.",
    "Use a connection of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
POD_IDENTITY_NOT_ALLOWED = _page(
    "DW534", "pod-identity-not-allowed",
    "Finds pods with Kubernetes service accounts, namespaces or secrets that the file's team may not use.",
    "Use one of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
POD_SETTING_NOT_ALLOWED = _page(
    "DW535", "pod-setting-not-allowed",
    "Finds pods with powers that the file's team may not give them: the node's network, its files, another cluster.",
    "Leave it out, or ask the policy's owners to add it under `may_use.pod_settings`.",
    why="On its node's network a pod can take the node's own identity, and with another cluster file anybody's.",
)  # fmt: skip
IMAGE_NOT_ALLOWED = _page(
    "DW536", "image-not-allowed",
    "Finds images that the file's team may not run.",
    "Use an image of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
VARIABLE_NOT_ALLOWED = _page(
    "DW537", "environment-variable-not-allowed",
    "Finds environment variables that the file's team may not set.",
    "Leave it out, or ask the policy's owners to add its name under `may_use.environment_variables`.",
    why="Variables such as GOOGLE_APPLICATION_CREDENTIALS or AIRFLOW_CONN_… choose as whom a process works.",
)  # fmt: skip
PLACE_NOT_ALLOWED = _page(
    "DW538", "pool-or-queue-not-allowed",
    "Finds pools, queues, executors and users of the operating system that the file's team may not use.",
    "Use one of the team's, or ask the policy's owners to add this one under `may_use`.",
)  # fmt: skip
KEY_NOT_ALLOWED = _page(
    "DW539", "encryption-key-not-allowed",
    "Finds encryption keys that the file's team may not use, and none where it must use one of its own.",
    "Name a key that `may_use.encryption_keys` lists.",
)  # fmt: skip
IDENTITIES_UNKNOWN = _page(
    "DW540", "identities-unknown",
    "Finds files of whose tasks not everything could be read, or whose operators are not what they seem.",
    "Split the file, and use operators as their packages have them.",
    why="As whom tasks run that were not read, or whose operators were replaced, nobody can say.",
)  # fmt: skip

IDENTITY_PAGES: tuple[Page, ...] = (
    ACCOUNT_NOT_ALLOWED,
    IMPERSONATION_NOT_ALLOWED,
    ACCOUNT_OF_ANOTHER_PROJECT,
    CONNECTION_NOT_ALLOWED,
    POD_IDENTITY_NOT_ALLOWED,
    POD_SETTING_NOT_ALLOWED,
    IMAGE_NOT_ALLOWED,
    VARIABLE_NOT_ALLOWED,
    PLACE_NOT_ALLOWED,
    KEY_NOT_ALLOWED,
    IDENTITIES_UNKNOWN,
)
