"""The rules on IAM: one page each."""

from __future__ import annotations

from dagwarden.iam.composer_rules import COMPOSER_PAGES
from dagwarden.iam.page import iam_page
from dagwarden.lint.finding import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_TAKE_OUT = "Take the member out of the binding; name it under `iam.holders` where it is meant."

PUBLIC_MEMBER = iam_page(
    "DW560", "public-member", _ERROR,
    "Finds roles held by `allUsers` or `allAuthenticatedUsers`.",
    "Everybody on the internet, or everybody with any Google account, then holds the role.",
    "Take the member out of the binding.",
    sources=("CIS Google Cloud 5.1", "policy-library iam_deny_public"),
)  # fmt: skip
CONSUMER_MEMBER = iam_page(
    "DW561", "consumer-member", _ERROR,
    "Finds roles held by Gmail accounts.",
    "No organisation manages such an account: nobody takes it back when its owner leaves.",
    "Grant the role to a group of your own domain.",
    sources=("CIS Google Cloud 1.1", "policy-library iam_restrict_gmail"),
)  # fmt: skip
FOREIGN_DOMAIN = iam_page(
    "DW562", "foreign-domain-member", _ERROR,
    "Finds roles held by members of domains that `iam.domains` does not allow.",
    "Who administers another domain decides there who the member is.",
    "Take the member out of the binding, or allow its domain under `iam.domains.allowed`.",
    sources=("organisation policy iam.allowedPolicyMemberDomains", "policy-library iam_restrict_domain"),
)  # fmt: skip
FORBIDDEN_BINDING = iam_page(
    "DW563", "forbidden-binding", _ERROR,
    "Finds roles held by members who may never hold them, by an entry under `iam.forbidden`.",
    "The policy says so.",
    "Take the member out of the binding.",
    sources=("policy-library iam_allowed_bindings",),
)  # fmt: skip
UNLISTED_HOLDER = iam_page(
    "DW564", "unlisted-role-holder", _ERROR,
    "Finds roles that `iam.holders` reserves and that somebody else holds.",
    "Whom no entry names may not hold the role.",
    "Take the member out of the binding, or name it under `iam.holders`.",
    sources=("policy-library iam_allowed_bindings",),
)  # fmt: skip
BASIC_ROLE = iam_page(
    "DW565", "basic-role", _WARNING,
    "Finds the roles owner, editor and viewer.",
    "They hold thousands of permissions, on everything in the project; an editor may run code as any account in it.",
    "Grant the predefined roles that are needed; name who must have it under `iam.holders`.",
    sources=("cloud.google.com/iam/docs/using-iam-securely",),
)  # fmt: skip
CONVENIENCE_MEMBER = iam_page(
    "DW566", "convenience-member", _WARNING,
    "Finds buckets that all owners, editors or viewers of a project may use (`projectEditor:P` …).",
    "Who holds a basic role on the project then reads or writes the bucket, unseen in its own policy.",
    "Take the member out of the binding; grant the bucket to those who need it.",
    sources=("cloud.google.com/storage/docs/access-control/iam",),
)  # fmt: skip
ESCALATION = iam_page(
    "DW567", "escalation-permission", _WARNING,
    "Finds roles that hold a permission by which one comes to more than one was given.",
    "Making keys or tokens of an account, running code as it or setting policies is as good as holding its roles.",
    _TAKE_OUT,
    sources=("rules.sonarsource.com/terraform/rspec-6408", "RhinoSecurityLabs/GCP-IAM-Privilege-Escalation"),
)  # fmt: skip
ROLE_UNREADABLE = iam_page(
    "DW568", "role-unreadable", _WARNING,
    "Finds roles whose permissions could not be read.",
    "What a role permits that nobody can read may be anything.",
    "Let the guard read roles (`iam.roles.get`), or grant a predefined role.",
)  # fmt: skip
ACCOUNT_ROLE_ON_PROJECT = iam_page(
    "DW569", "account-role-on-project", _WARNING,
    "Finds Service Account User, Token Creator and Workload Identity User on the whole project.",
    "Whoever holds one of them there acts as every service account of the project, those to come included.",
    "Grant it on the one service account that is meant.",
    sources=("CIS Google Cloud 1.6",),
)  # fmt: skip
DUTIES_NOT_SEPARATE = iam_page(
    "DW570", "duties-not-separate", _WARNING,
    "Finds members who hold roles together that `iam.separate` keeps apart.",
    "Who can make an account and act as it needs nobody's leave for anything.",
    "Take one of the roles from the member.",
    sources=("CIS Google Cloud 1.8",),
)  # fmt: skip
DIRECT_WRITER = iam_page(
    "DW571", "direct-bucket-writer", _ERROR,
    "Finds members who may write `dags/` or `plugins/` in the environment's bucket, other than the mirror and the "
    "environment itself.",
    "Whoever writes there runs code as the environment, past the gate.",
    _TAKE_OUT,
    sources=("NetSPI on Cloud Composer",),
)  # fmt: skip
DEFAULT_ACCOUNT = iam_page(
    "DW572", "default-account", _ERROR,
    "Finds components that run as a project's default service account, and roles that such an account holds.",
    "Whatever runs in the project without naming an account shares it, often with the Editor role.",
    "Make a service account for each component; take the default one's roles from it.",
    sources=("CKV_GCP_30", "organisation policy iam.automaticIamGrantsForDefaultServiceAccounts"),
)  # fmt: skip
SHARED_ACCOUNT = iam_page(
    "DW573", "shared-account", _ERROR,
    "Finds components that run as the same service account.",
    "Each then holds the roles of the others, and the log cannot tell them apart.",
    "Make a service account for each component.",
    sources=("cloud.google.com/iam/docs/best-practices-service-accounts",),
)  # fmt: skip
ACCOUNT_MISSING = iam_page(
    "DW574", "account-missing", _WARNING,
    "Finds service accounts that `iam.service_accounts` names and that are not there, or are disabled.",
    "A name that is free can be taken: who may create accounts would get its place in the policy.",
    "Create or enable the account, or correct its name.",
)  # fmt: skip
ADMIN_ACCOUNT = iam_page(
    "DW575", "admin-account", _WARNING,
    "Finds components whose service account holds owner, editor or an admin role.",
    "A DAG, or a fault in a function, is then worth that role.",
    "Grant it the least that it needs, on the resources that it needs it on.",
    sources=("CIS Google Cloud 1.5",),
)  # fmt: skip
USER_MANAGED_KEY = iam_page(
    "DW576", "user-managed-key", _ERROR,
    "Finds service-account keys that people hold, where `iam.keys.user_managed_on` does not name the account.",
    "Such a key works from anywhere, for whoever finds it, until somebody deletes it.",
    "Delete it; impersonate the account, or use workload identity.",
    sources=("CIS Google Cloud 1.4", "policy-library gcp_iam_restrict_service_account_key_type"),
)  # fmt: skip
OLD_KEY = iam_page(
    "DW577", "old-key", _WARNING,
    "Finds service-account keys that people hold and that are older than `iam.keys.max_age_days`.",
    "The longer a key lives, the more copies of it there are.",
    "Make a new one, put it where the old one was, and delete the old one.",
    sources=("CIS Google Cloud 1.7", "policy-library gcp_iam_restrict_service_account_key_age"),
)  # fmt: skip
BUCKET_NOT_UNIFORM = iam_page(
    "DW578", "bucket-access-not-uniform", _ERROR,
    "Finds buckets where objects have access lists of their own.",
    "Who may read or write an object then cannot be told from the bucket's policy.",
    "Turn uniform bucket-level access on.",
    sources=("CIS Google Cloud 5.2", "policy-library storage_bucket_policy_only"),
)  # fmt: skip
BUCKET_MAY_BE_PUBLIC = iam_page(
    "DW579", "bucket-may-become-public", _WARNING,
    "Finds buckets without public access prevention.",
    "One binding, set by mistake, opens the bucket to everybody.",
    "Enforce public access prevention.",
    sources=("CKV_GCP_114",),
)  # fmt: skip
BUCKET_NOT_VERSIONED = iam_page(
    "DW580", "bucket-not-versioned", _WARNING,
    "Finds buckets that keep no versions.",
    "What is overwritten or deleted by mistake is gone.",
    "Turn versioning on.",
    sources=("CKV_GCP_78",),
)  # fmt: skip
AUDIT_LOG_OFF = iam_page(
    "DW581", "audit-log-off", _WARNING,
    "Finds Data Access logs that `iam.audit_logs` wants and the project does not keep, and members left out of them.",
    "Without them nobody can tell who read or wrote what.",
    "Turn them on in the project's audit configuration.",
    sources=("CIS Google Cloud 2.1", "policy-library iam_audit_log_all"),
)  # fmt: skip
DELETED_MEMBER = iam_page(
    "DW582", "deleted-member", _INFO,
    "Finds roles held by accounts that were deleted.",
    "They grant nothing, and hide what does.",
    "Take the member out of the binding.",
)  # fmt: skip

