"""Members of bindings, taken apart.

Source: cloud.google.com/iam/docs/principal-identifiers.
"""

from __future__ import annotations

import re

import msgspec

from dagwarden.iam.snapshot import PUBLIC

CONSUMER_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
"""Of accounts that no organisation manages. Source: CIS Google Cloud 1.1, policy-library iam_restrict_gmail."""

CONVENIENCE = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
"""Kinds of members that stand for all holders of a basic role on a project.

Source: cloud.google.com/storage/docs/access-control/iam, convenience values."""

_DEFAULT_ACCOUNT = re.compile(r"\d+-compute@developer\.gserviceaccount\.com|[^@]+@appspot\.gserviceaccount\.com")
_AGENT = re.compile(
    r"(service-\d+@[a-z0-9-]+\.iam\.gserviceaccount\.com|\d+@cloudservices\.gserviceaccount\.com"
    r"|\d+@cloudbuild\.gserviceaccount\.com)"
)


class Member(msgspec.Struct, frozen=True):
    """A member: `user:anna@example.com` is of kind `user`, called `anna@example.com`, of `example.com`."""

    kind: str
    name: str
    is_deleted: bool = False

    @property
    def domain(self) -> str:
        """Of which domain it is; empty where it is of none."""
        if self.kind == "domain":
            return self.name
        return self.name.rpartition("@")[2] if "@" in self.name else ""


def parse_member(text: str) -> Member:
    """Any text as a member; one that is of no kind we know has itself as its kind.

    >>> parse_member("deleted:user:anna@example.com?uid=1")
    Member(kind='user', name='anna@example.com', is_deleted=True)
    """
    is_deleted = text.startswith("deleted:")
    kind, _, name = text.removeprefix("deleted:").partition(":")
    return Member(kind, name.partition("?uid=")[0] if is_deleted else name, is_deleted)


def is_public(member: str) -> bool:
    """Whether it stands for everybody there is."""
    return member in PUBLIC


def is_default_account(email: str) -> bool:
    """Whether Google made the account with the project, for whatever runs there.

    >>> is_default_account("12345-compute@developer.gserviceaccount.com")
    True
    """
    return _DEFAULT_ACCOUNT.fullmatch(email) is not None


def is_google_agent(member: str) -> bool:
    """Whether it is an account by which a service of Google's works in a project.

    Source: cloud.google.com/iam/docs/service-agents.
    """
    parsed = parse_member(member)
    return parsed.kind == "serviceAccount" and _AGENT.fullmatch(parsed.name) is not None


def is_of_domain(member: str, domain: str, *, with_subdomains: bool) -> bool:
    """Whether a member is of a domain, or of one below it.

    A project's service account belongs to `iam.gserviceaccount.com` by way of `PROJECT.iam.gserviceaccount.com`.
    """
    found = parse_member(member).domain.lower()
    wanted = domain.lower()
    return found == wanted or (with_subdomains and found.endswith(f".{wanted}"))