IAM_PAGES = (
    *(PUBLIC_MEMBER, CONSUMER_MEMBER, FOREIGN_DOMAIN, FORBIDDEN_BINDING, UNLISTED_HOLDER, BASIC_ROLE),
    *(CONVENIENCE_MEMBER, ESCALATION, ROLE_UNREADABLE, ACCOUNT_ROLE_ON_PROJECT, DUTIES_NOT_SEPARATE, DIRECT_WRITER),
    *(DEFAULT_ACCOUNT, SHARED_ACCOUNT, ACCOUNT_MISSING, ADMIN_ACCOUNT, USER_MANAGED_KEY, OLD_KEY),
    *(BUCKET_NOT_UNIFORM, BUCKET_MAY_BE_PUBLIC, BUCKET_NOT_VERSIONED, AUDIT_LOG_OFF, DELETED_MEMBER),
    *COMPOSER_PAGES,
)

APPLIABLE = frozenset(
    page.rule
    for page in (
        *(PUBLIC_MEMBER, CONSUMER_MEMBER, FOREIGN_DOMAIN, FORBIDDEN_BINDING, UNLISTED_HOLDER, BASIC_ROLE),
        *(CONVENIENCE_MEMBER, ESCALATION, ACCOUNT_ROLE_ON_PROJECT, DIRECT_WRITER, DELETED_MEMBER),
    )
)
"""Rules whose findings one member of one binding is to blame for: taking it out puts them right."""
